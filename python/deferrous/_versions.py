"""The supported versions of Python and Twisted, and the messages about others.

It is Python because it has to run where the extension module cannot be loaded.
"""

import os
import re
import sys

from deferrous._errors import InstallError

#: The first and the last supported CPython. The extension module uses private parts of its objects, which a
#: version that the tests have not seen may have changed.
FIRST_PYTHON = (3, 10)
LAST_PYTHON = (3, 15)

#: The first and the last supported release of Twisted. deferrous replaces private parts of Twisted, which a
#: release that the tests have not seen may have changed. So later releases are an error.
FIRST_TWISTED = (24, 11)
LAST_TWISTED = (26, 10)

#: The range of Twisted in messages, and for pip.
TWISTED_RANGE = "{}.{} to {}.{}".format(*FIRST_TWISTED, *LAST_TWISTED)
TWISTED_REQUIREMENT = "Twisted>={}.{},<{}.{}".format(*FIRST_TWISTED, LAST_TWISTED[0], LAST_TWISTED[1] + 1)

PYTHON_RANGE = "CPython {}.{} to {}.{}, with the GIL".format(*FIRST_PYTHON, *LAST_PYTHON)

#: The environment variable that allows a newer CPython or Twisted.
ALLOW_UNTESTED = "DEFERROUS_ALLOW_UNTESTED"

#: Whether this process has warned that it runs on an untested version.
_warned = False


def untested_allowed() -> bool:
    """Say whether the environment allows a newer CPython or Twisted than the tests have seen.

    Raises:
        InstallError: the value of the variable means neither yes nor no.
    """
    value = os.environ.get(ALLOW_UNTESTED, "")
    if value not in ("", "0", "1"):
        raise InstallError(
            f"{ALLOW_UNTESTED}={value} means nothing: set it to 1 to try a newer CPython or Twisted, "
            "or to 0 or nothing to have it refused."
        )
    return value == "1"


def python_name() -> str:
    """Return the name and the version of this Python, such as "CPython 3.13.0"."""
    implementation = {"cpython": "CPython", "pypy": "PyPy"}.get(
        sys.implementation.name, sys.implementation.name
    )
    threads = " (free-threaded)" if _is_free_threaded() else ""
    return f"{implementation} {'.'.join(map(str, sys.version_info[:3]))}{threads}"


def python_problem() -> str | None:
    """Return why this Python is not supported, or None if it is."""
    if is_newer_python():
        return (
            f"{python_name()} is not supported. deferrous supports {PYTHON_RANGE}: "
            f"look for a later deferrous, or set {ALLOW_UNTESTED}=1 to try it."
        )
    if _has_needed_parts() and sys.version_info >= FIRST_PYTHON:
        return None
    return f"{python_name()} is not supported. deferrous supports {PYTHON_RANGE}."


def is_newer_python() -> bool:
    """Say whether this Python is a CPython that is newer than those that the tests have seen."""
    return _has_needed_parts() and sys.version_info[:2] > LAST_PYTHON


def _has_needed_parts() -> bool:
    """Say whether this is a CPython with the GIL, of whatever version."""
    return sys.implementation.name == "cpython" and not _is_free_threaded()


def _is_free_threaded() -> bool:
    """Say whether this Python was built without the GIL.

    `sysconfig` has the same answer, but its import takes 3 ms, and hardly any program imports it otherwise.
    """
    return "t" in getattr(sys, "abiflags", "")


def twisted_problem(version: str) -> str | None:
    """Say why a release of Twisted is not supported.

    Args:
        version: the version, as in `twisted.__version__`. Only its first two numbers matter.

    Returns:
        the reason and what to do, or None if the release is supported.
    """
    numbers = _numbers(version)
    if numbers is not None and FIRST_TWISTED <= numbers <= LAST_TWISTED:
        return None
    attempt = f", or set {ALLOW_UNTESTED}=1 to try it" if is_newer_twisted(version) else ""
    return (
        f"Twisted {version} is not supported. deferrous supports Twisted {TWISTED_RANGE}: "
        f"`pip install '{TWISTED_REQUIREMENT}'`, or look for a later deferrous{attempt}."
    )


def is_newer_twisted(version: str) -> bool:
    """Say whether a release of Twisted is newer than those that the tests have seen."""
    numbers = _numbers(version)
    return numbers is not None and numbers > LAST_TWISTED


def _numbers(version: str) -> tuple[int, int] | None:
    """Return the first two numbers of a version, or None if it has none."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return None if found is None else (int(found[1]), int(found[2]))


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


def version_problem() -> str | None:
    """Say why deferrous does not run with this Python and this Twisted, or return None if it does.

    A missing Twisted is no problem: a program may bring its own, or import none.

    Raises:
        InstallError: the environment variable that allows newer versions means neither yes nor no.
    """
    allowed = untested_allowed()
    problem = python_problem()
    if problem is not None and not (allowed and is_newer_python()):
        return problem
    try:
        version = twisted_version()
    except InstallError:
        return None
    problem = twisted_problem(version)
    return None if allowed and is_newer_twisted(version) else problem


def require_supported() -> None:
    """Check this Python and this Twisted. If the environment allows a newer one, warn once.

    Raises:
        InstallError: one of them is not supported, or there is no Twisted.
    """
    allowed = untested_allowed()
    untested = []
    problem = python_problem()
    if problem is not None:
        if not (allowed and is_newer_python()):
            raise InstallError(problem)
        untested.append(python_name())
    version = twisted_version()
    problem = twisted_problem(version)
    if problem is not None:
        if not (allowed and is_newer_twisted(version)):
            raise InstallError(problem)
        untested.append(f"Twisted {version}")
    if untested:
        _warn(" and ".join(untested))


def _warn(untested: str) -> None:
    """Warn that deferrous runs on an untested version, once in each process."""
    global _warned
    if _warned:
        return
    _warned = True
    import warnings

    warnings.warn(
        f"deferrous has not been tested with {untested}, which it only runs on because of "
        f"{ALLOW_UNTESTED}=1. What goes wrong may be a crash, or a wrong result that nobody notices.",
        RuntimeWarning,
        stacklevel=3,
    )
