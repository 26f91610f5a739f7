"""Lets hypothesis write programs, one operation after the other, while they run."""

from __future__ import annotations

import faulthandler
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO, cast

from hypothesis import HealthCheck, Phase, reject, seed, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.differential.compare import Comparison, Incomparable, Mismatch, Progress
from tests.differential.program import Op, Program, to_text
from tests.differential.strategies import OPERATIONS, WATCH, beginnings

#: How many operations a program has after those that it begins with.
STEPS = 14
#: After how many seconds a program counts as one that hangs: each takes some thousandths of one.
_HANGING = 120


class Fresh(HypothesisProvider):
    """Draws every program anew, and numbers without preferring some.

    By itself hypothesis makes five of six examples by doubling parts of the sixth, and remembers the choices
    of all. Programs have so many that they do not repeat themselves, and planted mistakes are found sooner by
    new ones. With any provider that does not go by the name of its own, hypothesis does neither.
    """

    def draw_integer(
        self,
        min_value: int | None = None,
        max_value: int | None = None,
        *,
        weights: dict[int, float] | None = None,
        shrink_towards: int = 0,
    ) -> int:
        """Draw a number, which in strategies of programs always has limits."""
        if min_value is None or max_value is None or weights is not None:
            return super().draw_integer(min_value, max_value, weights=weights, shrink_towards=shrink_towards)
        assert self._random is not None
        return self._random.randint(min_value, max_value)


AVAILABLE_PROVIDERS["fresh"] = Fresh


class Programs(RuleBasedStateMachine):
    """Writes programs."""

    #: Whether they replace methods of Deferred, as `strategies` asks the machine that it draws for.
    patching = False
    #: Whether they use only what the Rust API has, too.
    shared = False

    def __init__(self) -> None:
        super().__init__()
        self.program: Program = {"watch": 0, "ops": []}

    @initialize(watch=WATCH, ops=beginnings())
    def begin(self, watch: int, ops: list[Op]) -> None:
        """Put something into each slot."""
        self.program["watch"] = watch
        for op in ops:
            self.perform(op)

    @rule(op=OPERATIONS)
    def step(self, op: Op) -> None:
        """Go on with one more operation."""
        self.perform(op)

    def perform(self, op: Op) -> None:
        """Add an operation to the program."""
        self.program["ops"].append(op)


class Compared(Programs):
    """Writes programs and runs them on two APIs at once, one operation after the other."""

    #: What runs them, and a file without a buffer in which the program stands that runs now.
    comparison: Comparison
    record: BinaryIO
    #: The last one that showed a difference: when hypothesis is done, the smallest.
    smallest: Program | None = None

    def __init__(self) -> None:
        super().__init__()
        self._progress: Progress | None = None
        faulthandler.dump_traceback_later(_HANGING, exit=True)

    def perform(self, op: Op) -> None:
        """Add an operation to the program, and compare what is seen of it."""
        if self._progress is None:
            # Hypothesis remembers a lot, which the collector would have to look at after each operation.
            gc.collect()
            gc.freeze()
            self._progress = Progress(self.comparison, self.program["watch"])
            self.record.seek(0)
            self.record.truncate()
            self.record.write(to_text(self.program).encode())
        super().perform(op)
        self.record.write(f"{op!r}\n".encode())
        with self._judged():
            self._progress.step(op)

    def teardown(self) -> None:
        """Compare what there is in the end, unless the program was over before."""
        faulthandler.cancel_dump_traceback_later()
        if self._progress is None or self._progress.over:
            return
        # With an exception on its way hypothesis has given the program up, and wants to hear only that.
        given_up = sys.exc_info()[1] is not None
        with suppress(Incomparable, Mismatch) if given_up else self._judged():
            self._progress.end()

    @contextmanager
    def _judged(self) -> Iterator[None]:
        try:
            yield
        except Incomparable:
            reject()
        except Mismatch:
            type(self).smallest = self.program
            raise


def run(machine: type[Programs], number: int, count: int, *phases: Phase) -> None:
    """Write programs with a machine. The same number gives the same ones.

    Args:
        machine: what writes them.
        number: what the choices start from.
        count: how many programs.
        phases: what hypothesis does. With `Phase.reuse` it first tries what failed the last time.

    Raises:
        Mismatch: of the smallest program that shows a difference, if one does.
    """
    chosen = settings(
        max_examples=count,
        stateful_step_count=STEPS,
        deadline=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
        backend="fresh",
    )
    if Phase.reuse not in phases:
        chosen = settings(chosen, database=None)
    run_state_machine_as_test(seed(number)(machine), settings=chosen)


def write(number: int, count: int) -> list[Program]:
    """Write programs and run none of them. The same number gives the same ones."""
    written: list[Program] = []

    class Written(Programs):
        def teardown(self) -> None:
            written.append(self.program)

    run(Written, number, count, Phase.generate)
    return written


def search(
    comparison: Comparison,
    number: int,
    count: int,
    record: BinaryIO,
    *,
    patching: bool = False,
    remembers: bool = True,
) -> tuple[Program, Mismatch] | None:
    """Compare programs, and give the smallest that shows a difference with this difference, if there is one.

    Args:
        comparison: what runs them.
        number: what the choices start from.
        count: how many programs.
        record: a file without a buffer, which is to have the program that runs now.
        patching: whether the programs replace methods of Deferred.
        remembers: whether hypothesis keeps what shows a difference, and tries it first the next time.
    """
    members = {"comparison": comparison, "record": record, "patching": patching}
    machine = cast("type[Compared]", type("Patching" if patching else "Plain", (Compared,), members))
    try:
        run(machine, number, count, *([Phase.reuse] if remembers else []), Phase.generate, Phase.shrink)
    except Mismatch as found:
        assert machine.smallest is not None
        return machine.smallest, found
    return None
