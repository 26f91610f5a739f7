"""Runs random programs on two APIs, and prints the smallest that shows a difference."""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
from pathlib import Path
from typing import BinaryIO

from tests import apis, logs
from tests.differential.compare import Comparison, Incomparable, Mismatch, Runner
from tests.differential.machine import search
from tests.differential.program import Program, from_text, to_text

#: One program in so many replaces methods of Deferred. They come last, since the class remembers it.
_PATCHING_EVERY = 16


def show(program: Program, runner: Runner) -> None:
    """Print what is seen of a program on one api."""
    for number, step in enumerate(runner.run(program)):
        operation = program["ops"][number] if number < len(program["ops"]) else "end"
        print(f"-- {number}: {operation}")
        print(*step.lines, *(f"  report: {line}" for line in sorted(step.reports.elements())), sep="\n")


def run_one(program: Program, comparison: Comparison) -> int:
    """Print what is seen of a program on the reference, and the difference. Give 1 if there is one."""
    show(program, comparison.reference)
    try:
        comparison(program)
    except Incomparable:
        print("\nThe program goes on for ever, or to the end of the stack.")
    except Mismatch as found:
        print(f"\n{found}")
        return 1
    return 0


def run_many(number: int, count: int, comparison: Comparison, record: BinaryIO) -> int:
    """Look for a program that shows a difference, and print it. Give 1 if there is one."""
    patching = count // _PATCHING_EVERY
    for share, patches in ((count - patching, False), (patching, True)):
        found = search(comparison, number, share, record, patching=patches) if share else None
        if found is not None:
            program, mismatch = found
            print(f"The smallest program that shows a difference, found from seed {number} on:")
            print(f"{to_text(program)}\n{mismatch}", flush=True)
            return 1
    print(f"{count} programs of seed {number}: no difference")
    return 0


def main() -> int:
    """Do what the command line asks for. Give 1 if a program shows a difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.differential", description=__doc__)
    parser.add_argument("--seed", type=int, default=0, help="another number gives other programs")
    parser.add_argument("--count", type=int, default=1000, help="how many programs to run")
    parser.add_argument("--candidate", default=apis.NAMES[-1], help="the api that is compared with stock")
    parser.add_argument("--record", type=Path, help="a file for the program that runs now")
    parser.add_argument(
        "--program", type=Path, help="a file with one program, to run it and to print what is seen"
    )
    options = parser.parse_args()
    logs.begin()
    comparison = Comparison(apis.load("stock"), apis.load(options.candidate))
    if options.program is not None:
        return run_one(from_text(options.program.read_text()), comparison)
    gc.disable()
    with (
        options.record.open("wb", buffering=0)
        if options.record
        else tempfile.TemporaryFile(buffering=0) as record
    ):
        return run_many(options.seed, options.count, comparison, record)


if __name__ == "__main__":
    sys.exit(main())
