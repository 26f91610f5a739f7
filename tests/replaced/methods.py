"""Methods of Deferreds."""

from __future__ import annotations

import asyncio
import traceback
from types import ModuleType
from typing import Any

import pytest
from twisted.internet import defer
from twisted.internet.task import Clock

from tests.apis import Failure
from tests.helpers import Oops, handled, outcome, raising, same
from tests.replaced.case import Replacer, case, coroutine


@case("Deferred.__init__", "DebugInfo", "traceback")
def _init(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("DebugInfo")
    replace.methods("traceback", format_stack=lambda: ["one", "two"])
    api.setDebugging(True)
    info: Any = api.Deferred()._debugInfo
    api.setDebugging(False)
    assert (type(info), info.creator) == (mine, ["one"])


@case("Deferred.addCallbacks", "_failthru")
@case("Deferred.addCallback", "_failthru")
def _failthru(api: ModuleType, replace: Replacer) -> None:
    replace.watch("_failthru", call=same)
    api.fail(Oops()).addCallbacks(same).addErrback(handled)
    api.fail(Oops()).addCallback(same).addErrback(handled)
    unfired = api.Deferred().addCallback(same)
    assert replace.seen == ["_failthru", "_failthru"]
    replace.undo()
    unfired.errback(Oops())
    assert replace.seen == ["_failthru", "_failthru", "_failthru"]
    unfired.addErrback(handled)


@case("Deferred.addErrback", "passthru")
def _passthru(api: ModuleType, replace: Replacer) -> None:
    replace.watch("passthru", call=lambda value: value + 1)
    assert outcome(api.succeed(1).addErrback(handled)) == 2


@case("Deferred.addTimeout", "_cancelledToTimedOutError")
def _timeout(api: ModuleType, replace: Replacer) -> None:
    clock = Clock()
    deferred = api.Deferred().addTimeout(1, clock)
    replace.put("_cancelledToTimedOutError", lambda value, timeout: ("timed out", timeout))
    clock.advance(2)
    assert outcome(deferred) == ("timed out", 1)


@case("_cancelledToTimedOutError", "CancelledError")
def _timeout_cancelled(api: ModuleType, replace: Replacer) -> None:
    clock = Clock()
    deferred = api.Deferred(lambda d: d.errback(Oops())).addTimeout(1, clock)
    replace.put("CancelledError", Oops)
    clock.advance(2)
    assert type(outcome(deferred)) is defer.TimeoutError


@case("_cancelledToTimedOutError", "TimeoutError")
def _timeout_error(api: ModuleType, replace: Replacer) -> None:
    clock = Clock()
    deferred = api.Deferred().addTimeout(1, clock)
    replace.put("TimeoutError", Oops)
    clock.advance(2)
    assert outcome(deferred).args == Oops(1, "Deferred").args


@case("_cancelledToTimedOutError", "Failure")
def _timeout_failure(api: ModuleType, replace: Replacer) -> None:
    clock = Clock()
    deferred = api.Deferred(lambda d: d.errback(Failure(Oops()))).addTimeout(1, clock)
    replace.subclass("Failure")
    clock.advance(2)
    replace.undo()
    # It was no failure to Twisted's function.
    assert type(outcome(deferred)) is Oops


@case("Deferred.errback", "Failure")
def _errback(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Failure")
    deferred, handling = api.Deferred(), api.Deferred()
    deferred.errback(Oops())
    try:
        raise Oops
    except Oops:
        handling.errback()
    assert (type(deferred.result), type(handling.result)) == (mine, mine)
    deferred.addErrback(handled)
    handling.addErrback(handled)


@case("Deferred.cancel", "CancelledError")
def _cancel_error(api: ModuleType, replace: Replacer) -> None:
    replace.put("CancelledError", Oops)
    deferred = api.Deferred()
    deferred.cancel()
    assert type(outcome(deferred)) is Oops
    replace.undo()
    late = api.Deferred(lambda _: replace.put("CancelledError", Oops))
    late.cancel()
    assert type(outcome(late)) is Oops


@case("Deferred.cancel", "Failure")
def _cancel_failure(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Failure")
    deferred = api.Deferred()
    deferred.cancel()
    assert type(deferred.result) is mine
    deferred.addErrback(handled)


@case("Deferred.cancel", "Deferred")
def _cancel_waiting(api: ModuleType, replace: Replacer) -> None:
    inner = api.Deferred()
    outer = api.succeed(None).addCallback(lambda _: inner)
    replace.subclass("Deferred")
    outer.cancel()
    assert inner.called is False
    replace.undo()
    outer.cancel()
    assert inner.called is True
    outer.addErrback(handled)


@case("Deferred._startRunCallbacks", "AlreadyCalledError")
def _already(api: ModuleType, replace: Replacer) -> None:
    replace.put("AlreadyCalledError", Oops)
    deferred = api.succeed(1)
    for again in (deferred.callback, deferred.errback, deferred._startRunCallbacks):
        with pytest.raises(Oops):
            again(KeyError())
    with pytest.raises(Oops) as raised:
        deferred.callback(1)
    entries = [entry.name for entry in traceback.extract_tb(raised.value.__traceback__)]
    assert entries[1:] == ["callback", "_startRunCallbacks"]


@case("Deferred._startRunCallbacks", "DebugInfo", "traceback")
def _already_in_debug_mode(api: ModuleType, replace: Replacer) -> None:
    fired, unfired = api.succeed(1), api.Deferred()
    mine = replace.subclass("DebugInfo", _getDebugTracebacks=lambda _: "traced")
    replace.methods("traceback", format_stack=lambda: ["one", "two", "three"])
    api.setDebugging(True)
    unfired.callback(1)
    with pytest.raises(defer.AlreadyCalledError, match=r"^\ntraced$"):
        fired.callback(2)
    api.setDebugging(False)
    info = unfired._debugInfo
    assert (type(fired._debugInfo), type(info), info.invoker) == (mine, mine, ["one"])


@case("Deferred._continuation", "_CONTINUE", "_NONE_KWARGS")
@case("Deferred._runCallbacks", "_CONTINUE")
def _continuation(api: ModuleType, replace: Replacer) -> None:
    mark, none = object(), {"mine": 1}
    replace.put("_CONTINUE", mark)
    replace.put("_NONE_KWARGS", none)
    deferred = api.Deferred()
    assert deferred._continuation() == ((mark, (deferred,), none),) * 2
    outer = api.succeed(None).addCallback(lambda _: deferred)
    deferred.callback("through")
    assert outcome(outer) == "through"


@case("Deferred._runCallbacks", "Failure")
def _run_failure(api: ModuleType, replace: Replacer) -> None:
    plain = Failure(Oops())
    mine = replace.subclass("Failure")
    failed = api.succeed(None).addCallback(raising(Oops()))
    assert type(failed.result) is mine
    failed.addErrback(handled)
    # What is no failure by the name that is replaced is given to callbacks.
    found: list[Any] = []
    api.succeed(plain).addCallbacks(found.append, raising(KeyError()))
    assert found == [plain]


@case("Deferred._runCallbacks", "DebugInfo")
def _run_debug_info(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("DebugInfo")
    failed, handled_later = api.fail(Oops()), api.succeed(None).addCallback(raising(KeyError()))
    assert replace.seen == ["DebugInfo"] * 2
    infos = [failed._debugInfo, handled_later._debugInfo]
    assert [(type(info), info.failResult.type) for info in infos] == [(mine, Oops), (mine, KeyError)]
    handled_later.addErrback(handled)
    replace.undo()
    failed.addErrback(handled)
    assert [info.failResult for info in infos] == [None, None]


@case("Deferred._runCallbacks", "_DEFERRED_SUBCLASSES")
def _run_subclasses(api: ModuleType, replace: Replacer) -> None:
    replace.put("_DEFERRED_SUBCLASSES", [])
    inner = api.Deferred()
    outer = api.succeed(None).addCallback(lambda _: inner)
    assert outer.result is inner
    assert (outer.paused, inner._callbacks) == (0, [])


@case("Deferred._runCallbacks", "warnAboutFunction")
def _run_warning(api: ModuleType, replace: Replacer) -> None:
    replace.watch("warnAboutFunction")
    deferred = api.Deferred()
    deferred.addCallback(lambda _: deferred)
    deferred.callback(1)
    assert replace.seen == ["warnAboutFunction"]
    del deferred._callbacks[:]


@case("Deferred.__iter__", "Failure")
def _iterate(api: ModuleType, replace: Replacer) -> None:
    failed = api.fail(Oops())

    async def wait() -> Any:
        return "returned", await failed

    replace.subclass("Failure")
    assert outcome(api.ensureDeferred(wait())) == ("returned", failed.result)
    replace.undo()
    failed.addErrback(handled)


@case("Deferred.fromFuture", "Deferred")
def _from_future(api: ModuleType, replace: Replacer) -> None:
    deferred = api.Deferred.fromFuture(asyncio.Future(loop=asyncio.new_event_loop()))
    mine = replace.subclass("Deferred")
    deferred.cancel()
    assert type(deferred._chainedTo) is mine


@case("Deferred.fromFuture", "Failure")
def _from_failed_future(api: ModuleType, replace: Replacer) -> None:
    loop = asyncio.new_event_loop()
    future: asyncio.Future[None] = loop.create_future()
    deferred = api.Deferred.fromFuture(future)
    mine = replace.subclass("Failure")
    future.set_exception(Oops())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert type(deferred.result) is mine
    deferred.addErrback(handled)


@case("Deferred.fromCoroutine", "_cancellableInlineCallbacks")
def _from_coroutine(api: ModuleType, replace: Replacer) -> None:
    replace.put("_cancellableInlineCallbacks", lambda found: ("run", found.close()))
    assert api.Deferred.fromCoroutine(coroutine()) == ("run", None)
    assert api.ensureDeferred(coroutine()) == ("run", None)
    assert api.maybeDeferred(coroutine) == ("run", None)


@case("Deferred.fromCoroutine", "iscoroutine", "inspect")
def _from_generator(api: ModuleType, replace: Replacer) -> None:
    replace.watch("iscoroutine", result=False)
    replace.methods("inspect", isgenerator=replace.noting("isgenerator", result=True))
    replace.put("_cancellableInlineCallbacks", lambda found: ("run", found))
    assert api.Deferred.fromCoroutine(3) == ("run", 3)
    assert replace.seen == ["iscoroutine", "isgenerator"]


@case("Deferred.__init_subclass__", "_DEFERRED_SUBCLASSES")
def _subclass(api: ModuleType, replace: Replacer) -> None:
    known: list[type] = []
    replace.put("_DEFERRED_SUBCLASSES", known)

    class Mine(api.Deferred):  # type: ignore[misc, name-defined]
        pass

    assert known == [Mine]
