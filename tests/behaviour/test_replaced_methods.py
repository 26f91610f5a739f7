"""Methods that a program has replaced on Failure, DebugInfo and Deferred, or on one object, are called.

What other methods of Deferred call is in `test_patching.py`.
"""

from __future__ import annotations

import gc
from types import ModuleType
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.task import Clock

from tests.apis import Failure
from tests.helpers import Oops, Steps, handled, outcome, raising, same
from tests.logs import Log


def flow_of(api: ModuleType, waited: Any) -> Any:
    """Start a generator that waits; its result is the name of what was raised there."""

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        try:
            yield waited
        except Exception as error:
            return type(error).__name__

    return flow()


async def wait_for(waited: Any) -> str:
    """Return the name of what was raised by awaiting."""
    try:
        await waited
    except Exception as error:
        return type(error).__name__
    return ""


# The class Failure.


def test_a_replaced_init_of_failure_is_called(api: ModuleType, calls: Any) -> None:
    """Every function that makes a failure calls the replaced __init__."""
    made = calls(Failure, "__init__")
    deferreds = [api.fail(Oops()), api.maybeDeferred(raising(Oops())), api.execute(raising(Oops()))]
    deferreds.append(api.succeed(None).addCallback(raising(Oops())))
    fired, cancelled = api.Deferred(), api.Deferred()
    fired.errback(Oops())
    cancelled.cancel()
    assert len(made) == len(deferreds) + 2
    for deferred in [*deferreds, fired, cancelled]:
        deferred.addErrback(handled)


def test_a_replaced_throw_of_failure_is_called(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure is thrown by its own method, whether the generator waited before the patch or not."""
    waited, fresh = api.Deferred(), api.Deferred()
    before = flow_of(api, waited)
    monkeypatch.setattr(Failure, "throwExceptionIntoGenerator", lambda _, g: g.throw(OSError()))
    after = flow_of(api, fresh)
    waited.errback(Oops())
    fresh.errback(Oops())
    assert (outcome(before), outcome(after)) == ("OSError", "OSError")
    assert outcome(flow_of(api, api.fail(Oops()))) == "OSError"


def test_a_throw_replaced_on_one_failure_is_called(api: ModuleType) -> None:
    """The method of one failure is that one's."""
    failure = Failure(Oops())
    failure.throwExceptionIntoGenerator = lambda g: g.throw(OSError())
    waited = api.Deferred()
    flowing = flow_of(api, waited)
    waited.errback(failure)
    assert outcome(flowing) == "OSError"
    assert outcome(flow_of(api, api.fail(Oops()))) == "Oops"


def test_raising_where_a_deferred_is_awaited(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """An awaited failure raises its exception by raiseException."""
    before = api.Deferred()
    waits = api.ensureDeferred(wait_for(before))
    monkeypatch.setattr(Failure, "raiseException", raising(OSError()))
    assert outcome(api.ensureDeferred(wait_for(api.fail(Oops())))) == "OSError"
    monkeypatch.undo()
    assert outcome(api.ensureDeferred(wait_for(api.fail(Oops())))) == "Oops"
    before.callback(1)
    assert outcome(waits) == ""


def test_a_raise_exception_replaced_on_one_failure_is_called(api: ModuleType) -> None:
    """The method of one failure is that one's."""
    failure = Failure(Oops())
    failure.raiseException = raising(OSError())
    assert outcome(api.ensureDeferred(wait_for(api.fail(failure)))) == "OSError"
    failed = api.fail(failure).addErrback(lambda found: found.trap(KeyError))
    assert type(outcome(failed)) is OSError


def test_trap_calls_a_replaced_check(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap asks the check in place, of the class or of one failure."""
    failure = Failure(Oops())
    monkeypatch.setattr(Failure, "check", lambda _, *kinds: ("checked", kinds))
    assert failure.trap(Oops) == ("checked", (Oops,))
    monkeypatch.undo()
    assert failure.trap(Oops) is Oops
    failure.check = lambda *kinds: ("own", kinds)
    assert failure.trap(Oops) == ("own", (Oops,))


def test_trap_raises_by_a_replaced_raise_exception(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of another class is raised by raiseException."""
    monkeypatch.setattr(Failure, "raiseException", raising(OSError()))
    with pytest.raises(OSError):
        Failure(Oops()).trap(KeyError)


def test_check_reads_a_replaced_parents(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check looks among the parents, which are a property."""
    monkeypatch.setattr(Failure, "parents", property(lambda _: ["builtins.KeyError"]))
    failure = Failure(Oops())
    assert failure.check(Oops, KeyError) is KeyError
    monkeypatch.undo()
    assert failure.check(Oops, KeyError) is Oops


def test_cancelling_a_coroutine_calls_a_replaced_trap(api: ModuleType, calls: Any) -> None:
    """Cancelling a coroutine traps an error of its own."""
    flowing = flow_of(api, api.Deferred())
    made = calls(Failure, "trap")
    flowing.cancel()
    assert made == ["trap"]
    assert outcome(flowing) == "CancelledError"


def test_a_timeout_calls_a_replaced_trap(api: ModuleType, calls: Any) -> None:
    """A timeout traps the cancellation."""
    clock = Clock()
    deferred = api.Deferred().addTimeout(1, clock)
    made = calls(Failure, "trap", "check")
    clock.advance(1)
    assert made == ["trap", "check"]
    assert type(outcome(deferred)) is defer.TimeoutError


def test_replaced_methods_clean_and_show_a_failure(api: ModuleType, calls: Any) -> None:
    """A failure that a callback has raised is cleaned and shown by the methods in place."""
    made = calls(Failure, "cleanFailure", "getTraceback", "__repr__")
    failed = api.succeed(None).addCallback(raising(Oops()))
    failed.result.cleanFailure()
    assert "Oops" in failed.result.getTraceback()
    assert "Oops" in repr(failed)
    assert made == ["cleanFailure", "getTraceback", "__repr__"]
    failed.addErrback(handled)


def test_a_replaced_setattr_of_failure_is_called(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure that is made sets its attributes by the __setattr__ in place."""
    made: list[str] = []

    def setting(self: Any, name: str, value: Any) -> None:
        made.append(name)
        BaseException.__setattr__(self, name, value)

    monkeypatch.setattr(Failure, "__setattr__", setting, raising=False)
    api.succeed(None).addCallback(raising(Oops())).addErrback(handled)
    monkeypatch.delattr(Failure, "__setattr__")
    assert {"count", "type", "value", "tb"} <= set(made)


# The class DebugInfo.


def test_a_replaced_init_of_debug_info_is_called(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch, logged: Log
) -> None:
    """A DebugInfo is made when a Deferred has failed, by the __init__ in place."""
    made: list[Any] = []
    monkeypatch.setattr(defer.DebugInfo, "__init__", lambda info: made.append(info), raising=False)
    failed = api.fail(Oops("lost"))
    assert [info.failResult.type for info in made] == [Oops]
    made.clear()
    del failed
    assert logged.unhandled() == ["Oops(lost)"]


def test_a_replaced_del_of_debug_info_reports_failures(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unhandled failure is reported by the replaced __del__."""
    lost: list[Any] = []
    monkeypatch.setattr(defer.DebugInfo, "__del__", lambda info: lost.append(info.failResult.type))
    api.fail(Oops())
    failing = api.Deferred()
    failing.itself = failing
    failing.errback(KeyError())
    del failing
    gc.collect()
    assert lost == [Oops, KeyError]


def test_a_replaced_method_of_debug_info_gives_the_debug_traces(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text of debug mode comes from the replaced method."""
    monkeypatch.setattr(defer.DebugInfo, "_getDebugTracebacks", lambda _: "traced")
    api.setDebugging(True)
    with pytest.raises(defer.AlreadyCalledError, match="traced"):
        api.succeed(1).callback(2)
    api.setDebugging(False)


# The end of a Deferred.


def test_a_del_set_on_the_class_is_called_with_all_attributes(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A __del__ that is set on the class is called when a Deferred ends, with all its attributes."""
    ended: list[Any] = []
    before, listed = api.succeed("before"), api.DeferredList([])
    monkeypatch.setattr(
        api.Deferred, "__del__", lambda self: ended.append((type(self).__name__, self.result)), raising=False
    )
    api.succeed(1)
    del before, listed
    assert ended == [("Deferred", 1), ("Deferred", "before"), ("DeferredList", [])]
    monkeypatch.undo()
    api.succeed(2)
    assert len(ended) == 3


def test_a_del_set_on_the_class_is_called_once_for_a_cycle(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is called once for a Deferred in a circle, too."""
    ended: list[Any] = []
    monkeypatch.setattr(api.Deferred, "__del__", lambda self: ended.append(self.called), raising=False)
    circle = api.succeed(1)
    circle.itself = circle
    del circle
    gc.collect()
    gc.collect()
    assert ended == [True]


def test_a_del_set_on_the_class_may_revive_the_deferred(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Deferred that its __del__ has put somewhere lives on, and ends without another call."""
    kept: list[Any] = []
    monkeypatch.setattr(api.Deferred, "__del__", lambda self: kept.append(self), raising=False)
    api.succeed(1)
    assert outcome(kept[0]) == 1
    kept.clear()
    assert kept == []
    for number in range(100):
        assert api.succeed(number).result == number
    assert [outcome(each) for each in kept] == list(range(100))
    kept.clear()


@pytest.mark.parametrize("inner", [False, True], ids=["class", "subclass"])
def test_a_del_set_on_the_class_does_not_suppress_the_report(
    api: ModuleType, monkeypatch: pytest.MonkeyPatch, logged: Log, inner: bool
) -> None:
    """A failure that nobody has handled is reported all the same, after the call."""
    ended: list[str] = []

    def end(self: Any) -> None:
        ended.append(self.result.type.__name__)
        assert logged.events == []

    kind: Any = api.Deferred
    if inner:
        kind = type("Kind", (api.Deferred,), {"__del__": end})
    else:
        monkeypatch.setattr(api.Deferred, "__del__", end, raising=False)
    for circle in (False, True):
        failed = kind()
        failed.itself = failed if circle else None
        failed.errback(Oops("lost"))
        del failed
        assert logged.unhandled() == ["Oops(lost)"]
    assert ended == ["Oops", "Oops"]


def test_everything_is_as_before_after_a_del_is_deleted(api: ModuleType, logged: Log) -> None:
    """After the __del__ of a program was deleted, everything is as before."""
    ended: list[Any] = []
    api.Deferred.__del__ = lambda self: ended.append(self)
    del api.Deferred.__del__
    for circle in (False, True):
        failed = api.Deferred()
        failed.itself = failed if circle else None
        failed.errback(Oops("lost"))
        del failed
        assert logged.unhandled() == ["Oops(lost)"]
    assert ended == []


# What else may be on the class Deferred.


def test_a_replaced_setattr_of_deferred_is_called(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twisted's functions set attributes by the __setattr__ in place."""
    made: list[str] = []

    def setting(self: Any, name: str, value: Any) -> None:
        made.append(name)
        object.__setattr__(self, name, value)

    monkeypatch.setattr(api.Deferred, "__setattr__", setting, raising=False)
    deferred = api.Deferred()
    deferred.callback(1)
    monkeypatch.delattr(api.Deferred, "__setattr__")
    # The list of callbacks had no underscore before Twisted 25.5.
    assert [name.lstrip("_") for name in made if name != "_chainedTo"] == [
        *("callbacks", "canceller", "called", "canceller", "result")
    ]


def test_a_replaced_from_coroutine_is_called(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Coroutines are run by the fromCoroutine in place."""
    monkeypatch.setattr(api.Deferred, "fromCoroutine", lambda found: ("from", found.close()))
    assert api.maybeDeferred(wait_for, 1) == ("from", None)
    assert api.ensureDeferred(wait_for(1)) == ("from", None)


def test_an_attribute_set_on_the_class_is_used(api: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class attribute that stands for one of a Deferred's own is used."""
    results: list[Any] = []
    mine = property(lambda _: "mine", lambda _, value: results.append(value))
    monkeypatch.setattr(api.Deferred, "result", mine, raising=False)
    deferred = api.Deferred()
    deferred.callback(1)
    deferred.addCallback(results.append)
    assert results == [1, "mine", None]
    del deferred
    monkeypatch.undo()
    assert outcome(api.succeed(1).addCallback(same)) == 1
