"""Which Python and which Twisted deferrous supports, and the words for all others.

It is Python because it has to run where the extension module cannot.
"""

import re
import sys
import sysconfig

from deferrous._errors import InstallError

#: The first supported CPython.
FIRST_PYTHON = (3, 10)

#: The first and the last supported release of Twisted. deferrous replaces private parts of Twisted, and a
#: release that its tests have not seen may have changed them: later ones are an error and not a guess.
FIRST_TWISTED = (24, 11)
LAST_TWISTED = (26, 10)

#: The range of Twisted as messages name it, and as pip takes it.
TWISTED_RANGE = "{}.{} to {}.{}".format(*FIRST_TWISTED, *LAST_TWISTED)
TWISTED_REQUIREMENT = "Twisted>={}.{},<{}.{}".format(*FIRST_TWISTED, LAST_TWISTED[0], LAST_TWISTED[1] + 1)

PYTHON_RANGE = "CPython {}.{} or later, with the GIL".format(*FIRST_PYTHON)


def python_name() -> str:
    """Return the name and the version of this Python, such as "CPython 3.13.0"."""
    implementation = {"cpython": "CPython", "pypy": "PyPy"}.get(
        sys.implementation.name, sys.implementation.name
    )
    threads = " (free-threaded)" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return f"{implementation} {'.'.join(map(str, sys.version_info[:3]))}{threads}"


def python_problem() -> str | None:
    """Return why this Python is not supported, or None if it is."""
    supported = (
        sys.implementation.name == "cpython"
        and sys.version_info >= FIRST_PYTHON
        and not sysconfig.get_config_var("Py_GIL_DISABLED")
    )
    if supported:
        return None
    return f"{python_name()} is not supported. deferrous supports {PYTHON_RANGE}."


def twisted_problem(version: str) -> str | None:
    """Say why a release of Twisted is not supported.

    Args:
        version: the version, as `twisted.__version__` has it. What follows the second number does not matter.

    Returns:
        the reason and what to do, or None if the release is supported.
    """
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is not None and FIRST_TWISTED <= (int(numbers[1]), int(numbers[2])) <= LAST_TWISTED:
        return None
    return (
        f"Twisted {version} is not supported. deferrous supports Twisted {TWISTED_RANGE}: "
        f"`pip install '{TWISTED_REQUIREMENT}'`, or look for a later deferrous."
    )


def twisted_version() -> str:
    """Return the version of Twisted that this process imports.

    Raises:
        InstallError: there is no Twisted.
    """
    try:
        import twisted
    except ModuleNotFoundError as error:
        if error.name != "twisted":
            raise
        raise InstallError(
            f"There is no Twisted for {sys.executable}: `pip install '{TWISTED_REQUIREMENT}'`."
        ) from None
    return str(twisted.__version__)


def require_supported() -> None:
    """Check this Python and this Twisted.

    Raises:
        InstallError: one of them is not supported, or there is no Twisted.
    """
    problem = python_problem() or twisted_problem(twisted_version())
    if problem is not None:
        raise InstallError(problem)
