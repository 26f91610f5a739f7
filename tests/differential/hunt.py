"""Looks for planted mistakes, and prints those that no program has found.

python -m tests.differential.hunt --every 10
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import sys
from collections.abc import Iterator

from tests import apis, logs, second_copy
from tests.differential.compare import Guard, Incomparable, Runner, Step, check_comparable, compare
from tests.differential.machine import write
from tests.differential.mutants import HARMLESS, Mutant, all_mutants
from tests.differential.program import Program

#: Turns of loops in a program on a copy with a mistake, which may make it endless.
_TURNS = 20_000
#: How many programs are written at a time.
_BATCH = 500


class Expectations:
    """Programs and what is seen of them on stock, which are made when they are first needed."""

    def __init__(self, count: int) -> None:
        self._batches = range(0, count, _BATCH)
        self._reference = Runner(apis.load("stock"))
        self._guard = Guard()
        self._known: list[tuple[Program, list[Step]]] = []
        self._unknown = self._make()

    def __iter__(self) -> Iterator[tuple[Program, list[Step]]]:
        yield from self._known
        for program, expected in self._unknown:
            self._known.append((program, expected))
            gc.freeze()
            yield program, expected

    def _make(self) -> Iterator[tuple[Program, list[Step]]]:
        for number in self._batches:
            programs = write(number, _BATCH)
            gc.collect()
            for program in programs:
                if not self._guard.ends(program):
                    continue
                expected = self._reference.run(program)
                with contextlib.suppress(Incomparable):
                    check_comparable(expected)
                    yield program, expected


def is_found(program: Program, expected: list[Step], runner: Runner) -> bool:
    """Say whether a program shows the mistake in what it runs on."""
    try:
        compare(expected, runner.run(program))
    except Exception:
        return True
    return False


def find(mutant: Mutant, expectations: Expectations) -> int | None:
    """Say how many programs it takes to find a mistake."""
    turns = second_copy.Turns(_TURNS)
    runner = Runner(mutant.load(turns))
    for number, (program, expected) in enumerate(expectations):
        turns.count = 0
        if is_found(program, expected, runner):
            return number
    return None


def main() -> int:
    """Look for the mistakes that the command line asks for. Give 1 if one of them is not found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="take one mistake in so many")
    parser.add_argument("--programs", type=int, default=12000, help="how many programs to try")
    parser.add_argument(
        "--verbose", action="store_true", help="print every mistake and what it takes to find it"
    )
    parser.add_argument("--only", default="", help="take the mistakes with these words")
    options = parser.parse_args()
    logs.begin()
    gc.disable()
    gc.collect()
    gc.freeze()
    expectations = Expectations(options.programs)
    chosen = [mutant for mutant in all_mutants()[:: options.every] if options.only in mutant.name]
    missed = 0
    for mutant in chosen:
        if mutant.name in HARMLESS:
            continue
        try:
            needed = find(mutant, expectations)
        except SyntaxError:
            needed = 0
        gc.collect()
        gc.freeze()
        if needed is None:
            missed += 1
            print(f"not found: {mutant.name}", flush=True)
        elif options.verbose:
            print(f"{needed:6} {mutant.name}", flush=True)
    print(f"{len(chosen)} mistakes, {missed} not found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
