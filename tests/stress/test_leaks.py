"""Nothing grows: rounds of what a reactor does leave no descriptors, objects, threads or memory behind."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from tests import logs
from tests.reactors import Loop
from tests.reactors.inside import until
from tests.stress.left_over import expect_nothing_left, growth, settled
from tests.stress.rounds import Round
from tests.stress.transport_rounds import ALL

#: How often each thing is done, and for how many seconds at least all of them in turn.
ROUNDS = int(os.environ.get("DEFERROUS_REACTOR_ROUNDS", "25"))
SECONDS = float(os.environ.get("DEFERROUS_SOAK_SECONDS", "0"))


def rounds(reactor: Any, names: list[str], times: int, seconds: float) -> dict[str, Any]:
    """Do things again and again, and give what was there after the first rounds and at the end."""
    logs.begin()
    kinds = [kind for kind in ALL if kind.__name__ in names]

    async def again() -> int:
        deadline, done = time.monotonic() + seconds, 0
        while done < times or time.monotonic() < deadline:
            await settled(reactor, kinds)
            done += 1
        return done

    return until(reactor, growth(reactor, kinds, again))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_rounds_leave_nothing_behind(loop: Loop, kind: Round) -> None:
    """After many rounds there is what there was after the first ones."""
    name = kind.__name__
    expect_nothing_left(loop.run(rounds, [name], ROUNDS, 0))


def test_all_rounds_together_leave_nothing_behind(loop: Loop) -> None:
    """Everything in turn, at least a few times, and for as long as asked for."""
    names = [kind.__name__ for kind in ALL]
    expect_nothing_left(loop.run(rounds, names, 5, SECONDS, patience=SECONDS * 1.5 + 600))
