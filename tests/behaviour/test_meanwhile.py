"""Changes to a Deferred while the callbacks of Deferreds that waited for it run."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from types import ModuleType
from typing import Any

import pytest
from twisted.internet.defer import AlreadyCalledError

from tests.apis import queue_name
from tests.helpers import UNFIRED, Oops, instead, outcome, same

#: Which of the Deferreds in a row of three something happens to: both are waited for.
WAITED_FOR = pytest.mark.parametrize("which", [0, 1])


def row(api: ModuleType, meanwhile: Callable[[], object]) -> list[Any]:
    """Make three Deferreds, of which the last waits for the second, and that for the first.

    The last one's callback does something meanwhile.
    """
    deferreds = [api.Deferred() for _ in range(3)]
    for inner, outer in pairwise(deferreds):
        outer.addCallback(instead, inner)
        outer.callback(None)
    deferreds[-1].addCallback(lambda _: meanwhile())
    return deferreds


@WAITED_FOR
def test_callbacks_that_are_put_into_the_list(api: ModuleType, which: int) -> None:
    """They run when those that waited have run."""
    seen: list[Any] = []
    entry: Any = ((seen.append, (), {}), (seen.append, (), {}))
    deferreds = row(api, lambda: getattr(deferreds[which], queue_name()).append(entry))
    deferreds[0].callback("value")
    assert seen == [None]


@WAITED_FOR
def test_a_result_deleted_in_the_meantime_is_missed_at_the_firing(api: ModuleType, which: int) -> None:
    """It is missed where the first one was fired."""
    deferreds = row(api, lambda: delattr(deferreds[which], "result"))
    with pytest.raises(AttributeError, match="'Deferred' object has no attribute 'result'"):
        deferreds[0].callback("value")
    assert deferreds[2].result is None


@WAITED_FOR
def test_a_result_that_is_taken_away_in_a_callback(api: ModuleType, which: int) -> None:
    """If a callback of another Deferred has fired the first one, it is that callback that fails."""
    deferreds = row(api, lambda: delattr(deferreds[which], "result"))
    firing = api.Deferred().addCallback(deferreds[0].callback)
    firing.callback("value")
    assert isinstance(outcome(firing), AttributeError)


@WAITED_FOR
def test_a_resumed_deferred_no_longer_says_that_it_waits(api: ModuleType, which: int) -> None:
    """Its `_chainedTo` is None again when the loop returns to it."""
    deferreds = row(api, lambda: setattr(deferreds[which], "_chainedTo", deferreds[2]))
    deferreds[0].callback("value")
    assert deferreds[which]._chainedTo is None


def test_chaining_to_a_deferred_that_waits_for_this_one_makes_the_firing_too_late(api: ModuleType) -> None:
    """A callback that lets its Deferred wait for one that waits for it: the firing comes too late."""
    inner, outer = api.Deferred(), api.Deferred()
    inner.addCallback(instead, None)
    outer.callback(None)
    inner.addCallback(lambda _: outer.chainDeferred(inner) and None)
    outer.addCallback(instead, inner)
    inner.callback(None)
    assert inner._chainedTo is None
    assert isinstance(outcome(outer), AlreadyCalledError)


@WAITED_FOR
def test_the_loop_stops_at_a_paused_deferred(api: ModuleType, which: int) -> None:
    """The loop comes back no further than to one that is paused."""
    seen: list[Any] = []
    entry: Any = ((seen.append, (), {}), (seen.append, (), {}))

    def pause() -> None:
        getattr(deferreds[0], queue_name()).append(entry)
        deferreds[which].pause()

    deferreds = row(api, pause)
    deferreds[0].callback("value")
    assert seen == []
    deferreds[which].unpause()
    assert seen == ([None] if which == 0 else [])


def test_the_running_flag_is_set_for_each_callback(api: ModuleType) -> None:
    """It is set for each callback anew, and stays as it is where none runs."""
    seen: list[Any] = []
    deferred = api.Deferred()
    deferred.addCallback(lambda _: setattr(deferred, "_runningCallbacks", False))
    deferred.addCallback(lambda _: seen.append(deferred._runningCallbacks))
    deferred.callback(None)
    assert seen == [True]
    deferreds = row(api, lambda: None)
    assert outcome(deferreds[2]) is UNFIRED
    deferreds[1]._runningCallbacks = True
    deferreds[0].callback("value")
    assert deferreds[1]._runningCallbacks is True


def test_the_debug_mode_of_the_fired_deferred_decides(api: ModuleType) -> None:
    """A failure captures variables if the Deferred that was fired is debugged, not the one that fails."""
    for debugged in range(2):
        first, second = api.Deferred(), api.Deferred()
        second.addCallback(instead, first)
        second.callback(None)
        second.addCallback(len)
        (first, second)[debugged].debug = True
        first.callback(None)
        assert second.result.captureVars is (debugged == 0)
        assert isinstance(outcome(second), TypeError)


def test_a_deferred_that_is_its_own_result_is_not_waited_for(api: ModuleType) -> None:
    """A result that was set before it was fired is not taken for one that it could wait for."""
    deferred = api.Deferred()
    deferred.addErrback(same)
    deferred.result = "set by hand"
    with pytest.warns(DeprecationWarning, match="Callback returned the Deferred it was attached to"):
        deferred.callback(deferred)
    assert (deferred.paused, deferred._chainedTo) == (1, deferred)
    assert outcome(deferred) is UNFIRED


def test_awaiting_a_failure_in_an_except_block_has_that_context(api: ModuleType) -> None:
    """The raised exception has the handled one as its context."""
    failed = api.fail(Oops("failed"))
    with pytest.raises(Oops) as caught:
        try:
            raise KeyError("handled")
        except KeyError:
            next(iter(failed))
    assert isinstance(caught.value.__context__, KeyError)
    stopped = api.fail(StopIteration("stopped"))
    with pytest.raises(RuntimeError, match="generator raised StopIteration") as raised:
        try:
            raise KeyError("handled")
        except KeyError:
            next(iter(stopped))
    assert isinstance(raised.value.__context__, StopIteration)
    assert isinstance(raised.value.__context__.__context__, KeyError)


def test_two_deferreds_may_share_a_list_of_callbacks(api: ModuleType) -> None:
    """Cancelling one puts its own callback into a list of its own: the other one's stays as it was."""
    first = api.Deferred()

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def waits() -> Any:
        yield first

    second = waits()
    shared = getattr(first, queue_name())
    setattr(second, queue_name(), shared)
    before = len(shared)
    first.pause()
    second.cancel()
    assert len(shared) == before
    assert getattr(first, queue_name()) is shared
    first.addErrback(lambda _: None)
    second.addErrback(lambda _: None)
    first.unpause()
