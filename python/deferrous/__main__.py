"""The command line: `deferrous`, or `python -m deferrous`.

It is Python because it only picks a command. Nothing is imported before it is needed.
"""

import sys

USAGE = """\
usage: deferrous run [--reactor NAME] [--stall TIME] SCRIPT [ARG...]      run a program on deferrous
       deferrous run [--reactor NAME] [--stall TIME] -m MODULE [ARG...]   as python would
       deferrous check [PROGRAM]          say whether deferrous is active here, and what would stop it
       deferrous bench [ARG...]           measure deferrous against Twisted on this machine
       deferrous ps PID                   list what is outstanding in a running program
       deferrous pstree PID               show what waits for what in it
       deferrous why PID                  say what keeps it from ending
       deferrous stalls PID               list what has blocked its reactor
       deferrous top PID                  show all this live, in the terminal
       deferrous web PID                  show it live, on a page in the browser
       deferrous --help | --version
"""

#: The commands about a running program.
INSPECTING = ("ps", "pstree", "why", "stalls", "top", "web")


def main() -> int:
    """Run the command line in `sys.argv`.

    Returns:
        the exit status. `run` does not return if it starts a program.
    """
    command, arguments = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if command == "run":
        from deferrous._run import run

        return run(arguments)
    if command == "check":
        from deferrous._check import check

        return check(arguments)
    if command == "bench":
        return _bench(arguments)
    if command in INSPECTING:
        from deferrous.inspect._commands import run as inspect

        return inspect(command, arguments)
    if command in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if command in ("-V", "--version"):
        from deferrous import __version__

        print(f"deferrous {__version__}")
        return 0
    print(USAGE, end="", file=sys.stderr)
    if command:
        print(f"deferrous: there is no command {command!r}", file=sys.stderr)
    return 2


def _bench(arguments: list[str]) -> int:
    """Run `deferrous bench`, whose tables need the optional dependency `rich`."""
    try:
        from deferrous.bench import main as bench
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "rich":
            raise
        print("deferrous bench needs rich: pip install 'deferrous[bench]'", file=sys.stderr)
        return 1
    return bench(arguments)


if __name__ == "__main__":
    sys.exit(main())
