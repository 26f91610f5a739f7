"""Callbacks that use the loop from inside each of its operations leave it whole."""

# mypy: disable-error-code="attr-defined, func-returns-value, no-untyped-call"

from __future__ import annotations

import gc
import socket
from collections.abc import Callable
from typing import Any

import pytest
from deferrous.asyncio import Loop

from tests.asyncio_loop.both import happenings, same_on_both

Note = Callable[[object], None]


def test_a_callback_may_run_a_turn() -> None:
    def program(loop: Any, note: Note) -> None:
        def nested() -> None:
            note("before")
            loop.call_soon(note, "added")
            loop._run_once()
            note("after")

        loop.call_soon(nested)
        loop.call_soon(note, "next")
        loop.call_soon(lambda: None)
        loop.call_later(0.001, loop.stop)

    # The standard library's loop pops from an empty queue after that.
    assert happenings(Loop, program) == ["before", "next", "added", "after"]


@pytest.mark.parametrize("operation", ["close", "clear", "set", "cancel", "watch", "collect"])
def test_an_object_that_ends_may_use_the_loop(operation: str) -> None:
    def program(loop: Any, note: Note) -> None:
        left, right = socket.socketpair()

        class Ends:
            def __call__(self) -> None: ...

            def __del__(self) -> None:
                note("ended")
                if operation == "clear":
                    loop._ready.clear()
                elif operation == "set":
                    loop.call_soon(note, "from end")
                    loop.call_later(0, note, "timer from end")
                elif operation == "cancel":
                    for handle in list(handles):
                        handle.cancel()
                elif operation == "watch":
                    loop.remove_writer(right)
                    loop.add_reader(left, note, "read")
                elif operation == "collect":
                    gc.collect()

        handles = [loop.call_later(3600, Ends()), loop.call_soon(Ends()), loop.call_at(1, Ends())]
        loop.add_writer(right, Ends())
        loop.call_soon(loop.remove_writer, right)
        handles.pop(0).cancel()
        handles.clear()
        loop.call_soon(lambda: loop.call_later(0.02, loop.stop))
        loop.call_later(0.01, loop.remove_reader, left)
        loop.call_later(0.05, left.close)
        if operation == "clear":
            # That takes the other callbacks out, too.
            loop.call_later(0.02, loop.stop)

    happened = same_on_both(program)
    assert happened.count("ended") >= 3


def test_a_comparison_of_file_objects_may_use_the_loop() -> None:
    def program(loop: Any, note: Note) -> None:
        left, right = socket.socketpair()

        class File:
            asked = 0

            def fileno(self) -> int:
                self.asked += 1
                if self.asked == 1:
                    loop.add_writer(right, print)
                    loop.remove_writer(right)
                return left.fileno()

        file = File()
        loop._add_reader(file, lambda: (note(left.recv(1)), loop.stop()))
        right.send(b"x")
        loop.call_later(60, loop.stop)

    assert same_on_both(program) == [b"x"]


def test_a_clock_that_fails_ends_the_turn_and_not_the_loop() -> None:
    def program(loop: Any, note: Note) -> None:
        good = loop.time

        def bad() -> float:
            loop.time = good
            raise OSError("no time")

        loop.call_at(5, note, "timer")
        loop.time = bad
        try:
            loop._run_once()
        except OSError as error:
            note(str(error))
        loop.call_later(0.001, loop.stop)

    assert same_on_both(program) == ["no time", "timer"]


def test_callbacks_that_ask_for_the_next_one_need_no_stack() -> None:
    def program(loop: Any, note: Note) -> None:
        left = 20_000

        def step() -> None:
            nonlocal left
            left -= 1
            if left:
                loop.call_soon(step)
            else:
                note("end")
                loop.stop()

        loop.call_soon(step)

    assert same_on_both(program) == ["end"]


def test_handles_that_hold_each_other_in_a_row_end_without_stack() -> None:
    def program(loop: Any, note: Note) -> None:
        row: Any = None
        for _ in range(50_000):
            row = loop.call_at(1e9, print, row)
        loop._scheduled = []
        del row
        note("ended")
        loop.stop()

    # Stock handles end by the interpreter's trashcan.
    assert same_on_both(program) == ["ended"]
