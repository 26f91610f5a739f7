"""Replaced names in the functions that run generators and coroutines."""

from __future__ import annotations

import asyncio
import inspect
import sys
from contextvars import copy_context
from types import ModuleType
from typing import Any

import pytest
from twisted.internet import defer

from tests.apis import Failure
from tests.helpers import UNFIRED, Oops, Steps, handled, outcome, raising, same
from tests.replaced.case import Replacer, case, coroutine


def flow_of(api: ModuleType, *yielded: Any) -> tuple[list[Any], Any]:
    """Start a generator that yields these; return the list of what comes back, and its Deferred."""
    came: list[Any] = []

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        for each in yielded:
            try:
                came.append((yield each))
            except Exception as error:
                came.append(type(error))
        return "end"

    return came, flow()


@case("inlineCallbacks", "_cancellableInlineCallbacks")
def _inline(api: ModuleType, replace: Replacer) -> None:
    replace.put("_cancellableInlineCallbacks", lambda found: ("run", found.close()))
    assert flow_of(api)[1] == ("run", None)


@case("inlineCallbacks", "GeneratorType")
def _inline_generator(api: ModuleType, replace: Replacer) -> None:
    replace.put("GeneratorType", int)
    with pytest.raises(TypeError, match="to produce a generator"):
        flow_of(api)


@case("inlineCallbacks", "_DefGen_Return")
def _inline_return(api: ModuleType, replace: Replacer) -> None:
    replace.put("_DefGen_Return", Oops)
    with pytest.raises(TypeError, match="returnValue being used in a non-generator"):
        api.inlineCallbacks(raising(Oops()))()


@case("inlineCallbacks", "wraps")
def _inline_wraps(api: ModuleType, replace: Replacer) -> None:
    replace.put("wraps", lambda function: lambda made: ("wrapped", function))
    assert api.inlineCallbacks(same) == ("wrapped", same)


@case("_cancellableInlineCallbacks", "Deferred")
def _start(api: ModuleType, replace: Replacer) -> None:
    mine = replace.subclass("Deferred")
    assert type(flow_of(api)[1]) is mine
    assert type(api.ensureDeferred(coroutine())) is mine


@case("_cancellableInlineCallbacks", "_CancellationStatus", "_copy_context")
def _start_status(api: ModuleType, replace: Replacer) -> None:
    replace.subclass("_CancellationStatus")
    replace.watch("_copy_context", call=copy_context)
    assert outcome(flow_of(api, api.succeed(1))[1]) == "end"
    assert replace.seen == ["_CancellationStatus", "_copy_context"]


@case("_cancellableInlineCallbacks", "_inlineCallbacks")
@case("_gotResultInlineCallbacks", "_inlineCallbacks")
def _run(api: ModuleType, replace: Replacer) -> None:
    waited = api.Deferred()
    flow_of(api, waited)
    replace.watch("_inlineCallbacks")
    assert outcome(flow_of(api, 1)[1]) is UNFIRED
    waited.callback(1)
    assert replace.seen == ["_inlineCallbacks"] * 2


@case("_cancellableInlineCallbacks", "_addCancelCallbackToDeferred")
def _run_cancelled(api: ModuleType, replace: Replacer) -> None:
    before = flow_of(api, api.Deferred())[1]
    replace.watch("_addCancelCallbackToDeferred")
    for flowing in (before, flow_of(api, api.Deferred())[1]):
        flowing.cancel()
        assert type(outcome(flowing)) is defer.CancelledError
    assert replace.seen == ["_addCancelCallbackToDeferred"] * 2


@case("_addCancelCallbackToDeferred", "_handleCancelInlineCallbacks")
def _cancel_handler(api: ModuleType, replace: Replacer) -> None:
    before = flow_of(api, api.Deferred())[1]
    replace.watch("_handleCancelInlineCallbacks", result="handled")
    for flowing in (before, flow_of(api, api.Deferred())[1]):
        flowing.cancel()
        assert outcome(flowing) == "handled"


@case("_addCancelCallbackToDeferred", "_InternalInlineCallbacksCancelledError")
@case("_handleCancelInlineCallbacks", "_InternalInlineCallbacksCancelledError")
def _cancel_internal(api: ModuleType, replace: Replacer) -> None:
    came, flowing = flow_of(api, api.Deferred())
    replace.subclass("_InternalInlineCallbacksCancelledError")
    flowing.cancel()
    assert (came, outcome(flowing)) == ([defer.CancelledError], "end")
    assert replace.seen == ["_InternalInlineCallbacksCancelledError"]


@case("_handleCancelInlineCallbacks", "Deferred", "_addCancelCallbackToDeferred")
def _cancel_again(api: ModuleType, replace: Replacer) -> None:
    came, flowing = flow_of(api, api.Deferred(), api.Deferred(), api.Deferred())
    # It is also what tells whether a Deferred waits for another.
    mine = replace.subclass("Deferred")
    flowing.cancel()
    assert type(flowing._chainedTo) is mine
    replace.watch("_addCancelCallbackToDeferred")
    flowing.cancel()
    assert replace.seen.count("_addCancelCallbackToDeferred") == 1
    assert came == [defer.CancelledError]
    flowing.addErrback(handled)


@case("_inlineCallbacks", "Failure")
def _step_failure(api: ModuleType, replace: Replacer) -> None:
    waited = api.Deferred()
    came, flowing = flow_of(api, waited)
    plain = Failure(Oops())
    replace.subclass("Failure")
    waited.callback(plain)
    assert (came, outcome(flowing)) == ([plain], "end")


@case("_inlineCallbacks", "_DEFERRED_SUBCLASSES")
def _step_subclasses(api: ModuleType, replace: Replacer) -> None:
    waited, other = api.Deferred(), api.succeed(1)
    came, _ = flow_of(api, waited, other)
    replace.put("_DEFERRED_SUBCLASSES", [])
    waited.callback(1)
    assert came == [1, other]


@case("_inlineCallbacks", "_DefGen_Return", "exc_info")
def _step_return(api: ModuleType, replace: Replacer) -> None:
    class Mine(BaseException):
        value = "returned"

    def outermost() -> None:
        raising(Mine())()

    def steps(waited: Any) -> Steps:
        yield waited
        outermost()

    waited = api.Deferred()
    before = api.inlineCallbacks(steps)(waited)
    replace.put("_DefGen_Return", Mine)
    replace.watch("exc_info", call=sys.exc_info)
    waited.callback(None)
    assert outcome(before) == "returned"
    assert outcome(api.inlineCallbacks(steps)(1)) == "returned"
    assert replace.seen == ["exc_info"] * 2


@case("_inlineCallbacks", "warnings")
def _step_warning(api: ModuleType, replace: Replacer) -> None:
    def deeper() -> None:
        raise defer._DefGen_Return("returned")

    def outermost() -> None:
        deeper()

    @api.inlineCallbacks  # type: ignore[untyped-decorator]
    def flow() -> Steps:
        yield 1
        (lambda: outermost())()

    replace.methods("warnings", warn_explicit=replace.noting("warned"))
    assert outcome(flow()) == "returned"
    assert replace.seen == ["warned"]


@case("_inlineCallbacks", "_cancellableInlineCallbacks")
def _step_nested(api: ModuleType, replace: Replacer) -> None:
    waited, nested = api.Deferred(), coroutine()
    came, flowing = flow_of(api, waited, nested)
    replace.put("_cancellableInlineCallbacks", lambda found: api.succeed(("run", found.close())))
    waited.callback(1)
    assert (came, outcome(flowing)) == ([1, ("run", None)], "end")


@case("_inlineCallbacks", "_gotResultInlineCallbacks")
def _step_result(api: ModuleType, replace: Replacer) -> None:
    first, second = api.Deferred(), api.Deferred()
    came, _ = flow_of(api, first, second)
    replace.watch("_gotResultInlineCallbacks")
    first.callback(1)
    assert came == [1]
    second.callback(2)
    assert came == [1]
    assert replace.seen == ["_gotResultInlineCallbacks"]


@case("_inlineCallbacks", "cast")
def _step_cast(api: ModuleType, replace: Replacer) -> None:
    waited = api.Deferred()
    came, _ = flow_of(api, waited)
    replace.watch("cast", call=lambda kind, value: value)
    waited.errback(Oops())
    assert (came, replace.seen) == ([Oops], ["cast"])


@case("_inlineCallbacks", "iscoroutine", "inspect")
def _step_kinds(api: ModuleType, replace: Replacer) -> None:
    waited = api.Deferred()
    came, _ = flow_of(api, waited, 3)
    replace.watch("iscoroutine", call=asyncio.iscoroutine)
    replace.methods("inspect", isgenerator=replace.noting("isgenerator", call=inspect.isgenerator))
    waited.callback(1)
    assert (came, replace.seen) == ([1, 3], ["iscoroutine", "isgenerator"])
