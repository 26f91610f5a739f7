"""What programs replace is used: methods on the loop and its class, in subclasses, and the selector."""

# mypy: disable-error-code="attr-defined, func-returns-value, no-untyped-call"

from __future__ import annotations

import contextlib
import selectors
import socket
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from deferrous.asyncio import Loop

from tests.asyncio_loop.both import AnyLoop, on_both


def finish(loop: Any) -> None:
    """Run a loop until all that is ready has run, and close it."""
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


@on_both
def test_a_clock_on_the_loop_tells_the_time(make_loop: Callable[[], AnyLoop]) -> None:
    loop: Any = make_loop()
    now = 1000.0
    called: list[int] = []
    loop.time = lambda: now
    handle = loop.call_later(50, called.append, 1)
    assert handle.when() == 1050.0
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert called == []
    now = 1050.0
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert called == [1]
    del loop.time
    assert loop.call_later(50, print).when() != 1100.0
    finish(loop)


@on_both
def test_a_clock_of_a_subclass_tells_the_time(make_loop: Any) -> None:
    class Own(make_loop):  # type: ignore[misc]
        def time(self) -> float:
            return 7.0

    loop: Any = Own()
    assert loop.call_later(1, print).when() == 8.0
    finish(loop)


@on_both
def test_a_clock_that_is_put_into_the_class_later_is_noticed_and_its_removal_too(make_loop: Any) -> None:
    class Own(make_loop):  # type: ignore[misc]
        pass

    loop: Any = Own()
    before = loop.call_later(1, print).when()
    with mock.patch.object(Own, "time", lambda _: 5.0, create=True):
        assert loop.call_later(1, print).when() == 6.0
    assert loop.call_later(1, print).when() >= before
    finish(loop)


@on_both
def test_turns_go_through_a_method_on_the_loop(make_loop: Callable[[], AnyLoop]) -> None:
    loop: Any = make_loop()
    turns = 0
    stock = loop._run_once

    def counted() -> None:
        nonlocal turns
        turns += 1
        stock()

    loop._run_once = counted
    loop.call_soon(loop.call_soon, loop.call_soon, loop.stop)
    loop.run_forever()
    loop.close()
    assert turns == 3


@on_both
def test_call_later_calls_a_call_at_of_a_subclass(make_loop: Any) -> None:
    class Own(make_loop):  # type: ignore[misc]
        asked = 0

        def call_at(self, when: float, callback: Any, *args: Any, context: Any = None) -> Any:
            self.asked += 1
            return super().call_at(when, callback, *args, context=context)

    loop: Any = Own()
    loop.call_later(0, loop.stop)
    loop.run_forever()
    loop.close()
    assert loop.asked == 1


@on_both
def test_calls_from_threads_go_through_a_wake_on_the_loop(make_loop: Callable[[], AnyLoop]) -> None:
    loop: Any = make_loop()
    loop._write_to_self = mock.Mock()
    loop.call_soon_threadsafe(print)
    loop._write_to_self.assert_called_once_with()
    del loop._write_to_self
    finish(loop)


@on_both
def test_another_selector_is_used(make_loop: Any) -> None:
    loop: Any = make_loop(selectors.SelectSelector())
    assert isinstance(loop._selector, selectors.SelectSelector)
    left, right = socket.socketpair()
    came: list[object] = []
    loop.add_reader(left, lambda: (came.append(left.recv(5)), loop.stop()))
    loop.call_later(0.001, right.send, b"data")
    loop.run_forever()
    assert loop.remove_reader(left)
    import threading

    thread = threading.Timer(0.01, loop.call_soon_threadsafe, (loop.stop,))
    thread.start()
    loop.run_forever()
    thread.join()
    loop.close()
    left.close()
    right.close()
    assert came == [b"data"]


@on_both
def test_a_selector_that_is_put_in_place_is_asked(make_loop: Callable[[], AnyLoop]) -> None:
    loop: Any = make_loop()
    own = loop._selector
    loop._selector = mock.Mock()
    loop._selector.select.return_value = ()
    loop._process_events = mock.Mock()
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop._selector.select.assert_called_once_with(0)
    loop._process_events.assert_called_once_with(())
    loop._selector = own
    del loop._process_events
    finish(loop)


@on_both
def test_events_go_through_a_method_of_a_subclass(make_loop: Any) -> None:
    class Own(make_loop):  # type: ignore[misc]
        def _process_events(self, event_list: Any) -> None:
            told.extend((key.fileobj, mask) for key, mask in event_list if key.fileobj is left)
            super()._process_events(event_list)

    told: list[tuple[object, int]] = []
    left, right = socket.socketpair()
    loop: Any = Own()
    loop.add_reader(left, lambda: (left.recv(1), loop.stop()))
    right.send(b"x")
    loop.run_forever()
    loop.close()
    left.close()
    right.close()
    assert told == [(left, selectors.EVENT_READ)]


@on_both
def test_the_selector_tells_what_is_watched(make_loop: Callable[[], AnyLoop]) -> None:
    loop: Any = make_loop()
    left, right = socket.socketpair()
    loop.add_reader(left, print, 1)
    loop.add_writer(left, print, 2)
    loop.add_writer(right.fileno(), print, 3)
    key = loop._selector.get_key(left)
    assert (key.fd, key.events) == (left.fileno(), selectors.EVENT_READ | selectors.EVENT_WRITE)
    assert key.fileobj is left
    assert [handle._args for handle in key.data] == [(1,), (2,)]
    assert loop._selector.get_map()[right].data[0] is None
    assert left in loop._selector.get_map()
    # The pair that signals come by is watched, too.
    assert len(loop._selector.get_map()) == 3
    loop.remove_reader(left)
    assert loop._selector.get_key(left).events == selectors.EVENT_WRITE
    loop.remove_writer(left)
    with pytest.raises(KeyError):
        loop._selector.get_key(left)
    loop.remove_writer(right)
    loop.close()
    left.close()
    right.close()


@on_both
def test_the_ready_queue_can_be_looked_at_and_changed(make_loop: Callable[[], AnyLoop]) -> None:
    loop: Any = make_loop()
    called: list[int] = []
    first, second, third = (loop.call_soon(called.append, number) for number in range(3))
    assert list(loop._ready) == [first, second, third]
    assert loop._ready.popleft() is first
    loop._ready.append(first)
    assert len(loop._ready) == 3 and loop._ready
    loop._add_callback(second)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert called == [1, 2, 0, 1]
    assert not loop._ready
    with pytest.raises(IndexError):
        loop._ready.popleft()
    loop.close()


def test_handles_of_the_standard_library_run_too() -> None:
    import asyncio

    loop = Loop()
    called: list[int] = []
    handle = asyncio.Handle(called.append, (1,), loop)
    cancelled = asyncio.Handle(called.append, (2,), loop)
    loop._add_callback(handle)
    loop._add_callback(cancelled)
    cancelled.cancel()
    finish(loop)
    assert called == [1]


#: The methods that a turn calls by itself unless a program has replaced them.
CALLED = ["_run_once", "time", "call_at", "_write_to_self", "_process_events", "_add_callback"]


def use(loop: Any) -> None:
    """Have a loop use each of its methods that a turn calls."""
    left, right = socket.socketpair()
    with left, right:
        loop.add_reader(left, lambda: (left.recv(1), loop.stop()))
        loop.call_later(0, right.send, b"x")
        loop.call_soon_threadsafe(int)
        loop.run_forever()
        loop.remove_reader(left)


def count_calls(stack: contextlib.ExitStack, place: Any, name: str) -> list[str]:
    """Replace a method on a loop or in a class until the stack is closed. Return a list of its calls."""
    calls: list[str] = []
    before = getattr(place, name)

    def method(*arguments: Any, **keywords: Any) -> Any:
        calls.append(name)
        return before(*arguments, **keywords)

    stack.enter_context(mock.patch.object(place, name, method))
    return calls


@on_both
@pytest.mark.parametrize("place", ["loop", "class", "base", "subclass"])
@pytest.mark.parametrize("name", CALLED)
def test_a_method_is_called_for_as_long_as_it_is_replaced(make_loop: Any, name: str, place: str) -> None:
    class Own(make_loop):  # type: ignore[misc]
        pass

    loop: Any = Own() if place == "subclass" else make_loop()
    base = next(kind for kind in make_loop.__mro__ if name in vars(kind))
    replaced_in = {"loop": loop, "class": make_loop, "base": base, "subclass": Own}[place]
    use(loop)
    for _ in range(2):
        with contextlib.ExitStack() as stack:
            calls = count_calls(stack, replaced_in, name)
            use(loop)
            assert calls
        called = len(calls)
        use(loop)
        assert len(calls) == called
    loop.close()


@on_both
def test_a_method_that_is_replaced_during_a_turn_is_called_in_the_next(make_loop: Any) -> None:
    loop: Any = make_loop()
    with contextlib.ExitStack() as stack:
        calls: list[list[str]] = []
        loop.call_soon(lambda: calls.append(count_calls(stack, make_loop, "_run_once")))
        loop.call_soon(loop.call_soon, loop.call_soon, loop.stop)
        loop.run_forever()
        assert calls == [["_run_once"] * 2]
    use(loop)
    assert len(calls[0]) == 2
    loop.close()


@on_both
def test_a_method_on_the_loop_stays_when_that_of_the_class_is_replaced_and_put_back(make_loop: Any) -> None:
    loop: Any = make_loop()
    loop.time = lambda: 1.0
    with mock.patch.object(make_loop, "time", lambda _: 5.0):
        assert loop.call_later(1, print).when() == 2.0
        del loop.time
        assert loop.call_later(1, print).when() == 6.0
        loop.time = lambda: 2.0
    assert loop.call_later(1, print).when() == 3.0
    del loop.time
    finish(loop)


@on_both
def test_a_method_that_comes_and_goes_with_the_bases_of_a_class_is_noticed(make_loop: Any) -> None:
    class Clock:
        def time(self) -> float:
            return 7.0

    class Timed(Clock, make_loop):  # type: ignore[misc]
        pass

    class Base(make_loop):  # type: ignore[misc]
        pass

    class Own(Base):
        pass

    loop: Any = Own()
    usual = loop.call_later(1, print).when()
    assert usual != 8.0
    for kind, bases in ((Own, (Timed,)), (Own, (Clock, Base)), (Base, (Timed,)), (Base, (Clock, make_loop))):
        before = kind.__bases__
        kind.__bases__ = bases
        assert loop.call_later(1, print).when() == 8.0
        kind.__bases__ = before
        assert loop.call_later(1, print).when() >= usual
    finish(loop)


@on_both
def test_the_methods_of_another_class_that_a_loop_is_given_are_called(make_loop: Any) -> None:
    class Own(make_loop):  # type: ignore[misc]
        pass

    class Timed(make_loop):  # type: ignore[misc]
        def time(self) -> float:
            return 7.0

    loop: Any = Own()
    usual = loop.call_later(1, print).when()
    loop.__class__ = Timed
    assert loop.call_later(1, print).when() == 8.0
    loop.__class__ = Own
    assert loop.call_later(1, print).when() >= usual
    finish(loop)


@on_both
def test_a_method_whose_end_uses_the_loop_is_not_called_later(make_loop: Any) -> None:
    """The interpreter drops the method while it changes the class."""

    class Clock:
        def __call__(self) -> float:
            return 7.0

        def __del__(self) -> None:
            loop.call_later(1, print).cancel()
            ended.append(1)

    ended: list[int] = []
    loop: Any = make_loop()
    usual = loop.call_later(1, print).when()
    make_loop.time = Clock()
    try:
        assert loop.call_later(1, print).when() == 8.0
    finally:
        del make_loop.time
    assert ended == [1]
    assert loop.call_later(1, print).when() >= usual
    finish(loop)


@on_both
def test_methods_of_many_classes_are_noticed(make_loop: Any) -> None:
    kinds = [type(f"Own{number}", (make_loop,), {}) for number in range(20)]
    loops: list[Any] = [kind() for kind in kinds]
    for loop in loops:
        loop.call_later(1, print).cancel()
    for kind, loop in zip(kinds, loops, strict=True):
        with mock.patch.object(kind, "time", lambda _: 5.0):
            assert loop.call_later(1, print).when() == 6.0
        assert loop.call_later(1, print).when() != 6.0
        finish(loop)
