"""Functions that make Deferreds, lists, locks and queues."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from twisted.internet import defer

from tests.apis import Failure
from tests.helpers import Oops, handled, outcome, raising
from tests.replaced.case import Replacer, case, coroutine


@case("succeed", "Deferred")
def _succeed(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Deferred")
    deferred = api.succeed(1)
    assert (type(deferred), deferred.result) == (mine, 1)


@case("fail", "Deferred")
def _fail(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Deferred")
    deferred = api.fail(Oops())
    assert type(deferred) is mine
    assert isinstance(outcome(deferred), Oops)


@case("execute", "fail")
def _execute_fails(api: ModuleType, replace: Replacer) -> None:
    replace.put("fail", lambda *args: ("failed", args))
    assert api.execute(raising(Oops())) == ("failed", ())


@case("execute", "succeed")
def _execute(api: ModuleType, replace: Replacer) -> None:
    replace.put("succeed", lambda result: ("succeeded", result))
    assert api.execute(int, "3") == ("succeeded", 3)


@case("maybeDeferred", "fail")
def _maybe_fails(api: ModuleType, replace: Replacer) -> None:
    replace.put("fail", lambda failure: ("failed", failure.type))
    assert api.maybeDeferred(raising(Oops())) == ("failed", Oops)
    assert api.maybeDeferred(lambda: Failure(KeyError())) == ("failed", KeyError)


@case("maybeDeferred", "succeed")
def _maybe(api: ModuleType, replace: Replacer) -> None:
    replace.put("succeed", lambda result: ("succeeded", result))
    assert api.maybeDeferred(int, "3") == ("succeeded", 3)


@case("maybeDeferred", "Failure")
def _maybe_failure(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Failure")
    failed = api.maybeDeferred(raising(Oops()))
    assert type(failed.result) is mine
    plain = Failure.__new__(Failure)
    assert api.maybeDeferred(lambda: plain).result is plain
    failed.addErrback(handled)


@case("maybeDeferred", "CoroutineType")
def _maybe_coroutine(api: ModuleType, replace: Replacer) -> None:
    replace.put("CoroutineType", str)
    with pytest.raises(defer.NotACoroutineError):
        api.maybeDeferred(lambda: "no coroutine")


@case("maybeDeferred", "Deferred")
def _maybe_deferred(api: ModuleType, replace: Replacer) -> None:
    replace.subclass("Deferred", debug=True, fromCoroutine=lambda found: ("from", found.close()))
    assert api.maybeDeferred(coroutine) == ("from", None)
    failed = api.maybeDeferred(raising(Oops()))
    assert failed.result.captureVars is True
    failed.addErrback(handled)


@case("maybeDeferred", "_DEFERRED_SUBCLASSES")
def _maybe_subclasses(api: ModuleType, replace: Replacer) -> None:
    replace.put("_DEFERRED_SUBCLASSES", [int])
    assert api.maybeDeferred(int, "3") == 3


@case("setDebugging", "Deferred")
@case("getDebugging", "Deferred")
def _debugging(api: ModuleType, replace: Replacer) -> None:
    own = api.Deferred
    mine = replace.subclass("Deferred")
    api.setDebugging(True)
    assert (mine.debug, own.debug, api.getDebugging()) == (True, False, True)
    replace.undo()
    assert api.getDebugging() is False


@case("ensureDeferred", "Deferred")
def _ensure(api: ModuleType, replace: Replacer) -> None:
    replace.subclass("Deferred", fromCoroutine=lambda found: ("from", found))
    assert api.ensureDeferred(3) == ("from", 3)


@case("ensureDeferred", "NotACoroutineError")
@case("Deferred.fromCoroutine", "NotACoroutineError")
def _no_coroutine(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("NotACoroutineError")
    with pytest.raises(mine, match="3 is not a coroutine or a Deferred"):
        api.ensureDeferred(3)
    with pytest.raises(mine, match=r"3 is not a coroutine$"):
        api.Deferred.fromCoroutine(3)


@case("ensureDeferred", "_DEFERRED_SUBCLASSES")
def _ensure_subclasses(api: ModuleType, replace: Replacer) -> None:
    replace.put("_DEFERRED_SUBCLASSES", [int])
    assert api.ensureDeferred(3) == 3


@case("gatherResults", "DeferredList")
def _gather(api: ModuleType, replace: Replacer) -> None:
    class Mine:
        def __init__(self, *args: Any, **keywords: Any) -> None:
            self.given = args, keywords

        def addCallback(self, callback: Any) -> Any:
            return self.given

    replace.put("DeferredList", Mine)
    expected: Any = (([],), {"fireOnOneErrback": True, "consumeErrors": False})
    assert api.gatherResults([]) == expected


@case("gatherResults", "_parseDeferredListResult")
def _gathered(api: ModuleType, replace: Replacer) -> None:
    replace.put("_parseDeferredListResult", lambda results: ("parsed", results))
    assert outcome(api.gatherResults([api.succeed(1)])) == ("parsed", [(True, 1)])


@case("race", "Deferred")
def _race(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Deferred")
    assert type(api.race([])) is mine


@case("race", "FailureGroup")
def _race_lost(api: ModuleType, replace: Replacer) -> None:
    runner = api.Deferred()
    begun = api.race([runner])

    class Mine(Exception):
        """No subclass: that of Twisted 24.11 looks for its own name to find what it is derived from."""

    replace.put("FailureGroup", Mine)
    runner.errback(Oops())
    assert type(outcome(begun)) is Mine
    assert type(outcome(api.race([api.fail(Oops())]))) is Mine


@case("DeferredList.__init__", "Deferred")
def _list(api: ModuleType, replace: Replacer) -> None:
    replace.methods("Deferred", __init__=replace.noting("init", call=api.Deferred.__init__))
    listed = api.DeferredList([])
    assert replace.seen == ["init"]
    replace.undo()
    assert outcome(listed) == []


@case("DeferredList.__init__", "SUCCESS", "FAILURE")
@case("DeferredList._cbDeferred", "SUCCESS", "FAILURE")
def _list_flags(api: ModuleType, replace: Replacer) -> None:
    replace.put("SUCCESS", "well")
    replace.put("FAILURE", "badly")
    failed = api.fail(Oops())
    flags = [flag for flag, _ in outcome(api.DeferredList([api.succeed(1), failed], consumeErrors=True))]
    assert flags == ["well", "badly"]
    assert outcome(failed) is None
    assert outcome(api.DeferredList([api.succeed(1)], fireOnOneCallback=True)) == (1, 0)


@case("DeferredList._cbDeferred", "Failure")
def _list_failure(api: ModuleType, replace: Replacer) -> None:
    member, early = api.Deferred(), api.Deferred()
    before = api.DeferredList([early], fireOnOneErrback=True)
    mine = replace.subclass("Failure")
    listed = api.DeferredList([member], fireOnOneErrback=True)
    for waiting, made in ((member, listed), (early, before)):
        made.addErrback(lambda failure: type(failure))
        waiting.errback(mine(Oops()))
        waiting.addErrback(handled)
        assert outcome(made) is mine


@case("DeferredList._cbDeferred", "FirstError")
def _list_error(api: ModuleType, replace: Replacer) -> None:
    early = api.Deferred()
    before = api.DeferredList([early], fireOnOneErrback=True, consumeErrors=True)
    mine = replace.subclass("FirstError")
    early.errback(Oops())
    assert type(outcome(before)) is mine
    listed = api.DeferredList([api.fail(Oops())], fireOnOneErrback=True, consumeErrors=True)
    assert type(outcome(listed)) is mine


@case("DeferredList._cbDeferred", "cast")
def _list_cast(api: ModuleType, replace: Replacer) -> None:
    replace.put("cast", lambda kind, value: ("cast", value))
    assert outcome(api.DeferredList([api.succeed(1)])) == ("cast", [(True, 1)])


@case("DeferredList.cancel", "log")
def _list_log(api: ModuleType, replace: Replacer) -> None:
    listed = api.DeferredList([api.Deferred(raising(Oops()))])
    replace.methods("log", failure=replace.noting("failure"))
    listed.cancel()
    assert replace.seen == ["failure"]


@case("_ConcurrencyPrimitive.run", "maybeDeferred")
def _lock_run(api: ModuleType, replace: Replacer) -> None:
    lock = api.DeferredLock()
    holder, before = lock.run(api.Deferred), lock.run(int, "3")
    replace.put("maybeDeferred", lambda function, *args: api.succeed((function, args)))
    holder.cancel()
    holder.addErrback(handled)
    assert outcome(before) == (int, ("3",))
    assert outcome(lock.run(int, "4")) == (int, ("4",))
    assert lock.locked is False


@case("_ConcurrencyPrimitive.__aexit__", "succeed")
def _lock_exit(api: ModuleType, replace: Replacer) -> None:
    lock = api.DeferredLock()
    lock.acquire()
    replace.put("succeed", lambda result: ("succeeded", result))
    assert lock.__aexit__(None, None, None) == ("succeeded", False)
    assert lock.locked is False


@case("DeferredLock.acquire", "Deferred")
@case("DeferredSemaphore.acquire", "Deferred")
@case("DeferredQueue.get", "Deferred")
def _waiting(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Deferred")
    lock, semaphore, queue = api.DeferredLock(), api.DeferredSemaphore(1), api.DeferredQueue()
    taken = [lock.acquire(), semaphore.acquire()]
    waiting = [lock.acquire(), semaphore.acquire(), queue.get()]
    assert {type(each) for each in taken + waiting} == {mine}
    assert (lock.waiting, semaphore.waiting, queue.waiting) == ([waiting[0]], [waiting[1]], [waiting[2]])
    lock.release()
    semaphore.release()
    queue.put("object")
    assert [outcome(each) for each in waiting] == [lock, semaphore, "object"]


@case("DeferredQueue.put", "QueueOverflow")
def _overflow(api: ModuleType, replace: Replacer) -> None:
    replace.put("QueueOverflow", Oops)
    with pytest.raises(Oops):
        api.DeferredQueue(size=0).put(1)


@case("DeferredQueue.get", "QueueUnderflow")
def _underflow(api: ModuleType, replace: Replacer) -> None:
    replace.put("QueueUnderflow", Oops)
    with pytest.raises(Oops):
        api.DeferredQueue(backlog=0).get()


@case("DeferredQueue.get", "succeed")
def _queue_succeed(api: ModuleType, replace: Replacer) -> None:
    queue = api.DeferredQueue()
    queue.put(1)
    replace.put("succeed", lambda result: ("succeeded", result))
    assert queue.get() == ("succeeded", 1)
