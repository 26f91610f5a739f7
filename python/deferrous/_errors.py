"""The error of installing, in a file of its own so that nothing else is imported with it.

It is Python because Python programs catch it, also where the extension module cannot be loaded.
"""


class InstallError(RuntimeError):
    """deferrous cannot be put underneath Twisted here. The message says why, and what to do about it.

    It is no ImportError, since programs take that for "there is no Twisted" and go on without.
    """


# The name by which programs catch it, in tracebacks too.
InstallError.__module__ = "deferrous"
