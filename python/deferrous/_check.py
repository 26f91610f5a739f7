"""`deferrous check`: say what is installed here, whether it is active, and what would stop it.

It is Python because it also has to work if the extension module cannot be loaded.
"""

import os
import shutil
import sys
import warnings
from collections.abc import Sequence

import deferrous
from deferrous._autostart import VARIABLE, wanted
from deferrous._elsewhere import has_deferrous, missing, python_of, without_deferrous
from deferrous._errors import InstallError
from deferrous._install_reactor import VARIABLE as REACTOR
from deferrous._install_reactor import default_reactor, reactor_problem
from deferrous._run import START_UP_FILE, start_up_file
from deferrous._versions import (
    ALLOW_UNTESTED,
    PYTHON_RANGE,
    TWISTED_RANGE,
    is_newer_python,
    is_newer_twisted,
    python_name,
    python_problem,
    twisted_problem,
    twisted_version,
    untested_allowed,
)

USAGE = """\
usage: deferrous check [PROGRAM]

Print what would stop a Python program that is started here and now from running on deferrous, the versions
of deferrous, Python and Twisted, whether deferrous is switched on, and which reactor the program gets if it
picks none. The exit status is 0 if nothing would stop it, and 1 otherwise.

With PROGRAM, look at the Python that runs it: a Python, or a script whose first line names one, such as
/srv/app/venv/bin/python or $(which twistd).
"""


class Report:
    """The lines and the problems to print."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str]] = []
        self.problems: list[str] = []

    def add(self, name: str, value: str, problem: str | None = None) -> None:
        """Add a line, and a problem if there is one."""
        self.rows.append((name, value))
        if problem is not None and problem not in self.problems:
            self.problems.append(problem)


def check(arguments: Sequence[str]) -> int:
    """Print the report.

    Args:
        arguments: the command line after `check`.

    Returns:
        the exit status.
    """
    if arguments and arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if len(arguments) > 1 or (arguments and arguments[0].startswith("-")):
        print(USAGE, end="", file=sys.stderr)
        return 2
    if arguments:
        return _check_elsewhere(arguments[0])
    report = Report()
    report.add("deferrous", f"{deferrous.__version__}, {os.path.dirname(deferrous.__file__)}")
    allowed = _look_at_permission(report)
    _look_at_python(report, allowed)
    _look_at_twisted(report, allowed)
    active = _look_at_environment(report)
    _try_it(report)
    _look_at_reactor(report, active)
    _print(report)
    return 1 if report.problems else 0


def _check_elsewhere(program: str) -> int:
    """Have the Python of a program print its report, or say that there is no deferrous.

    Args:
        program: the Python or the script, as a path or as a name in PATH.

    Returns:
        the exit status, if that Python has no deferrous. Otherwise this process becomes the other check.
    """
    path = shutil.which(program)
    if path is None:
        print(f"deferrous check: there is no program {program!r} that can be started", file=sys.stderr)
        return 2
    python = python_of(path)
    there = None if python is None else has_deferrous(python)
    if python is None or there is None:
        print(f"deferrous check: which Python runs {program}? Name that Python instead.", file=sys.stderr)
        return 2
    if not there:
        report = Report()
        report.add("Python", python)
        report.add("deferrous", "not found", missing(python))
        _print(report)
        return 1
    sys.stdout.flush()
    os.execv(python, [python, "-m", "deferrous", "check"])


def _look_at_permission(report: Report) -> bool:
    """Report whether the environment allows untested versions, if it sets the variable.

    Returns:
        whether untested versions are allowed.
    """
    try:
        allowed, problem = untested_allowed(), None
    except InstallError as error:
        allowed, problem = False, str(error)
    value = os.environ.get(ALLOW_UNTESTED)
    if value:
        report.add("untested", f"{'allowed' if allowed else 'refused'}, by {ALLOW_UNTESTED}={value}", problem)
    return allowed


def _look_at_python(report: Report, allowed: bool) -> None:
    value = f"{python_name()}, {sys.executable} (supported: {PYTHON_RANGE})"
    if allowed and is_newer_python():
        report.add("Python", f"{value}, not tested")
    else:
        report.add("Python", value, python_problem())


def _look_at_twisted(report: Report, allowed: bool) -> None:
    try:
        version = twisted_version()
    except InstallError as error:
        report.add("Twisted", "not found", str(error))
    else:
        value = f"{version} (supported: {TWISTED_RANGE})"
        if allowed and is_newer_twisted(version):
            report.add("Twisted", f"{value}, not tested")
        else:
            report.add("Twisted", value, twisted_problem(version))


def _look_at_environment(report: Report) -> bool:
    """Report what the environment asks for.

    Returns:
        whether programs that are started here run on deferrous.
    """
    path = start_up_file()
    value = os.environ.get(VARIABLE, "")
    try:
        on, problem = wanted(value), None
    except ValueError as error:
        on, problem = False, str(error)
    report.add(VARIABLE, value or "not set", problem)
    if path is None:
        missing = (
            f"{START_UP_FILE} is not in this environment, without which {VARIABLE}=1 and `deferrous run` do "
            f"nothing: install deferrous with `{sys.executable} -m pip install`."
        )
        report.add("start-up file", "not found", missing)
    else:
        report.add("start-up file", path)
    if on:
        for command, python in without_deferrous().items():
            said = f"{python}, by which {command} runs, has no deferrous: {VARIABLE}=1 does nothing there"
            report.add("not there", said)
    active = on and path is not None
    if active:
        report.add("active here", f"yes, by {VARIABLE}=1")
    else:
        report.add(
            "active here",
            f"no: set {VARIABLE}=1, or start programs with `deferrous run`, or call deferrous.install()",
        )
    return active


def _try_it(report: Report) -> None:
    """Install in this process, which ends soon. An error here would also stop a program."""
    try:
        with warnings.catch_warnings():
            # The lines above name the untested versions.
            warnings.filterwarnings("ignore", message="deferrous has not been tested")
            deferrous.install()
    except InstallError as error:
        # Do not repeat a problem that was found already, nor how to switch deferrous off.
        message = str(error)
        if not any(message.startswith(problem) for problem in report.problems):
            report.add("test run", "failed", message)
    except Exception as error:
        report.add("test run", "failed", f"Twisted cannot be imported: {type(error).__name__}: {error}")
    else:
        report.add("test run", "installed without a problem")


def _look_at_reactor(report: Report, active: bool) -> None:
    """Report which reactor a program gets if it picks none. It comes last because it imports plugins."""
    asked = os.environ.get(REACTOR, "")
    try:
        problem = reactor_problem(asked) if asked else None
        name = default_reactor(active)
    except Exception:
        # Twisted cannot be imported, which has been reported.
        return
    if problem is not None:
        report.add("reactor", "none", f"{REACTOR}={asked}: {problem}")
    elif active and asked:
        report.add("reactor", f"{name}, by {REACTOR}={asked}, if a program picks none")
    else:
        report.add("reactor", f"{name}, if a program picks none")
    if asked and not active:
        report.add("not read", f"{REACTOR}={asked}, which needs {VARIABLE}=1 or `deferrous run`")


def _print(report: Report) -> None:
    """Print the problems, which matter most, and then the lines."""
    if report.problems:
        _print_line(("What would stop it:", "bold red"))
        for problem in report.problems:
            _print_line("  - " + problem.replace("\n", "\n    "))
    else:
        _print_line(("Nothing would stop it.", "green"))
    width = max(len(name) for name, _ in report.rows)
    for name, value in report.rows:
        _print_line((f"{name:{width}}", "bold"), f"  {value}")


def _print_line(*parts: str | tuple[str, str]) -> None:
    """Print one line.

    Args:
        parts: texts, and pairs of a text and its style for terminals.
    """
    try:
        from rich.console import Console
        from rich.text import Text
    except ImportError:
        # rich is optional, and the check should work in any environment.
        print("".join(part if isinstance(part, str) else part[0] for part in parts))
    else:
        Console(soft_wrap=True, highlight=False).print(Text.assemble(*parts))
