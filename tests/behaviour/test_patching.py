"""Packages that replace methods of Deferred, on the class or on one instance, are heard."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from tests.helpers import UNFIRED, Steps, handled, outcome, same


def test_a_patched_add_callbacks_sees_all_callbacks(api: ModuleType, calls: Any) -> None:
    """Callbacks can be wrapped as they are added, as instrumenting packages do."""
    made = calls(api.Deferred, "addCallbacks", "addCallback", "addErrback", "addBoth")
    deferred = api.Deferred()
    deferred.addCallbacks(same, handled)
    deferred.addCallback(same)
    deferred.addErrback(handled)
    deferred.addBoth(same)
    assert made == ["addCallbacks", "addCallback", "addErrback", "addBoth"]


def test_lists_races_chains_and_generators_call_patched_methods(api: ModuleType, calls: Any) -> None:
    """Lists, races, chains and generators add and fire through whatever is in place."""
    made = calls(api.Deferred, "addCallbacks", "addBoth", "callback", "errback", "cancel", "pause")
    api.DeferredList([api.Deferred()])
    api.race([api.Deferred()])
    first = api.Deferred()
    first.chainDeferred(api.Deferred())
    assert made == ["addCallbacks"] * 3
    made.clear()

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        return (yield waited)

    waited = api.Deferred()
    flowing = flow()
    waited.callback(1)
    assert made == ["addBoth", "callback", "callback"]
    made.clear()
    outer = api.succeed(None).addCallback(lambda _: api.Deferred())
    assert made == ["pause"]
    made.clear()
    outer.cancel()
    assert made == ["cancel", "cancel", "errback"]
    outer.addErrback(handled)
    assert flowing.result == 1


def test_firing_goes_through_start_run_callbacks_and_run_callbacks(api: ModuleType, calls: Any) -> None:
    """callback and errback go through _startRunCallbacks, and all running through _runCallbacks."""
    made = calls(api.Deferred, "_startRunCallbacks", "_runCallbacks")
    api.Deferred().callback(1)
    failing = api.Deferred()
    failing.errback(KeyError())
    failing.addErrback(handled)
    paused = api.succeed(1)
    paused.pause()
    paused.unpause()
    assert made == ["_startRunCallbacks", "_runCallbacks"] * 2 + ["_runCallbacks"] * 2


def test_locks_and_queues_fire_by_the_patched_callback(api: ModuleType, calls: Any) -> None:
    """They fire what waits for them by its callback method."""
    made = calls(api.Deferred, "callback")
    lock, queue = api.DeferredLock(), api.DeferredQueue()
    lock.acquire()
    lock.acquire()
    lock.release()
    queue.get()
    queue.put(1)
    assert made == ["callback"] * 3


def test_a_patched_init_is_called_for_every_deferred(api: ModuleType, calls: Any) -> None:
    """Every function that makes a Deferred calls the patched __init__."""
    made = calls(api.Deferred, "__init__")

    async def coroutine() -> None:
        await api.succeed(None)

    api.Deferred()
    api.succeed(1)
    api.fail(KeyError()).addErrback(handled)
    api.ensureDeferred(coroutine())
    assert made == ["__init__"] * 5
    api.DeferredList([])
    api.DeferredQueue().get()
    assert made == ["__init__"] * 7


def test_everything_is_as_before_after_a_patch_is_removed(
    api: ModuleType, calls: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the patch is gone everything is as before."""
    made = calls(api.Deferred, "callback", "addCallback")
    monkeypatch.undo()
    deferred = api.Deferred().addCallback(same)
    deferred.callback(1)
    assert made == []
    assert outcome(deferred) == 1


def test_a_method_patched_on_an_instance_is_called_for_it_alone(api: ModuleType) -> None:
    """A method that is set on one Deferred is that one's."""
    made: list[Any] = []
    deferred, other = api.Deferred(), api.Deferred()
    deferred.callback = made.append
    other.chainDeferred(deferred)
    other.callback("patched")
    assert made == ["patched"]
    assert outcome(deferred) is UNFIRED
    inner = api.Deferred()
    inner.cancel = lambda: made.append("cancelled")
    outer = api.succeed(None).addCallback(lambda _: inner)
    outer.cancel()
    assert made == ["patched", "cancelled"]


def test_a_method_added_to_the_class_works_on_existing_deferreds(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A method that a program adds to the class is there for all, also for those that exist."""
    deferred, combined = api.succeed(3), api.DeferredList([])
    monkeypatch.setattr(api.Deferred, "twice", lambda self: self.addCallback(lambda n: n * 2), raising=False)
    assert outcome(deferred.twice()) == 6
    assert outcome(combined.twice()) == []


def test_setting_debug_on_the_class_switches_debugging_on(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting Deferred.debug does what setDebugging does."""
    monkeypatch.setattr(api.Deferred, "debug", True)
    assert api.getDebugging() is True
    assert api.Deferred()._debugInfo.creator is not None
    monkeypatch.undo()
    assert api.getDebugging() is False
    assert api.Deferred()._debugInfo is None


def test_mock_with_the_signature_of_a_function(api: ModuleType) -> None:
    """Where a method is a builtin, a function as `autospec` gives the mock `self` and checks arguments."""

    def signature(self: Any, callback: Any) -> Any:
        """Have parameters of `addCallback`."""

    original = api.Deferred.addCallback
    with mock.patch.object(api.Deferred, "addCallback", autospec=signature, side_effect=original) as add:
        deferred = api.succeed(1)
        with pytest.raises(TypeError, match="callback"):
            deferred.addCallback()
        deferred.addCallback(str)
    assert add.call_args.args == (deferred, str)
    assert outcome(deferred) == "1"
