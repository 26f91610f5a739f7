"""Handles: what programs see of them, and how they end."""

# mypy: disable-error-code="attr-defined, func-returns-value, no-untyped-call"

from __future__ import annotations

import asyncio
import contextvars
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from deferrous.asyncio import Loop

from tests.asyncio_loop.both import AnyLoop, on_both, same_on_both

Note = Callable[[object], None]
VARIABLE = contextvars.ContextVar("VARIABLE", default="outside")


@pytest.fixture(name="loop")
def _loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


def test_handles_pass_for_those_of_asyncio(loop: Loop) -> None:
    soon, later = loop.call_soon(print), loop.call_later(1, print)
    assert isinstance(soon, asyncio.Handle)
    assert not isinstance(soon, asyncio.TimerHandle)
    assert isinstance(later, asyncio.TimerHandle)
    assert isinstance(later, asyncio.Handle)


def test_handles_say_the_same_as_those_of_asyncio() -> None:
    def program(loop: Any, note: Note) -> None:
        for debug in (False, True):
            loop.set_debug(debug)
            for handle in (loop.call_soon(note, 1, 2), loop.call_at(5.5, note, "x")):
                note(repr(handle).replace("__main__", "").split(" created at ")[0])
                note((handle._args, handle.cancelled(), handle._cancelled))
                handle.cancel()
                handle.cancel()
                note(repr(handle).split(" created at ")[0].partition("<bound")[0])
                note((handle._callback, handle._args, handle.cancelled()))
        loop.set_debug(False)
        loop.call_soon(loop.stop)

    happened = same_on_both(program)
    assert happened


def test_timers_are_ordered_by_their_times(loop: Loop) -> None:
    first, second = loop.call_at(1.0, print), loop.call_at(2.0, print)
    twin = loop.call_at(1.0, print)
    stock = asyncio.TimerHandle(1.5, print, (), loop)
    assert first < second and second > first and first <= twin and first >= twin
    assert first == twin and hash(first) == hash(twin) == hash(1.0)
    assert first != second
    assert first < stock < second and second > stock > first
    assert sorted([second, stock, first]) == [first, stock, second]


def test_timers_that_wait_are_in_scheduled(loop: Loop) -> None:
    late, soon = loop.call_at(2e9, print), loop.call_at(1e9, print)
    assert loop._scheduled == [soon, late]
    assert soon._scheduled
    soon.cancel()
    assert loop._scheduled == [late]
    assert not soon._scheduled


@on_both
def test_callbacks_run_in_the_context_of_the_caller_or_in_the_given_one(
    make_loop: Callable[[], AnyLoop],
) -> None:
    loop = make_loop()
    seen: list[str] = []
    given = contextvars.copy_context()
    given.run(VARIABLE.set, "given")
    VARIABLE.set("caller")
    handles = [
        loop.call_soon(lambda: seen.append(VARIABLE.get())),
        loop.call_soon(lambda: seen.append(VARIABLE.get()), context=given),
        loop.call_later(0, lambda: seen.append(VARIABLE.get()), context=given),
        loop.call_soon_threadsafe(
            lambda: (seen.append(VARIABLE.get()), VARIABLE.set("changed")), context=given
        ),
        loop.call_soon(lambda: seen.append(VARIABLE.get()), context=None),
    ]
    assert handles[1]._context is given
    VARIABLE.set("later")
    loop.call_later(0.01, loop.stop)
    loop.run_forever()
    loop.close()
    assert seen == ["caller", "given", "given", "caller", "changed"]
    assert given[VARIABLE] == "changed"
    assert VARIABLE.get() == "later"


def test_a_context_that_is_entered_already_is_an_error_of_the_callback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def program(loop: Any, note: Note) -> None:
        loop.set_exception_handler(lambda _, context: note(str(context["exception"]).split(":")[0]))
        context = contextvars.copy_context()

        def inside() -> None:
            loop.call_soon(note, "not called", context=context)
            loop.stop()

        loop.call_soon(context.run, inside)
        loop.call_soon(lambda: context.run(loop._run_once))

    # Since Python 3.12, the handler would be called in this context, too, and so the error is logged.
    happened = same_on_both(program)
    assert "cannot enter context" in repr(happened) + caplog.text


def test_what_only_looks_like_a_context_is_called_by_its_name() -> None:
    class Context:
        def __init__(self, note: Note) -> None:
            self.note = note

        def run(self, callback: Callable[..., object], *args: object) -> None:
            self.note("entered")
            callback(*args)

    def program(loop: Any, note: Note) -> None:
        loop.call_soon(note, "called", context=Context(note))
        loop.call_soon(note, "refused", context=object())
        loop.call_soon(loop.stop)

    happened = same_on_both(program)
    assert happened[:2] == ["entered", "called"]
    assert "has no attribute" in repr(happened[2])


@pytest.mark.parametrize("count", range(6))
def test_callbacks_get_all_their_arguments(loop: Loop, count: int) -> None:
    seen: list[tuple[object, ...]] = []
    arguments = tuple(range(count))
    handles = [
        loop.call_soon(lambda *got: seen.append(got), *arguments),
        loop.call_later(0, lambda *got: seen.append(got), *arguments),
    ]
    assert [handle._args for handle in handles] == [arguments] * 2
    loop.call_later(0, loop.stop)
    loop.run_forever()
    assert seen == [arguments] * 2


class Thing:
    """Something that can be seen to end."""

    def method(self, *_: object) -> None: ...


@pytest.mark.parametrize("way", ["call_soon", "call_soon_threadsafe", "call_later"])
def test_a_handle_ends_when_it_has_run(loop: Loop, way: str) -> None:
    thing = Thing()
    seen = weakref.ref(thing)
    arguments: tuple[Any, ...] = (thing.method, thing)
    getattr(loop, way)(*((0,) if way == "call_later" else ()), *arguments)
    del thing, arguments
    assert seen() is not None
    loop.call_later(0.001, loop.stop)
    loop.run_forever()
    assert seen() is None


def test_a_cancelled_timer_ends_at_once(loop: Loop) -> None:
    thing = Thing()
    seen = weakref.ref(thing)
    handle = loop.call_later(3600, thing.method, thing)
    del thing
    handle_seen = weakref.ref(handle)
    handle.cancel()
    assert seen() is None
    del handle
    assert handle_seen() is None


def test_loops_and_handles_in_cycles_are_collected() -> None:
    thing = Thing()
    loop = Loop()
    seen = weakref.ref(loop), weakref.ref(thing)
    thing.loop = loop
    handles = [loop.call_soon(thing.method, thing), loop.call_later(3600, thing.method, thing)]
    thing.handles = handles
    with pytest.warns(ResourceWarning, match="unclosed event loop"):
        del thing, loop, handles
        gc.collect()
    assert [reference() for reference in seen] == [None, None]


def test_a_closed_loop_holds_nothing() -> None:
    thing = Thing()
    loop = Loop()
    seen = weakref.ref(thing)
    timer = loop.call_later(3600, thing.method)
    loop.call_soon(thing.method, thing)
    del thing
    loop.close()
    assert loop._ready is not None and len(loop._ready) == 0
    assert loop._scheduled == []
    timer.cancel()
    assert seen() is None
