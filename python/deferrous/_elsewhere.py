"""Other Pythons of this machine: DEFERROUS=1 does nothing in one that does not have deferrous.

It is Python because `deferrous check` uses it once.
"""

import os
import shutil
import subprocess
import sys

#: The commands that most programs are started by. A test replaces PATH, in which they are looked up.
COMMANDS = ("python3", "python", "twistd", "trial")

#: Exits with 0 if deferrous is there, and with 3 if not. It may not be found in the current folder.
LOOK = """
import sys
sys.path[:] = filter(None, sys.path)
import importlib.util
sys.exit(0 if importlib.util.find_spec("deferrous") else 3)
"""

#: For how many seconds another Python may take to start.
PATIENCE = 20


def python_of(path: str) -> str | None:
    """Return the Python that runs a file.

    Args:
        path: a Python, or a script such as `twistd`, whose first line names one.

    Returns:
        the path of the Python; None if its name is not that of one. Other programs must not be asked: a shell
        would run `import` as a command.
    """
    with open(path, "rb") as file:
        first, _, rest = file.read(4096).partition(b"\n")
    words = os.fsdecode(first.removeprefix(b"#!")).split() if first.startswith(b"#!") else []
    if words and os.path.basename(words[0]) == "env":
        words = [found for found in map(shutil.which, words[1:]) if found is not None]
    elif words and os.path.basename(words[0]) == "sh" and rest.startswith(b"'''exec' "):
        # What pip writes if the name of the interpreter is too long for a first line, or has a space.
        command = os.fsdecode(rest.partition(b"\n")[0])
        words = [command.removeprefix("'''exec' ").removesuffix(' "$0" "$@"').strip('"')]
    # A Python may itself be a script of a shell, as those of pyenv are.
    return next((word for word in [*words[:1], path] if _is_python(word)), None)


def _is_python(path: str) -> bool:
    """Say whether a program has the name of a Python."""
    return os.path.basename(path).startswith(("python", "pypy"))


def has_deferrous(python: str) -> bool | None:
    """Say whether a Python can import deferrous; None if it does not answer."""
    environment = {name: value for name, value in os.environ.items() if name != "DEFERROUS"}
    try:
        status = subprocess.run(
            [python, "-c", LOOK], env=environment, capture_output=True, timeout=PATIENCE, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired):
        return None
    return {0: True, 3: False}.get(status)


def without_deferrous() -> dict[str, str]:
    """Return the commands in PATH whose Python does not have deferrous, with the path of that Python."""
    answers: dict[str, bool | None] = {os.path.abspath(sys.executable): True}
    found = {}
    for command in COMMANDS:
        path = shutil.which(command)
        if path is None:
            continue
        try:
            python = python_of(path)
        except OSError:
            continue
        if python is None:
            continue
        python = os.path.abspath(python)
        if python not in answers:
            answers[python] = has_deferrous(python)
        if answers[python] is False:
            found[command] = python
    return found


def missing(python: str) -> str:
    """Return the sentences that say that a Python has no deferrous, and what to do."""
    return (
        f"{python} has no deferrous, so that DEFERROUS=1 does nothing in its programs. Install deferrous "
        f"there with `{python} -m pip install`, or start the program with {sys.executable}, which has it."
    )
