"""The error of installing, in a file of its own so that importing it imports nothing else.

It is Python because programs catch it even if the extension module cannot be loaded.
"""


class InstallError(RuntimeError):
    """deferrous cannot be put underneath Twisted here. The message says why, and what to do about it.

    It is no ImportError, because programs take that to mean "there is no Twisted" and continue without.
    """


# The public name, which tracebacks show too.
InstallError.__module__ = "deferrous"
