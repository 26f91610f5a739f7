"""`deferrous run`: start a program with plain Python and DEFERROUS=1 in its environment.

This process becomes the program's, by exec. So `sys.argv`, `__main__`, `sys.path`, tracebacks, signals and
the exit status are those of plain Python, and the program's children run on deferrous as well. It is Python
because it only runs before the program starts.
"""

import os
import sys
from collections.abc import Sequence

from deferrous._autostart import VARIABLE
from deferrous._errors import InstallError
from deferrous._install_reactor import VARIABLE as REACTOR
from deferrous._install_reactor import reactor_problem
from deferrous._versions import version_problem

#: The start-up file that reads the variable. The wheel installs it beside the package. Its name must sort
#: after deferrous.pth, which an editable installation uses to name the folder of the sources.
START_UP_FILE = "deferrous_autostart.pth"

#: The options, and the environment variables that say the same.
OPTIONS = {"--reactor": REACTOR, "--stall": "DEFERROUS_STALL"}

USAGE = """\
usage: deferrous run [--reactor NAME] [--stall TIME] SCRIPT [ARG...]
       deferrous run [--reactor NAME] [--stall TIME] -m MODULE [ARG...]

Run a Python program on deferrous. SCRIPT may be whatever python takes: a file, a folder or a zip file with a
__main__.py, or - for standard input. The options that this python was started with are passed on: python -X
dev -m deferrous run SCRIPT.

A program that picks no reactor gets the one of deferrous, or the one with this NAME, which is one of those
that twistd --help-reactors lists; default is the one that Twisted would pick.

With --stall 50ms, a line is logged whenever the reactor does not come to anything else for longer: how long,
why, and where.
"""


def run(arguments: Sequence[str]) -> int:
    """Become the program.

    Args:
        arguments: the command line after `run`.

    Returns:
        the exit status, if there is nothing to run. Otherwise it does not return.
    """
    if arguments and arguments[0] in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    environment = {**os.environ, VARIABLE: "1"}
    given, arguments = _take_options(arguments)
    environment.update((OPTIONS[option], value) for option, value in given.items())
    problem = next(filter(None, (_option_problem(option, value) for option, value in given.items())), None)
    if problem is None and "--reactor" not in given and arguments and os.environ.get(REACTOR):
        name = os.environ[REACTOR]
        problem = reactor_problem(name)
        problem = problem and f"{REACTOR}={name}: {problem}"
    problem = problem or _problem(arguments)
    if problem is not None:
        print(f"deferrous run: {problem}", file=sys.stderr)
        return 2
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, [sys.executable, *interpreter_options(sys.orig_argv), *arguments], environment)


def _take_options(arguments: Sequence[str]) -> tuple[dict[str, str], Sequence[str]]:
    """Return the options with their values, which are "" if they are missing, and the remaining arguments."""
    given = {}
    while arguments:
        option, equals, value = arguments[0].partition("=")
        if option not in OPTIONS:
            break
        if not equals:
            value = arguments[1] if len(arguments) > 1 else ""
        given[option] = value
        arguments = arguments[1 if equals else 2 :]
    return given, arguments


def _option_problem(option: str, value: str) -> str | None:
    """Say what is wrong with an option."""
    if option == "--reactor":
        return reactor_problem(value) if value else "which reactor? A NAME has to follow --reactor."
    if not value:
        return "how long may a turn of the reactor take? A TIME has to follow --stall, such as 50ms."
    from deferrous.inspect._stall_start import seconds

    try:
        seconds(value)
    except ValueError as error:
        return f"--stall: {error}"
    return None


def _problem(arguments: Sequence[str]) -> str | None:
    """Say why there is nothing to run, or why it would not run on deferrous."""
    if not arguments:
        return "which program? Name a SCRIPT, or -m and a MODULE."
    if arguments[0] == "-m" and len(arguments) < 2:
        return "which module? A MODULE has to follow -m."
    if arguments[0].startswith("-") and arguments[0] not in ("-", "-m"):
        return (
            f"there is no option {arguments[0]}. Options of python go before -m deferrous: "
            "python -X dev -m deferrous run SCRIPT."
        )
    if start_up_file() is None:
        return (
            f"the start-up file {START_UP_FILE} is not in this environment, so that {VARIABLE}=1 would do "
            f"nothing. Install deferrous with `{sys.executable} -m pip install`, or call deferrous.install() "
            "at the top of the program."
        )
    try:
        return version_problem()
    except InstallError as error:
        return str(error)


def start_up_file() -> str | None:
    """Return the path of the start-up file that Python reads in this environment; None without one."""
    if sys.flags.no_site:
        return None
    import site

    folders = [*site.getsitepackages(), *([site.getusersitepackages()] if site.ENABLE_USER_SITE else [])]
    paths = (os.path.join(folder, START_UP_FILE) for folder in folders)
    return next((path for path in paths if os.path.isfile(path)), None)


def interpreter_options(command: Sequence[str]) -> list[str]:
    """Return the options that an interpreter was started with.

    Args:
        command: its command line as it was, which is `sys.orig_argv`.

    Returns:
        everything between the interpreter and the program.
    """
    options: list[str] = []
    words = iter(command[1:])
    for word in words:
        if word == "--check-hash-based-pycs":
            options += [word, next(words)]
        elif word.startswith("--"):
            options.append(word)
        elif word == "-" or not word.startswith("-"):
            break
        else:
            kept, ends, value_follows = _options_in(word)
            options += [f"-{kept}"] * bool(kept)
            if ends:
                break
            if value_follows:
                options.append(next(words))
    return options


def _options_in(word: str) -> tuple[str, bool, bool]:
    """Split one word of options, such as -Im or -Werror.

    Returns:
        the letters to keep, whether the last one names the program (-c or -m), and whether the value of the
        last one is the next word.
    """
    for index, letter in enumerate(word[1:], start=1):
        if letter in "cm":
            return word[1:index], True, False
        if letter in "WX":
            return word[1:], False, index == len(word) - 1
    return word[1:], False, False
