"""Attributes that can be read from a Deferred, set on it and deleted from it."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Awaitable, Iterable
from types import ModuleType
from typing import Any

import pytest

from tests.apis import load, queue_name
from tests.helpers import Oops, handled, outcome, raising, same


def test_a_new_deferred_has_no_result_and_default_attributes(api: ModuleType) -> None:
    """Before it fires there is no result, and everything else has its default."""
    deferred = api.Deferred()
    assert (deferred.called, deferred.paused) == (False, 0)
    assert deferred._debugInfo is None
    assert deferred._chainedTo is None
    assert deferred._suppressAlreadyCalled is False
    assert deferred._runningCallbacks is False
    assert deferred._canceller is None
    assert deferred.debug is False
    assert getattr(deferred, queue_name()) == []
    assert not hasattr(deferred, "result")
    with pytest.raises(AttributeError, match="'Deferred' object has no attribute 'result'"):
        deferred.result  # noqa: B018


def test_defaults_are_readable_on_the_class(api: ModuleType) -> None:
    """Programs look at the class as well as at instances."""
    assert api.Deferred.called is False
    assert api.Deferred.paused == 0
    assert api.Deferred.debug is False
    assert api.Deferred._debugInfo is None
    assert api.Deferred._chainedTo is None
    assert api.Deferred._suppressAlreadyCalled is False
    assert api.Deferred._runningCallbacks is False
    assert not hasattr(api.Deferred, "result")


def test_the_result_while_and_after_callbacks_run(api: ModuleType) -> None:
    """A callback sees the result that it is given, and others see what the last one has left."""
    deferred = api.Deferred()
    seen: list[Any] = []

    def first(_: object) -> str:
        seen.append((deferred.result, deferred._runningCallbacks))
        return "second"

    deferred.addCallback(first)
    deferred.addCallback(lambda _: seen.append((deferred.result, deferred.called)))
    deferred.callback("first")
    assert seen == [("first", True), ("second", True)]
    assert deferred.result is None
    assert deferred._runningCallbacks is False


def test_the_result_can_be_changed_from_outside(api: ModuleType) -> None:
    """Old programs set and delete the result, and the next callback gets what they have set."""
    deferred = api.succeed("old")
    deferred.result = "new"
    assert outcome(deferred) == "new"
    del deferred.result
    assert not hasattr(deferred, "result")
    with pytest.raises(AttributeError):
        del deferred.result


def test_the_canceller_is_forgotten_when_it_fires(api: ModuleType) -> None:
    """The Deferred does not keep the canceller after firing."""
    canceller = same
    deferred = api.Deferred(canceller)
    assert deferred._canceller is canceller
    deferred.callback(1)
    assert deferred._canceller is None


def test_attributes_that_a_program_sets_take_effect(api: ModuleType) -> None:
    """called, paused and the flags are what a program has set them to, and count."""
    deferred = api.Deferred()
    deferred.paused = 2
    deferred.callback("held")
    seen: list[Any] = []
    deferred.addCallback(seen.append)
    deferred.unpause()
    assert seen == []
    deferred.unpause()
    assert seen == ["held"]
    deferred.called = False
    deferred.callback("again")
    assert deferred.result == "again"
    deferred._suppressAlreadyCalled = True
    deferred.callback("swallowed")
    assert deferred.result == "again"
    deferred._runningCallbacks = True
    deferred.addCallback(seen.append)
    assert seen == ["held"]


def test_callback_that_passes_clears_the_flag_that_a_program_set(api: ModuleType) -> None:
    """Each callback clears it, also one for the other kind of result."""
    waited_for, deferred = api.Deferred(), api.succeed(None)
    deferred.addCallback(lambda _: waited_for)
    deferred.addErrback(lambda failure: failure)
    deferred._runningCallbacks = True
    waited_for.callback(1)
    assert (deferred.result, deferred._runningCallbacks) == (1, False)


def test_callbacks_can_be_read_as_a_list_of_pairs(api: ModuleType) -> None:
    """It holds pairs of function, arguments and keywords, in the order in which they were added."""
    deferred = api.Deferred()
    deferred.addCallback(same, 1, key=2)
    deferred.addErrback(handled, 3)
    deferred.addBoth(same)
    deferred.addCallbacks(same, handled, (4,), {"a": 5}, (6,), {"b": 7})
    good, bad, both, pair = getattr(deferred, queue_name())
    assert good[0] == (same, (1,), {"key": 2})
    assert good[1][0].__name__ == "_failthru"
    assert bad[0][0].__name__ == "passthru"
    assert bad[1] == (handled, (3,), {})
    assert both == ((same, (), {}), (same, (), {}))
    assert pair == ((same, (4,), {"a": 5}), (handled, (6,), {"b": 7}))


def test_the_list_of_callbacks_can_be_changed(api: ModuleType) -> None:
    """Callbacks added to the list run, and removed ones do not, also after the list is replaced."""
    name = queue_name()
    seen: list[Any] = []
    deferred = api.Deferred()
    deferred.addCallback(raising(Oops()))
    queue = getattr(deferred, name)
    del queue[:]
    queue.append(((lambda r: seen.append(("first", r)), (), {}), (handled, (), {})))
    later: list[Any] = [((lambda r: seen.append(("second", r)), (), {}), (handled, (), {}))]
    setattr(deferred, name, [*getattr(deferred, name), *later])
    assert getattr(deferred, name) is not queue
    deferred.addCallback(lambda r: seen.append(("third", r)))
    deferred.callback(0)
    assert seen == [("first", 0), ("second", None), ("third", None)]
    assert getattr(deferred, name) == []


def test_the_list_can_be_taken_away_and_put_back(api: ModuleType) -> None:
    """As Twisted itself does to put an errback in front of all others."""
    name = queue_name()
    seen: list[str] = []
    deferred = api.Deferred()
    deferred.addCallback(lambda _: seen.append("last"))
    taken = getattr(deferred, name)
    setattr(deferred, name, [])
    deferred.addCallback(lambda _: seen.append("first"))
    getattr(deferred, name).extend(taken)
    deferred.callback(None)
    assert seen == ["first", "last"]


def test_programs_can_set_attributes_of_their_own(api: ModuleType) -> None:
    """Programs keep what they like on a Deferred."""
    deferred = api.Deferred()
    deferred.note = "mine"
    assert deferred.note == "mine"
    assert deferred.__dict__["note"] == "mine"
    del deferred.note
    with pytest.raises(AttributeError):
        deferred.note  # noqa: B018


def test_deferreds_can_be_referenced_weakly_and_are_hashed_by_identity(api: ModuleType) -> None:
    """A Deferred can be referred to weakly, and is told apart from others by identity."""
    deferred, other = api.Deferred(), api.Deferred()
    called: list[Any] = []
    reference = weakref.ref(deferred, called.append)
    known = weakref.WeakKeyDictionary({deferred: 1, other: 2})
    assert reference() is deferred
    assert deferred != other
    assert len({deferred, other, deferred}) == 2
    del deferred
    gc.collect()
    assert called == [reference]
    assert list(known.values()) == [2]


def test_a_deferred_is_awaitable_iterable_and_generic(api: ModuleType) -> None:
    """A Deferred is Awaitable, can be iterated and takes a type argument."""
    deferred = api.Deferred()
    assert issubclass(api.Deferred, Awaitable)
    assert isinstance(deferred, Awaitable)
    assert issubclass(api.DeferredList, api.Deferred)
    assert isinstance(deferred, Iterable)
    assert api.Deferred[int]() is not None
    assert api.Deferred[int].__origin__ is api.Deferred
    assert not hasattr(deferred, "__len__")
    assert bool(deferred)


def test_classes_have_the_names_of_twisted(api: ModuleType, stock: ModuleType) -> None:
    """Classes are called as in Twisted, also by pickle, by reports and by documentation."""
    for name in ("Deferred", "DeferredList", "DeferredLock", "DeferredSemaphore", "DeferredQueue"):
        ours, theirs = getattr(api, name), getattr(stock, name)
        assert (ours.__module__, ours.__qualname__) == (theirs.__module__, theirs.__qualname__)
        # The last is what typing leaves on the bases of Twisted's class, in old Pythons.
        passed = ("__", "_abc", "_is_protocol")
        missing = {item for item in dir(theirs) if not item.startswith(passed)} - set(dir(ours))
        assert missing == set()
    for name in (
        "succeed",
        "fail",
        "maybeDeferred",
        "gatherResults",
        "race",
        "ensureDeferred",
        "inlineCallbacks",
    ):
        assert getattr(api, name).__name__ == name


def test_missing_abstract_methods_of_awaitable(api: ModuleType) -> None:
    """Deferred is complete: its class can be made, and says so."""
    assert not getattr(api.Deferred, "__abstractmethods__", None)
    with pytest.raises(TypeError):
        api.Deferred(None, None)


@pytest.mark.parametrize("called", [False, True])
@pytest.mark.parametrize("has_result", [False, True])
def test_awaiting_a_deferred_with_attributes_set_by_hand_is_as_in_twisted(
    called: bool, has_result: bool
) -> None:
    """Twisted asks for `called`, and before 26.10 it asked for a result: whichever is installed counts."""
    found: list[object] = []
    for name in ("stock", "ours"):
        deferred = load(name).Deferred()
        if called:
            deferred.callback("given")
            del deferred.result
        if has_result:
            deferred.result = "put"
        try:
            found.append(next(iter(deferred)) is deferred)
        except (AttributeError, StopIteration) as end:
            found.append(repr(end))
    assert found[0] == found[1]
