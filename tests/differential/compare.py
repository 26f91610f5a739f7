"""Runs a program on two faces, and finds the first difference in what was seen."""

from __future__ import annotations

import contextvars
import gc
import os
import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from types import ModuleType
from typing import Any

from twisted.logger import globalLogPublisher

from tests import second_copy
from tests.differential import combined
from tests.differential.operations import OPERATIONS
from tests.differential.program import Program
from tests.differential.subclasses import Subclasses
from tests.differential.world import World

_PLAIN_KEYS = frozenset({"log_logger", "log_time", "log_source", "log_failure", "log_level", "log_namespace"})
assert combined  # it has registered its operations


@dataclass
class Step:
    """What was seen in one step: lines in their order, and the reports of finalisers up to here."""

    lines: list[str]
    reports: Counter[str]


@dataclass
class Mismatch:
    """The first difference between two runs of a program."""

    program: Program
    step: int
    reference: list[str]
    candidate: list[str]

    def __str__(self) -> str:
        rows = list(zip_longest(self.reference, self.candidate, fillvalue=""))
        width = min(max((len(left) for left, _ in rows), default=0), 100)
        lines = [f"The faces differ in step {self.step}; where they do is marked, with the reference first."]
        for left, right in rows:
            if left == right:
                lines.append(f"    {left}")
            elif len(left) <= width and len(right) <= width:
                lines.append(f"  ! {left:{width}} | {right}")
            else:
                lines += [f"  < {left}", f"  > {right}"]
        return "\n".join(lines)


class Runner:
    """Runs programs on one face."""

    def __init__(self, face: ModuleType) -> None:
        self.face = face
        self.subclasses = Subclasses(face)

    def run(self, program: Program) -> list[Step]:
        """Run a program from the first operation to the end of its last object."""
        world = World(self.face, self.subclasses, OPERATIONS)
        self.subclasses.listener.note = world.note
        self.subclasses.listener.describe = world.describe
        with _observed(world):
            return contextvars.Context().run(self._steps, world, program)

    def _steps(self, world: World, program: Program) -> list[Step]:
        steps = []
        try:
            for op in program["ops"]:
                world.run([op])
                self._watch(world, program["watch"])
                steps.append(_finished(world))
            world.note("at the end")
            self._watch(world, 2)
            steps.append(_finished(world))
        finally:
            self._clear(world)
        last = _finished(world)
        last.lines.append(f"left over: {sorted(world.describer.labels.survivors())}")
        return [*steps, last]

    def _watch(self, world: World, how: int) -> None:
        for slot in sorted(world.slots) if how else ():
            found = world.slots[slot]
            if isinstance(found, self.face.Deferred):
                describe = world.describer.everything if how > 1 else world.describer.deferred
                try:
                    world.note(f"{slot}: {describe(found)}")
                except (Exception, second_copy.EndlessLoop) as error:
                    world.note(f"{slot}: {world.describer.exception(error)}")

    def _clear(self, world: World) -> None:
        for name, original in world.patched.items():
            setattr(self.face.Deferred, name, original)
        self.face.setDebugging(False)
        world.loop.clear()
        world.clock.calls.clear()
        for held in (world.slots, world.futures, world.primitives, world.failures):
            held.clear()


def _finished(world: World) -> Step:
    gc.collect()
    lines, world.lines = world.lines, []
    return Step(lines, Counter(world.reports))


@contextmanager
def _observed(world: World) -> Iterator[None]:
    """Write down log events, warnings and exceptions that have nowhere to go."""

    def observe(event: dict[str, Any]) -> None:
        final = "debugInfo" in event or event.get("log_format") == "Unhandled error in Deferred:"
        (world.report if final else world.note)(_event(world, event, naming=not final))

    def show(message: Any, category: type, filename: str, lineno: int, *_: object) -> None:
        text = world.describer.text(str(message), naming=False)
        line = f"{category.__name__} {text!r} {os.path.basename(filename)}:{lineno}"
        (world.report if "never awaited" in text else world.note)(line)

    def unraisable(args: Any) -> None:
        world.report(f"unraisable {args.exc_type.__name__}: {args.exc_value}")

    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    publisher: Any = globalLogPublisher
    publisher.addObserver(observe)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show  # type: ignore[assignment]
        try:
            yield
        finally:
            publisher.removeObserver(observe)
            sys.unraisablehook = hook


def _event(world: World, event: dict[str, Any], naming: bool) -> str:
    describer = world.describer
    failure = event.get("log_failure")
    rest = {key: event[key] for key in sorted(event.keys() - _PLAIN_KEYS)}
    words = (
        event["log_level"].name,
        event["log_namespace"],
        "no failure" if failure is None else describer.failure(failure, naming),
        " ".join(f"{key}={describer.text(str(item), naming)!r}" for key, item in rest.items()),
    )
    return "log " + " ".join(words)


class Guard:
    """Tells programs that can be compared from those that go on for ever.

    Programs that reach into Deferreds, or make circles of them, can make Twisted turn for ever. So they run
    first on a copy of it that is counted.
    """

    TURNS = 2000

    def __init__(self) -> None:
        self._turns = second_copy.Turns(self.TURNS)
        self._runner = Runner(second_copy.load_counted(self._turns))

    def ends(self, program: Program) -> bool:
        """Say whether a program comes to its end."""
        self._turns.count = 0
        self._runner.run(program)
        return not self._turns.too_many


def is_interesting(steps: list[Step]) -> bool:
    """Say whether a run is worth comparing: where a stack ends is nothing that faces have in common."""
    return not any("RecursionError" in line for step in steps for line in [*step.lines, *step.reports])


def compare(program: Program, reference: list[Step], candidate: list[Step]) -> Mismatch | None:
    """Give the first difference. A failure may be reported earlier than by the reference, but not later."""
    for number, (left, right) in enumerate(zip(reference, candidate, strict=False)):
        if left.lines != right.lines:
            return Mismatch(program, number, left.lines, right.lines)
        late = left.reports - right.reports
        if late or (number + 1 == len(reference) and left.reports != right.reports):
            return Mismatch(
                program, number, *(sorted(reports.elements()) for reports in (left.reports, right.reports))
            )
    return None


class Comparison:
    """Runs programs on a reference and on a candidate."""

    def __init__(self, reference: ModuleType, candidate: ModuleType) -> None:
        self.reference = Runner(reference)
        self.candidate = Runner(candidate)
        self.compared = 0
        self._guard = Guard()

    def __call__(self, program: Program) -> Mismatch | None:
        """Give the first difference in what is seen of a program, if there is one and it can be compared."""
        if not self._guard.ends(program):
            return None
        expected = self.reference.run(program)
        if not is_interesting(expected):
            return None
        self.compared += 1
        return compare(program, expected, self.candidate.run(program))
