"""Functions that make Deferreds, lists, locks and queues."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest
from twisted.internet import defer

from tests.faces import Failure
from tests.helpers import Oops, handled, outcome, raising
from tests.replaced.case import Replacer, case, coroutine


@case("succeed", "Deferred")
def _succeed(face: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Deferred")
    deferred = face.succeed(1)
    assert (type(deferred), deferred.result) == (mine, 1)


@case("fail", "Deferred")
def _fail(face: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Deferred")
    deferred = face.fail(Oops())
    assert type(deferred) is mine
    assert isinstance(outcome(deferred), Oops)


@case("execute", "fail")
def _execute_fails(face: ModuleType, replace: Replacer) -> None:
    replace.put("fail", lambda *args: ("failed", args))
    assert face.execute(raising(Oops())) == ("failed", ())


@case("execute", "succeed")
def _execute(face: ModuleType, replace: Replacer) -> None:
    replace.put("succeed", lambda result: ("succeeded", result))
    assert face.execute(int, "3") == ("succeeded", 3)


@case("maybeDeferred", "fail")
def _maybe_fails(face: ModuleType, replace: Replacer) -> None:
    replace.put("fail", lambda failure: ("failed", failure.type))
    assert face.maybeDeferred(raising(Oops())) == ("failed", Oops)
    assert face.maybeDeferred(lambda: Failure(KeyError())) == ("failed", KeyError)


@case("maybeDeferred", "succeed")
def _maybe(face: ModuleType, replace: Replacer) -> None:
    replace.put("succeed", lambda result: ("succeeded", result))
    assert face.maybeDeferred(int, "3") == ("succeeded", 3)


@case("maybeDeferred", "Failure")
def _maybe_failure(face: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Failure")
    failed = face.maybeDeferred(raising(Oops()))
    assert type(failed.result) is mine
    plain = Failure.__new__(Failure)
    assert face.maybeDeferred(lambda: plain).result is plain
    failed.addErrback(handled)


@case("maybeDeferred", "CoroutineType")
def _maybe_coroutine(face: ModuleType, replace: Replacer) -> None:
    replace.put("CoroutineType", str)
    with pytest.raises(defer.NotACoroutineError):
        face.maybeDeferred(lambda: "no coroutine")


@case("maybeDeferred", "Deferred")
def _maybe_deferred(face: ModuleType, replace: Replacer) -> None:
    replace.subclass("Deferred", debug=True, fromCoroutine=lambda found: ("from", found.close()))
    assert face.maybeDeferred(coroutine) == ("from", None)
    failed = face.maybeDeferred(raising(Oops()))
    assert failed.result.captureVars is True
    failed.addErrback(handled)


@case("maybeDeferred", "_DEFERRED_SUBCLASSES")
def _maybe_subclasses(face: ModuleType, replace: Replacer) -> None:
    replace.put("_DEFERRED_SUBCLASSES", [int])
    assert face.maybeDeferred(int, "3") == 3


@case("setDebugging", "Deferred")
@case("getDebugging", "Deferred")
def _debugging(face: ModuleType, replace: Replacer) -> None:
    own = face.Deferred
    mine = replace.subclass("Deferred")
    face.setDebugging(True)
    assert (mine.debug, own.debug, face.getDebugging()) == (True, False, True)
    replace.undo()
    assert face.getDebugging() is False


@case("ensureDeferred", "Deferred")
def _ensure(face: ModuleType, replace: Replacer) -> None:
    replace.subclass("Deferred", fromCoroutine=lambda found: ("from", found))
    assert face.ensureDeferred(3) == ("from", 3)


@case("ensureDeferred", "NotACoroutineError")
@case("Deferred.fromCoroutine", "NotACoroutineError")
def _no_coroutine(face: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("NotACoroutineError")
    with pytest.raises(mine, match="3 is not a coroutine or a Deferred"):
        face.ensureDeferred(3)
    with pytest.raises(mine, match=r"3 is not a coroutine$"):
        face.Deferred.fromCoroutine(3)


@case("ensureDeferred", "_DEFERRED_SUBCLASSES")
def _ensure_subclasses(face: ModuleType, replace: Replacer) -> None:
    replace.put("_DEFERRED_SUBCLASSES", [int])
    assert face.ensureDeferred(3) == 3


@case("gatherResults", "DeferredList")
def _gather(face: ModuleType, replace: Replacer) -> None:
    class Mine:
        def __init__(self, *args: Any, **keywords: Any) -> None:
            self.given = args, keywords

        def addCallback(self, callback: Any) -> Any:
            return self.given

    replace.put("DeferredList", Mine)
    expected: Any = (([],), {"fireOnOneErrback": True, "consumeErrors": False})
    assert face.gatherResults([]) == expected


@case("gatherResults", "_parseDeferredListResult")
def _gathered(face: ModuleType, replace: Replacer) -> None:
    replace.put("_parseDeferredListResult", lambda results: ("parsed", results))
    assert outcome(face.gatherResults([face.succeed(1)])) == ("parsed", [(True, 1)])


@case("race", "Deferred")
def _race(face: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Deferred")
    assert type(face.race([])) is mine


@case("race", "FailureGroup")
def _race_lost(face: ModuleType, replace: Replacer) -> None:
    runner = face.Deferred()
    begun = face.race([runner])

    class Mine(Exception):
        """No subclass: that of Twisted 24.11 looks for its own name to find what it is derived from."""

    replace.put("FailureGroup", Mine)
    runner.errback(Oops())
    assert type(outcome(begun)) is Mine
    assert type(outcome(face.race([face.fail(Oops())]))) is Mine


@case("DeferredList.__init__", "Deferred")
def _list(face: ModuleType, replace: Replacer) -> None:
    replace.methods("Deferred", __init__=replace.noting("init", call=face.Deferred.__init__))
    listed = face.DeferredList([])
    assert replace.seen == ["init"]
    replace.undo()
    assert outcome(listed) == []


@case("DeferredList.__init__", "SUCCESS", "FAILURE")
@case("DeferredList._cbDeferred", "SUCCESS", "FAILURE")
def _list_flags(face: ModuleType, replace: Replacer) -> None:
    replace.put("SUCCESS", "well")
    replace.put("FAILURE", "badly")
    failed = face.fail(Oops())
    flags = [flag for flag, _ in outcome(face.DeferredList([face.succeed(1), failed], consumeErrors=True))]
    assert flags == ["well", "badly"]
    assert outcome(failed) is None
    assert outcome(face.DeferredList([face.succeed(1)], fireOnOneCallback=True)) == (1, 0)


@case("DeferredList._cbDeferred", "Failure")
def _list_failure(face: ModuleType, replace: Replacer) -> None:
    member, early = face.Deferred(), face.Deferred()
    before = face.DeferredList([early], fireOnOneErrback=True)
    mine = replace.subclass("Failure")
    listed = face.DeferredList([member], fireOnOneErrback=True)
    for waiting, made in ((member, listed), (early, before)):
        made.addErrback(lambda failure: type(failure))
        waiting.errback(mine(Oops()))
        waiting.addErrback(handled)
        assert outcome(made) is mine


@case("DeferredList._cbDeferred", "FirstError")
def _list_error(face: ModuleType, replace: Replacer) -> None:
    early = face.Deferred()
    before = face.DeferredList([early], fireOnOneErrback=True, consumeErrors=True)
    mine = replace.subclass("FirstError")
    early.errback(Oops())
    assert type(outcome(before)) is mine
    listed = face.DeferredList([face.fail(Oops())], fireOnOneErrback=True, consumeErrors=True)
    assert type(outcome(listed)) is mine


@case("DeferredList._cbDeferred", "cast")
def _list_cast(face: ModuleType, replace: Replacer) -> None:
    replace.put("cast", lambda kind, value: ("cast", value))
    assert outcome(face.DeferredList([face.succeed(1)])) == ("cast", [(True, 1)])


@case("DeferredList.cancel", "log")
def _list_log(face: ModuleType, replace: Replacer) -> None:
    listed = face.DeferredList([face.Deferred(raising(Oops()))])
    replace.methods("log", failure=replace.noting("failure"))
    listed.cancel()
    assert replace.seen == ["failure"]


@case("_ConcurrencyPrimitive.run", "maybeDeferred")
def _lock_run(face: ModuleType, replace: Replacer) -> None:
    lock = face.DeferredLock()
    holder, before = lock.run(face.Deferred), lock.run(int, "3")
    replace.put("maybeDeferred", lambda function, *args: face.succeed((function, args)))
    holder.cancel()
    holder.addErrback(handled)
    assert outcome(before) == (int, ("3",))
    assert outcome(lock.run(int, "4")) == (int, ("4",))
    assert lock.locked is False


@case("_ConcurrencyPrimitive.__aexit__", "succeed")
def _lock_exit(face: ModuleType, replace: Replacer) -> None:
    lock = face.DeferredLock()
    lock.acquire()
    replace.put("succeed", lambda result: ("succeeded", result))
    assert lock.__aexit__(None, None, None) == ("succeeded", False)
    assert lock.locked is False


@case("DeferredLock.acquire", "Deferred")
@case("DeferredSemaphore.acquire", "Deferred")
@case("DeferredQueue.get", "Deferred")
def _waiting(face: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Deferred")
    lock, semaphore, queue = face.DeferredLock(), face.DeferredSemaphore(1), face.DeferredQueue()
    taken = [lock.acquire(), semaphore.acquire()]
    waiting = [lock.acquire(), semaphore.acquire(), queue.get()]
    assert {type(each) for each in taken + waiting} == {mine}
    assert (lock.waiting, semaphore.waiting, queue.waiting) == ([waiting[0]], [waiting[1]], [waiting[2]])
    lock.release()
    semaphore.release()
    queue.put("object")
    assert [outcome(each) for each in waiting] == [lock, semaphore, "object"]


@case("DeferredQueue.put", "QueueOverflow")
def _overflow(face: ModuleType, replace: Replacer) -> None:
    replace.put("QueueOverflow", Oops)
    with pytest.raises(Oops):
        face.DeferredQueue(size=0).put(1)


@case("DeferredQueue.get", "QueueUnderflow")
def _underflow(face: ModuleType, replace: Replacer) -> None:
    replace.put("QueueUnderflow", Oops)
    with pytest.raises(Oops):
        face.DeferredQueue(backlog=0).get()


@case("DeferredQueue.get", "succeed")
def _queue_succeed(face: ModuleType, replace: Replacer) -> None:
    queue = face.DeferredQueue()
    queue.put(1)
    replace.put("succeed", lambda result: ("succeeded", result))
    assert queue.get() == ("succeeded", 1)
