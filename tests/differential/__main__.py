"""Runs programs with numbers in a row on two faces, and prints the smallest that shows a difference."""

from __future__ import annotations

import argparse
import faulthandler
import gc
import os
import sys

from tests import faces, logs
from tests.differential.compare import Comparison, Mismatch, Runner
from tests.differential.generate import PATCHING_EVERY, generate
from tests.differential.program import to_text
from tests.differential.shrink import shrink

#: How many programs run before what they have left behind is taken out of the collector's sight.
_FREEZE_EVERY = 200
#: After how many seconds a program counts as one that hangs: each takes some thousandths of one.
_HANGING = 120


def in_order(first: int, count: int) -> list[int]:
    """Give the numbers of the programs, with those at the end that patch Deferred."""
    return sorted(range(first, first + count), key=lambda seed: seed % PATCHING_EVERY == 0)


def explain(seed: int, found: Mismatch, comparison: Comparison) -> str:
    """Cut a program down to what shows the difference, and say what that is."""
    smallest = shrink(found.program, lambda program: comparison(program) is not None)
    return f"Program {seed}, cut down:\n{to_text(smallest)}\n{comparison(smallest) or found}"


def show(seed: int, runner: Runner) -> None:
    """Print what is seen of a program on one face."""
    program = generate(seed)
    print(to_text(program))
    for number, step in enumerate(runner.run(program)):
        operation = program["ops"][number] if number < len(program["ops"]) else "end"
        print(f"-- {number}: {operation}")
        print(*step.lines, *(f"  report: {line}" for line in sorted(step.reports.elements())), sep="\n")


def main() -> int:
    """Run the programs that the command line asks for. Give 1 if one shows a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="the number of the first program")
    parser.add_argument("--count", type=int, default=1, help="how many programs to run")
    parser.add_argument("--candidate", default=faces.NAMES[-1], help="the face that is compared with stock")
    parser.add_argument("--most", type=int, default=1, help="after how many differences to stop")
    parser.add_argument("--progress", help="a file in which the number of the program stands that runs now")
    parser.add_argument("--show", action="store_true", help="print what is seen on stock")
    options = parser.parse_args()
    logs.begin()
    if options.show:
        show(options.first, Runner(faces.load("stock")))
    comparison = Comparison(faces.load("stock"), faces.load(options.candidate))
    progress = os.open(options.progress or os.devnull, os.O_WRONLY | os.O_CREAT)
    differences = 0
    gc.disable()
    for done, seed in enumerate(in_order(options.first, options.count)):
        if done % _FREEZE_EVERY == 0:
            gc.collect()
            gc.freeze()
        os.pwrite(progress, b"%12d\n" % seed, 0)
        faulthandler.dump_traceback_later(_HANGING, exit=True)
        found = comparison(generate(seed))
        faulthandler.cancel_dump_traceback_later()
        if found is not None:
            print(explain(seed, found, comparison), flush=True)
            differences += 1
            if differences == options.most:
                break
    if differences:
        return 1
    print(f"{options.count} programs from {options.first} on: {comparison.compared} compared, no difference")
    return 0


if __name__ == "__main__":
    sys.exit(main())
