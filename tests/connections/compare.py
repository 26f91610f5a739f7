"""Runs programs on two reactors in processes of their own, and compares what was seen."""

from __future__ import annotations

import difflib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count as count_up
from typing import Any

from tests.children import environment
from tests.connections.program import Program, make, to_text

#: How many programs one process runs.
_CHUNK = 500
#: Lines around a difference that are printed.
_AROUND = 6

Trace = list[str]


def traces(reactor: str, *arguments: str) -> Generator[Trace, None, None]:
    """Give what is seen of programs on a reactor, one after the other.

    Args:
        reactor: its name.
        arguments: of `tests.connections`, which say which programs, and more.

    Raises:
        AssertionError: the process has ended badly, or has printed to standard error.
    """
    command = [sys.executable, "-m", "tests.connections", reactor, *arguments]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        )
        assert process.stdout is not None
        try:
            with process.stdout as lines:
                yield from map(json.loads, lines)
            status = process.wait()
            errors.seek(0)
            said = errors.read().decode(errors="replace")
            assert (status, said) == (0, ""), f"{reactor} {arguments} ended with {status}\n{said}"
        finally:
            process.kill()
            process.wait()


def _both(
    reference: str, candidate: Sequence[str], *which: str
) -> Iterator[tuple[Trace, Trace | AssertionError]]:
    """Give pairs of what is seen; instead of the second, why there is nothing."""
    ours = traces(*candidate, *which)
    for left in traces(reference, *which):
        try:
            right: Trace | AssertionError = next(ours)
        except AssertionError as error:
            right = error
        except StopIteration:
            right = AssertionError("ended early")
        yield left, right
        if isinstance(right, AssertionError):
            return


def _first_of(
    reference: str, candidate: Sequence[str], programs: Sequence[Program]
) -> tuple[Program, Trace, Trace | AssertionError] | None:
    """Give the first program that shows a difference."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(programs, file)
        file.flush()
        both = _both(reference, candidate, "--programs", file.name)
        for program, (left, right) in zip(programs, both, strict=False):
            if left != right:
                return program, left, right
    return None


def _smaller(program: Program) -> Iterator[Program]:
    """Give the programs that one part is left out of: a step, an operation, a reaction."""
    steps: list[Any] = program["steps"]
    for number, (name, ops) in enumerate(steps):
        yield {**program, "steps": steps[:number] + steps[number + 1 :]}
        for place in range(len(ops)) if len(ops) > 1 else ():
            step = [name, ops[:place] + ops[place + 1 :]]
            yield {**program, "steps": [*steps[:number], step, *steps[number + 1 :]]}
    for name, end in program["ends"].items():
        for number in range(len(end["reactions"])):
            left = end["reactions"][:number] + end["reactions"][number + 1 :]
            yield {**program, "ends": {**program["ends"], name: {**end, "reactions": left}}}


def _shown(program: Program, left: Trace, right: Trace | AssertionError) -> str:
    if isinstance(right, AssertionError):
        return f"{to_text(program)}{right}"
    lines = difflib.unified_diff(left, right, "reference", "candidate", lineterm="", n=_AROUND)
    return to_text(program) + "\n".join(lines)


def _cut_down(reference: str, candidate: Sequence[str], seed: int) -> str:
    """Find what is needed of a program that shows a difference, and give it with what is seen."""
    program = make(seed)
    found = _first_of(reference, candidate, [program] * 3)
    if found is None:
        return f"The program of seed {seed} shows a difference only at times:\n{to_text(program)}"
    while smaller := _first_of(reference, candidate, list(_smaller(found[0]))):
        found = smaller
    return f"What is needed of the program of seed {seed}:\n{_shown(*found)}"


def _difference(reference: str, candidate: Sequence[str], seed: int, count: int) -> str:
    """Give what is to be said of the first program that shows a difference: nothing, if none does."""
    both = _both(reference, candidate, "--seed", str(seed), "--count", str(count))
    for number, (left, right) in zip(count_up(seed), both, strict=False):
        if left != right:
            return f"{_shown(make(number), left, right)}\n\n{_cut_down(reference, candidate, number)}"
    return ""


def differences(reference: str, candidate: Sequence[str], count: int, seed: int = 0) -> list[str]:
    """Compare programs in as many processes at a time as there are processors. Give what is to be said.

    Args:
        reference: the name of the reactor that is right.
        candidate: the name of the reactor that is tested, and more arguments of `tests.connections`.
        count: how many programs.
        seed: the seed of the first one.
    """
    processors = len(os.sched_getaffinity(0))
    size = min(_CHUNK, -(-count // processors))
    starts = range(seed, seed + count, size)
    with ThreadPoolExecutor(processors) as pool:
        found = pool.map(
            lambda first: _difference(reference, candidate, first, min(size, seed + count - first)), starts
        )
        return [text for text in found if text]


def expectations(reference: str, count: int) -> list[Trace]:
    """Give what is seen of the first programs."""
    return list(traces(reference, "--count", str(count)))


def finds(mistake: str, expected: Sequence[Trace]) -> int | None:
    """Give after how many programs a mistake in stock Twisted shows; None if it never does."""
    seen = traces("epoll", "--count", str(len(expected)), "--mistake", mistake)
    for number, (left, right) in enumerate(zip(expected, seen, strict=False), 1):
        if left != right:
            seen.close()
            return number
    return None
