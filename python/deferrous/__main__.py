"""The command line of deferrous."""

import sys


def main() -> int:
    """Run the command line.

    Returns:
        the exit status.
    """
    print("not yet", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
