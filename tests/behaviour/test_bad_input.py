"""Wrong arguments: an error of the same type as Twisted's, at the same moment, and nothing broken."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.apis import Failure
from tests.helpers import handled, outcome, same

Case = Callable[[ModuleType], Any]

#: Wrong calls, by name. Each is a function of the API under test.
CASES: dict[str, Case] = {
    "Deferred: two arguments": lambda f: f.Deferred(None, None),
    "Deferred: unknown keyword": lambda f: f.Deferred(cancel=None),
    "Deferred: canceller by keyword": lambda f: f.Deferred(canceller=None),
    "Deferred: canceller that cannot be called": lambda f: f.Deferred(5).cancel(),
    "addCallback: nothing": lambda f: f.Deferred().addCallback(),
    "addCallback: by keyword": lambda f: f.Deferred().addCallback(callback=same),
    "addCallback: something that cannot be called": lambda f: outcome(f.succeed(1).addCallback(5)),
    "addCallback: None": lambda f: outcome(f.succeed(1).addCallback(None)),
    "addErrback: nothing": lambda f: f.Deferred().addErrback(),
    "addErrback: by keyword": lambda f: f.Deferred().addErrback(errback=same),
    "addBoth: nothing": lambda f: f.Deferred().addBoth(),
    "addBoth: keyword of the same name": lambda f: f.Deferred().addBoth(same, callback=1),
    "addCallbacks: nothing": lambda f: f.Deferred().addCallbacks(),
    "addCallbacks: too many": lambda f: f.Deferred().addCallbacks(same, same, (), {}, (), {}, 1),
    "addCallbacks: unknown keyword": lambda f: f.Deferred().addCallbacks(same, args=()),
    "addCallbacks: twice the same": lambda f: f.Deferred().addCallbacks(same, callback=same),
    "addCallbacks: arguments that are no sequence": lambda f: outcome(
        f.succeed(1).addCallbacks(same, same, callbackArgs=5)
    ),
    "addCallbacks: keywords that are no mapping": lambda f: outcome(
        f.succeed(1).addCallbacks(same, same, callbackKeywords=5)
    ),
    "addCallbacks: keywords with numbers": lambda f: outcome(
        f.succeed(1).addCallbacks(same, same, callbackKeywords={1: 2})
    ),
    "addCallbacks: arguments as text": lambda f: outcome(
        f.succeed(1).addCallbacks(lambda *a: a, callbackArgs="ab")
    ),
    "addCallbacks: None everywhere": lambda f: outcome(
        f.succeed(1).addCallbacks(same, None, None, None, None, None)
    ),
    "callback: nothing": lambda f: f.Deferred().callback(),
    "callback: two": lambda f: f.Deferred().callback(1, 2),
    "callback: by keyword": lambda f: f.Deferred().callback(result=1),
    "callback: unknown keyword": lambda f: f.Deferred().callback(value=1),
    "errback: two": lambda f: f.Deferred().errback(ValueError(), 2),
    "errback: by keyword": lambda f: outcome(fired(f.Deferred(), fail=ValueError())),
    "errback: nothing that happens": lambda f: f.Deferred().errback(),
    "errback: text": lambda f: outcome(fired(f.Deferred(), "text")),
    "errback: a class": lambda f: outcome(fired(f.Deferred(), ValueError)),
    "pause: one": lambda f: f.Deferred().pause(1),
    "unpause: one": lambda f: f.Deferred().unpause(1),
    "cancel: one": lambda f: f.Deferred().cancel(1),
    "chainDeferred: nothing": lambda f: f.Deferred().chainDeferred(),
    "chainDeferred: a number": lambda f: f.Deferred().chainDeferred(5),
    "chainDeferred: by keyword": lambda f: f.Deferred().chainDeferred(d=f.Deferred()),
    "addTimeout: nothing": lambda f: f.Deferred().addTimeout(),
    "addTimeout: no clock": lambda f: f.Deferred().addTimeout(1, None),
    "asFuture: nothing": lambda f: f.Deferred().asFuture(),
    "asFuture: no loop": lambda f: f.Deferred().asFuture(None),
    "fromFuture: no future": lambda f: f.Deferred.fromFuture(5),
    "fromCoroutine: nothing": lambda f: f.Deferred.fromCoroutine(),
    "succeed: nothing": lambda f: f.succeed(),
    "succeed: two": lambda f: f.succeed(1, 2),
    "succeed: by keyword": lambda f: f.succeed(result=1).result,
    "fail: two": lambda f: f.fail(ValueError(), 2),
    "fail: by keyword": lambda f: outcome(f.fail(result=ValueError())),
    "fail: a number": lambda f: outcome(f.fail(5)),
    "execute: nothing": lambda f: f.execute(),
    "execute: a number": lambda f: outcome(f.execute(5)),
    "maybeDeferred: nothing": lambda f: f.maybeDeferred(),
    "maybeDeferred: wrong arguments": lambda f: outcome(f.maybeDeferred(same)),
    "ensureDeferred: nothing": lambda f: f.ensureDeferred(),
    "gatherResults: nothing": lambda f: f.gatherResults(),
    "gatherResults: a number": lambda f: f.gatherResults(5),
    "gatherResults: numbers": lambda f: f.gatherResults([5]),
    "gatherResults: by keyword": lambda f: outcome(f.gatherResults(deferredList=[], consumeErrors=True)),
    "DeferredList: nothing": lambda f: f.DeferredList(),
    "DeferredList: numbers": lambda f: f.DeferredList([1, 2]),
    "DeferredList: five": lambda f: f.DeferredList([], False, False, False, False),
    "DeferredList: unknown keyword": lambda f: f.DeferredList([], consume=True),
    "DeferredList: a generator": lambda f: outcome(f.DeferredList(f.succeed(n) for n in range(2))),
    "race: nothing": lambda f: f.race(),
    "race: a number": lambda f: f.race(5),
    "race: numbers": lambda f: f.race([5]),
    "race: a generator": lambda f: outcome(f.race(f.succeed(n) for n in range(2))),
    "inlineCallbacks: nothing": lambda f: f.inlineCallbacks(),
    "inlineCallbacks: a number": lambda f: f.inlineCallbacks(5)(),
    "DeferredLock: one": lambda f: f.DeferredLock(1),
    "DeferredLock: released first": lambda f: f.DeferredLock().release(),
    "DeferredLock.run: nothing": lambda f: f.DeferredLock().run(),
    "DeferredLock.run: by keyword": lambda f: outcome(f.DeferredLock().run(f=same)),
    "DeferredSemaphore: nothing": lambda f: f.DeferredSemaphore(),
    "DeferredSemaphore: none": lambda f: f.DeferredSemaphore(0),
    "DeferredSemaphore: below": lambda f: f.DeferredSemaphore(-1),
    "DeferredSemaphore: text": lambda f: f.DeferredSemaphore("1"),
    "DeferredSemaphore: by keyword": lambda f: f.DeferredSemaphore(tokens=2).tokens,
    "DeferredSemaphore: released first": lambda f: f.DeferredSemaphore(1).release(),
    "DeferredQueue: three": lambda f: f.DeferredQueue(1, 2, 3),
    "DeferredQueue: full": lambda f: f.DeferredQueue(size=0).put(1),
    "DeferredQueue: nothing to get": lambda f: f.DeferredQueue(backlog=0).get(),
    "DeferredQueue.put: nothing": lambda f: f.DeferredQueue().put(),
    "setDebugging: nothing": lambda f: f.setDebugging(),
    "getDebugging: one": lambda f: f.getDebugging(1),
    "instance: no such method": lambda f: f.Deferred().addCallBack(same),
    "class: called as a method": lambda f: f.Deferred.callback(),
}


def fired(deferred: Any, *args: Any, **keywords: Any) -> Any:
    """Fail a Deferred and give it."""
    deferred.errback(*args, **keywords)
    return deferred


def seen(case: Case, api: ModuleType) -> Any:
    """Say what comes of a case: the type of an exception, or the result without what differs by api."""
    try:
        result = case(api)
    except Exception as error:
        return ("raised", type(error))
    if isinstance(result, (BaseException, Failure)):
        return ("failed", type(result))
    return type(result).__name__ if type(result).__module__ != "builtins" else result


@pytest.mark.parametrize("name", CASES)
def test_wrong_arguments_raise_the_same_errors_as_in_twisted(
    api: ModuleType, stock: ModuleType, name: str
) -> None:
    """Wrong calls fail as on stock, and right ones give the same."""
    assert seen(CASES[name], api) == seen(CASES[name], stock)


def test_a_refused_call_changes_nothing(api: ModuleType) -> None:
    """After a call with wrong arguments a Deferred is what it was."""
    deferred = api.Deferred()
    for wrong in (deferred.addCallback, deferred.callback, deferred.addCallbacks):
        with pytest.raises(TypeError):
            wrong()
    assert not deferred.called
    deferred.callback("still good")
    assert outcome(deferred) == "still good"


def test_comparison_and_hash_of_odd_results(api: ModuleType) -> None:
    """Results are never compared, hashed or asked for their truth."""

    class Touchy:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise AssertionError("compared")

        def __bool__(self) -> bool:
            raise AssertionError("asked for its truth")

    touchy = Touchy()
    first = api.succeed(touchy)
    second = api.succeed(None).addCallback(lambda _: first)
    second.addErrback(handled)
    assert outcome(second) is touchy
    combined = outcome(api.DeferredList([api.succeed(touchy), api.fail(ValueError())], consumeErrors=True))
    assert combined[0][1] is touchy
