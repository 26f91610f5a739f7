"""Subclasses of Deferred: whatever they override is called, and what they add is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable
from types import ModuleType
from typing import Any, Generic, TypeVar

import pytest
from twisted.internet.defer import CancelledError

from tests.apis import Failure
from tests.helpers import UNFIRED, Oops, Steps, handled, outcome, raising, same

T = TypeVar("T")


def recording(api: ModuleType, *names: str) -> Any:
    """Make a subclass that keeps a list of the calls of its methods."""
    calls: list[str] = []

    def override(name: str) -> Any:
        def method(self: Any, *args: Any, **keywords: Any) -> Any:
            calls.append(name)
            return getattr(api.Deferred, name)(self, *args, **keywords)

        return method

    return type("Recording", (api.Deferred,), {"calls": calls, **{name: override(name) for name in names}})


@pytest.mark.parametrize("method", ["addCallback", "addErrback", "addBoth", "addCallbacks"])
def test_adding_goes_through_an_overridden_method_only(api: ModuleType, method: str) -> None:
    """The four ways to add a callback do not call each other."""
    kind = recording(api, "addCallback", "addErrback", "addBoth", "addCallbacks")
    getattr(kind(), method)(same)
    assert kind.calls == [method]


def test_adding_to_a_fired_deferred_calls_an_overridden_run_callbacks(api: ModuleType) -> None:
    """A subclass sees each time that its callbacks are about to run."""
    kind = recording(api, "_runCallbacks")
    deferred = kind()
    deferred.addCallback(same)
    assert kind.calls == []
    deferred.callback(1)
    deferred.addCallback(same)
    deferred.addErrback(handled)
    deferred.addBoth(same)
    deferred.addCallbacks(same)
    assert kind.calls == ["_runCallbacks"] * 5


def test_firing_calls_an_overridden_start_run_callbacks(api: ModuleType) -> None:
    """callback and errback both go through _startRunCallbacks, and that through _runCallbacks."""
    kind = recording(api, "_startRunCallbacks", "_runCallbacks")
    kind().callback(1)
    failing = kind()
    failing.errback(Oops())
    assert kind.calls == ["_startRunCallbacks", "_runCallbacks"] * 2
    failing.addErrback(handled)


def test_an_overridden_start_that_does_nothing_prevents_firing(api: ModuleType) -> None:
    """If an overridden method does not call the original, nothing happens."""
    kind = type("Silent", (api.Deferred,), {"_startRunCallbacks": lambda self, result: None})
    deferred = kind()
    deferred.callback(1)
    assert not deferred.called
    assert outcome(deferred) is UNFIRED


def test_waiting_pauses_through_an_overridden_pause(api: ModuleType) -> None:
    """The outer of two Deferreds is paused by its own method, and resumed without one."""
    kind = recording(api, "pause", "unpause", "_continuation", "_runCallbacks")
    inner = api.Deferred()
    outer = kind()
    outer.addCallback(lambda _: inner)
    outer.callback(None)
    assert kind.calls == ["_runCallbacks", "pause", "_continuation"]
    assert outer.paused == 1
    inner.callback("late")
    assert kind.calls == ["_runCallbacks", "pause", "_continuation"]
    assert outer.paused == 0
    assert outer.result == "late"


def test_a_pause_that_does_nothing_is_still_counted_down(api: ModuleType) -> None:
    """The count goes below zero where a subclass has not counted up."""
    kind = type("Restless", (api.Deferred,), {"pause": lambda self: None})
    inner = api.Deferred()
    outer = kind()
    outer.addCallback(lambda _: inner)
    outer.callback(None)
    assert outer.paused == 0
    inner.callback(1)
    assert outer.paused == -1


def test_cancelling_a_chain_calls_an_overridden_cancel(api: ModuleType) -> None:
    """The overridden `cancel` of the awaited Deferred is called."""
    kind = recording(api, "cancel")
    inner = kind()
    outer = api.Deferred()
    outer.addCallback(lambda _: inner)
    outer.callback(None)
    outer.cancel()
    assert kind.calls == ["cancel"]
    assert isinstance(outcome(outer), CancelledError)


@pytest.mark.parametrize("combine", ["DeferredList", "gatherResults", "race"])
def test_combining_goes_through_overridden_methods(api: ModuleType, combine: str) -> None:
    """Lists and races add to what they are given, and cancel it, by its methods."""
    kind = recording(api, "addCallbacks", "cancel")
    members = [kind(), kind()]
    combined = getattr(api, combine)(members)
    combined.addErrback(handled)
    combined.cancel()
    assert kind.calls == ["addCallbacks", "addCallbacks", "cancel", "cancel"]
    for member in members:
        member.addErrback(handled)


def test_chaining_calls_overridden_methods(api: ModuleType) -> None:
    """chainDeferred adds the other's bound methods, with its own addCallbacks."""
    kind = recording(api, "addCallbacks", "callback", "errback")
    first, second = kind(), kind()
    assert first.chainDeferred(second) is first
    assert second._chainedTo is first
    first.callback("passed on")
    assert kind.calls == ["addCallbacks", "callback", "callback"]
    assert second.result == "passed on"


def test_a_generator_fires_and_waits_through_overridden_methods(api: ModuleType) -> None:
    """inlineCallbacks adds itself with addBoth to whatever is yielded."""
    kind = recording(api, "addBoth", "addCallbacks", "cancel")
    waited = kind()

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        yield waited

    flow().addErrback(handled).cancel()
    assert kind.calls == ["addBoth", "cancel"]


def test_an_instance_of_a_subclass_is_waited_for(api: ModuleType) -> None:
    """A callback that returns an instance of a subclass waits for it, fired or not."""

    class Sub(api.Deferred):  # type: ignore[misc, name-defined]
        pass

    class SubSub(Sub):
        pass

    fired = SubSub()
    fired.callback(1)
    assert outcome(api.succeed(0).addCallback(lambda _: fired)) == 1
    unfired = SubSub()
    outer = api.succeed(0).addCallback(lambda _: unfired)
    assert outer._chainedTo is unfired
    unfired.callback(2)
    assert outcome(outer) == 2


def test_a_subclass_that_hides_itself_is_a_value(api: ModuleType) -> None:
    """Twisted knows subclasses by __init_subclass__: one that keeps it from running is any other object."""

    class Hiding(api.Deferred):  # type: ignore[misc, name-defined]
        def __init_subclass__(cls, **keywords: Any) -> None:
            pass

    class Hidden(Hiding):
        pass

    hidden = Hidden()
    assert outcome(api.succeed(0).addCallback(lambda _: hidden)) is hidden


def test_class_keywords_reach_the_subclass(api: ModuleType) -> None:
    """Deferred takes any keyword of a class statement, and so may a subclass that comes first."""
    seen: dict[str, Any] = {}

    class Configured:
        def __init_subclass__(cls, **keywords: Any) -> None:
            seen.update(keywords)
            super().__init_subclass__(**keywords)

    class Both(Configured, api.Deferred, colour="blue"):  # type: ignore[misc, name-defined]
        pass

    assert seen == {"colour": "blue"}
    assert outcome(api.succeed(0).addCallback(lambda _: Both())) is UNFIRED


def test_a_subclass_may_have_other_init_arguments(api: ModuleType) -> None:
    """A subclass may take what it likes and set attributes before and after Deferred's part."""

    class Request(api.Deferred):  # type: ignore[misc, name-defined]
        def __init__(self, path: str, *, retries: int = 3) -> None:
            self.path = path
            super().__init__(self._given_up)
            self.retries = retries

        def _given_up(self, deferred: Any) -> None:
            assert deferred is self
            self.callback(f"{self.path} given up")

    request = Request("/index", retries=5)
    assert vars(request)["path"] == "/index"
    assert request.retries == 5
    request.cancel()
    assert outcome(request) == "/index given up"


def test_calling_init_again_replaces_callbacks_and_canceller(api: ModuleType) -> None:
    """Twisted's __init__ puts new callbacks and a new canceller in place, and leaves the rest."""
    cancelled: list[Any] = []
    deferred = api.Deferred()
    deferred.addCallback(raising(Oops()))
    deferred.__init__(cancelled.append)
    deferred.cancel()
    assert cancelled == [deferred]
    deferred.addErrback(handled)


def test_adding_without_deferreds_init_is_an_error(api: ModuleType) -> None:
    """Where __init__ never ran there is no list of callbacks, and adding says so."""

    class Unmade(api.Deferred):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            pass

    unmade = Unmade()
    assert not unmade.called
    assert unmade.paused == 0
    for method in ("addCallback", "addErrback", "addBoth", "addCallbacks"):
        with pytest.raises(AttributeError):
            getattr(unmade, method)(same)


def test_deferreds_can_be_combined_with_mixins_and_abstract_classes(api: ModuleType) -> None:
    """Deferred takes part in inheritance as any class does."""

    class Named(ABC):
        @property
        @abstractmethod
        def name(self) -> str: ...

    class Job(api.Deferred, Named, Generic[T]):  # type: ignore[misc, name-defined]
        @property
        def name(self) -> str:
            return "job"

    job = Job[int]()
    assert job.name == "job"
    assert isinstance(job, Awaitable)
    assert isinstance(job, Named)

    class Incomplete(api.Deferred, Named):  # type: ignore[misc, name-defined]
        pass

    with pytest.raises(TypeError):
        Incomplete()


def test_a_subclass_may_have_slots_and_class_attributes(api: ModuleType) -> None:
    """A subclass may have slots of its own, and may change what Deferred has as class attributes."""

    class Slotted(api.Deferred):  # type: ignore[misc, name-defined]
        __slots__ = ("extra",)
        debug = True

    slotted = Slotted()
    slotted.extra = 1
    slotted.other = 2
    assert (slotted.extra, slotted.other) == (1, 2)
    assert slotted._debugInfo is not None
    assert not api.Deferred.debug


def test_an_overridden_str_and_await_are_used(api: ModuleType) -> None:
    """An overridden __str__ is printed, and an overridden __await__ is awaited."""

    class Odd(api.Deferred):  # type: ignore[misc, name-defined]
        def __str__(self) -> str:
            return "odd"

        def __await__(self) -> Steps:
            return (yield api.succeed("own"))

    async def flow() -> Any:
        return await Odd()

    assert str(Odd()) == "odd"
    assert repr(Odd()).startswith("<Odd at 0x")
    assert outcome(api.ensureDeferred(flow())) == "own"


def test_every_method_can_be_called_through_super(api: ModuleType) -> None:
    """Each method works when it is called through super()."""

    class Passing(api.Deferred):  # type: ignore[misc, name-defined]
        def __init__(self, canceller: Any = None) -> None:
            super().__init__(canceller=canceller)

        def callback(self, result: Any) -> None:
            super().callback(("wrapped", result))

        def errback(self, fail: Any = None) -> None:
            super().errback(fail=fail)

    passing = Passing()
    passing.callback(1)
    assert outcome(passing) == ("wrapped", 1)
    failing = Passing()
    failing.errback(Failure(Oops("no")))
    assert isinstance(outcome(failing), Oops)


def test_a_list_calls_its_own_overridden_methods(api: ModuleType) -> None:
    """A DeferredList calls its own overridden methods."""
    seen: list[Any] = []

    class Counting(api.DeferredList):  # type: ignore[misc, name-defined]
        def _cbDeferred(self, result: Any, index: int, succeeded: bool) -> Any:
            seen.append((result, index, succeeded))
            return super()._cbDeferred(result, index, succeeded)

        def callback(self, result: Any) -> None:
            seen.append("fires")
            super().callback(result)

    first, second = api.Deferred(), api.Deferred()
    combined = Counting([first, second])
    second.callback("b")
    first.callback("a")
    assert seen == [("b", 1, True), ("a", 0, True), "fires"]
    assert outcome(combined) == [(True, "a"), (True, "b")]


def test_a_lock_calls_its_own_overridden_methods(api: ModuleType) -> None:
    """A lock whose methods are overridden is taken and given back through them."""
    calls: list[str] = []

    class Loud(api.DeferredLock):  # type: ignore[misc, name-defined]
        def acquire(self) -> Any:
            calls.append("acquire")
            return super().acquire()

        def release(self) -> None:
            calls.append("release")
            super().release()

    assert outcome(Loud().run(same, 1)) == 1
    assert calls == ["acquire", "release"]
