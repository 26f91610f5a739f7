"""Runs a program on two APIs, and finds the first difference in the recorded effects."""

from __future__ import annotations

import contextvars
import gc
import os
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from types import ModuleType
from typing import Any

from twisted.logger import globalLogPublisher

from tests import second_copy
from tests.differential import combined
from tests.differential.operations import OPERATIONS
from tests.differential.program import Op, Program
from tests.differential.subclasses import Subclasses
from tests.differential.world import World

_PLAIN_KEYS = frozenset({"log_logger", "log_time", "log_source", "log_failure", "log_level", "log_namespace"})
assert combined  # it has registered its operations


@dataclass
class Step:
    """The recorded effects of one step: lines in their order, and the reports of finalisers up to here."""

    lines: list[str]
    reports: Counter[str]


class Mismatch(AssertionError):
    """The first difference between two runs of a program."""

    def __init__(self, step: int, reference: list[str], candidate: list[str]) -> None:
        super().__init__(step, reference, candidate)
        self.step = step
        self.reference = reference
        self.candidate = candidate

    def __str__(self) -> str:
        rows = list(zip_longest(self.reference, self.candidate, fillvalue=""))
        width = min(max((len(left) for left, _ in rows), default=0), 100)
        lines = [f"The apis differ in step {self.step}; where they do is marked, with the reference first."]
        for left, right in rows:
            if left == right:
                lines.append(f"    {left}")
            elif len(left) <= width and len(right) <= width:
                lines.append(f"  ! {left:{width}} | {right}")
            else:
                lines += [f"  < {left}", f"  > {right}"]
        return "\n".join(lines)


class Runner:
    """Runs programs on one api."""

    def __init__(self, api: ModuleType) -> None:
        self.api = api
        self.subclasses = Subclasses(api)

    def run(self, program: Program) -> list[Step]:
        """Run a program from the first operation to the end of its last object."""
        run = Run(self, program["watch"])
        try:
            steps = [run.step(op) for op in program["ops"]]
            steps.append(run.look())
        finally:
            last = run.end()
        return [*steps, last]


class Run:
    """A program in progress on one api."""

    def __init__(self, runner: Runner, watch: int) -> None:
        self._api = runner.api
        self._listener = runner.subclasses.listener
        self._watch = watch
        self._world = World(runner.api, runner.subclasses, OPERATIONS)
        self._context = contextvars.Context()

    def step(self, op: Op) -> Step:
        """Run one operation."""

        def body() -> None:
            self._world.run([op])
            self._write_down(self._watch)

        return self._observed(body)

    def look(self) -> Step:
        """Write down everything that there is at the end."""

        def body() -> None:
            self._world.note("at the end")
            self._write_down(2)

        return self._observed(body)

    def end(self) -> Step:
        """Take all objects away, and write down what is left over."""
        world = self._world
        last = self._observed(self._clear)
        last.lines.append(f"left over: {sorted(world.describer.labels.survivors())}")
        return last

    def _observed(self, body: Callable[[], None]) -> Step:
        """Do something, and give what was seen until all is gone that nobody needs any more."""
        world = self._world
        self._listener.note = world.note
        self._listener.describe = world.describe
        with _observed(world):
            self._context.run(_begin_of_tracebacks, body)
            gc.collect()
        lines, world.lines = world.lines, []
        return Step(lines, Counter(world.reports))

    def _write_down(self, how: int) -> None:
        world = self._world
        for slot in sorted(world.slots) if how else ():
            found = world.slots[slot]
            if isinstance(found, self._api.Deferred):
                describe = world.describer.everything if how > 1 else world.describer.deferred
                try:
                    world.note(f"{slot}: {describe(found)}")
                except (Exception, second_copy.EndlessLoop) as error:
                    world.note(f"{slot}: {world.describer.exception(error)}")

    def _clear(self) -> None:
        world = self._world
        for name, original in world.patched.items():
            setattr(self._api.Deferred, name, original)
        self._api.setDebugging(False)
        world.loop.clear()
        world.clock.calls.clear()
        for held in (world.slots, world.futures, world.primitives, world.failures):
            held.clear()


def _begin_of_tracebacks(body: Callable[[], None]) -> None:
    """Be the frame by which descriptions know what is outside of programs."""
    body()


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


class Incomparable(Exception):
    """A program does not end, or overflows the stack. Implementations may differ in that."""


def check_comparable(steps: Iterable[Step]) -> None:
    """Raise Incomparable where a stack came to its end."""
    if any("RecursionError" in line for step in steps for line in [*step.lines, *step.reports]):
        raise Incomparable


class Guard:
    """Tells programs that can be compared from those that go on for ever.

    Programs that reach into Deferreds, or make circles of them, can make Twisted turn for ever. So they run
    first on a copy of it that is counted.
    """

    #: Less than a stack is deep, so that programs are found that come to its end and do not say so.
    TURNS = 500

    def __init__(self) -> None:
        self._turns = second_copy.Turns(self.TURNS)
        self._runner = Runner(second_copy.load_counted(self._turns))

    def begin(self, watch: int) -> Run:
        """Begin to run a program, and to count."""
        self._turns.count = 0
        return Run(self._runner, watch)

    def check(self) -> None:
        """Raise Incomparable if the program that was begun last goes on for ever."""
        if self._turns.too_many:
            raise Incomparable

    def ends(self, program: Program) -> bool:
        """Say whether a program ends."""
        self._turns.count = 0
        self._runner.run(program)
        return not self._turns.too_many


def compare_step(number: int, reference: Step, candidate: Step, last: bool) -> None:
    """Raise Mismatch if a step differs. A failure may be reported earlier than by the reference."""
    if reference.lines != candidate.lines:
        raise Mismatch(number, reference.lines, candidate.lines)
    left, right = reference.reports, candidate.reports
    if left - right or (last and left != right):
        raise Mismatch(number, sorted(left.elements()), sorted(right.elements()))


def compare(reference: list[Step], candidate: list[Step]) -> None:
    """Raise Mismatch for the first step that differs."""
    for number, (left, right) in enumerate(zip(reference, candidate, strict=True)):
        compare_step(number, left, right, last=number + 1 == len(reference))


class Comparison:
    """Runs programs on a reference and on a candidate."""

    def __init__(self, reference: ModuleType, candidate: ModuleType) -> None:
        self.reference = Runner(reference)
        self.candidate = Runner(candidate)
        self.guard = Guard()

    def __call__(self, program: Program) -> None:
        """Run a whole program. Raises Mismatch or Incomparable."""
        progress = Progress(self, program["watch"])
        for op in program["ops"]:
            progress.step(op)
        progress.end()


class Progress:
    """A program in progress on the reference and the candidate, and on the counted copy before them."""

    def __init__(self, comparison: Comparison, watch: int) -> None:
        self._guard = comparison.guard
        self._runs = [
            comparison.guard.begin(watch),
            Run(comparison.reference, watch),
            Run(comparison.candidate, watch),
        ]
        self._number = 0

    @property
    def over(self) -> bool:
        """Say whether it has come to its end, or has raised something."""
        return not self._runs

    def step(self, op: Op) -> None:
        """Run an operation on all of them. Raises Mismatch or Incomparable, and then the program is over."""
        self._compare(lambda run: run.step(op))

    def end(self) -> None:
        """Compare what there is in the end, and what is left over after it. Raises as `step` does."""
        self._compare(Run.look)
        _, reference, candidate = self._clear()
        compare_step(self._number, reference, candidate, last=True)

    def _compare(self, do: Callable[[Run], Step]) -> None:
        counted, *others = self._runs
        try:
            do(counted)
            self._guard.check()
            reference, candidate = (do(run) for run in others)
            check_comparable([reference])
            compare_step(self._number, reference, candidate, last=False)
        except BaseException:
            self._clear()
            raise
        self._number += 1

    def _clear(self) -> list[Step]:
        runs, self._runs = self._runs, []
        return [run.end() for run in runs]
