"""The frames of Twisted's own functions in tracebacks and warnings.

The traceback of a failure starts in the function of Twisted that called the program. Trial, for example,
looks for these frames to find where a test's own frames begin. Rust functions have no frames, so tracebacks
get the frames that Twisted's functions would have. They are taken from tracebacks that Twisted's functions
make here, once, when the extension module is loaded; it is Python because these are.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from types import CodeType, FunctionType, SimpleNamespace, TracebackType
from typing import Any

from twisted.internet import defer

Place = tuple[CodeType, dict[str, Any], int, int]
"""The code and the globals of a frame, and the instruction and the line where it is."""


class _Raised(Exception):
    """Raised to make a traceback."""


def _boom(*_: object) -> Any:
    raise _Raised


def _generator(first: Any) -> Generator[Any, Any, None]:
    yield first
    _boom()


def _entries(traceback: TracebackType | None) -> Generator[tuple[str, Place], None, None]:
    """Yield the places of a traceback. The frames are not kept, because each refers to all its callers."""
    while traceback is not None:
        frame = traceback.tb_frame
        place = (frame.f_code, frame.f_globals, traceback.tb_lasti, traceback.tb_lineno)
        yield frame.f_code.co_name, place
        traceback = traceback.tb_next


def _of_failure(deferred: Any, *names: str) -> dict[str, Place]:
    """Find the frames of these names in the traceback of a Deferred that has failed."""
    failures: list[Any] = []
    deferred.addErrback(failures.append)
    failure = failures.pop()
    found = {name: place for name, place in _entries(failure.tb) if name in names}
    failure.value.__traceback__ = failure.tb = None
    return found


def _of_await() -> dict[str, Place]:
    """Find the frames of awaiting a Deferred that has failed."""
    deferred: Any = defer.fail(_Raised())
    iterator = iter(deferred)
    try:
        next(iterator)
    except _Raised as error:
        return {
            name: place
            for name, place in _entries(error.__traceback__)
            if name in ("__iter__", "raiseException")
        }
    finally:
        deferred.addErrback(lambda _: None)
    return {}


def _of_wait() -> dict[str, Place]:
    """Find the frame of awaiting a Deferred that has not fired, when something else is thrown in."""
    iterator = iter(defer.Deferred[None]())
    next(iterator)
    try:
        iterator.throw(_Raised())
    except _Raised as error:
        for name, place in _entries(error.__traceback__):
            if name == "__iter__":
                return {"wait": place}
    return {}


def _of_firing_again() -> dict[str, Place]:
    """Find the frames of firing a Deferred that was fired before."""
    fired: Any = defer.succeed(None)
    found: dict[str, Place] = {}
    for name in ("callback", "errback"):
        try:
            getattr(fired, name)(_Raised())
        except defer.AlreadyCalledError as error:
            wanted = (name, "_startRunCallbacks")
            found.update((name, place) for name, place in _entries(error.__traceback__) if name in wanted)
    return found


def of_cancel() -> dict[str, Place]:
    """Find the frames of cancelling with a canceller that raises."""
    deferred: Any = defer.Deferred(_boom)
    found: dict[str, Place] = {}

    def log(*_: object) -> None:
        traceback = sys.exc_info()[2]
        places = [place for name, place in _entries(traceback) if name == "cancel"]
        found.update(zip(("DeferredList.cancel", "cancel"), places, strict=True))

    cancel = vars(defer.DeferredList)["cancel"]
    # A copy logs nothing.
    copy = FunctionType(cancel.__code__, {**cancel.__globals__, "log": SimpleNamespace(failure=log)})
    copy(SimpleNamespace(called=False, _deferredList=[deferred]))
    return found


def execute_of_run() -> SimpleNamespace:
    """Return what a warning needs of the function inside ``run`` of locks, which has no name outside."""
    run: Any = defer._ConcurrencyPrimitive.run
    inside = [code for code in run.__code__.co_consts if getattr(code, "co_name", None) == "execute"]
    code = inside[0] if inside else run.__code__
    return SimpleNamespace(__module__=run.__module__, __code__=code, __globals__=run.__globals__)


def code_with_dict(code: CodeType) -> CodeType:
    """Return code of the same name and place whose frames keep their variables in a dict."""
    made = compile("", code.co_filename, "exec")
    if sys.version_info >= (3, 11):
        made = made.replace(co_qualname=code.co_qualname)
    return made.replace(co_name=code.co_name, co_firstlineno=code.co_firstlineno)


def find() -> dict[str, Place]:
    """Return the frames by name: of the loop, of the functions that call, of the two ways into a
    generator, of awaiting what has failed and what is waited for, and of firing again and cancelling."""
    fired: Any = defer.succeed(None)
    start = defer._cancellableInlineCallbacks
    send = _of_failure(start(_generator(None)), "_inlineCallbacks")
    throw = _of_failure(
        start(_generator(defer.fail(_Raised()))), "_inlineCallbacks", "throwExceptionIntoGenerator"
    )
    return {
        **_of_failure(fired.addCallback(_boom), "_runCallbacks"),
        **_of_failure(defer.maybeDeferred(_boom), "maybeDeferred"),
        **_of_failure(defer.execute(_boom), "execute"),
        **_of_await(),
        **_of_wait(),
        **_of_firing_again(),
        **of_cancel(),
        "send": send["_inlineCallbacks"],
        "throw": throw.pop("_inlineCallbacks"),
        **throw,
    }
