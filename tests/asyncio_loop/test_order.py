"""Handles, timers and events come in the order in which the standard library's loop runs them."""

# mypy: disable-error-code="attr-defined, func-returns-value, no-untyped-call"

from __future__ import annotations

import random
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.asyncio_loop.both import same_on_both

Note = Callable[[object], None]


def test_callbacks_run_in_the_order_in_which_they_were_asked_for() -> None:
    def program(loop: Any, note: Note) -> None:
        for number in range(20):
            loop.call_soon(note, number)
        loop.call_soon(loop.stop)

    assert same_on_both(program) == list(range(20))


def test_calls_from_the_own_thread_are_in_line_with_the_others() -> None:
    def program(loop: Any, note: Note) -> None:
        loop.call_soon(note, 1)
        loop.call_soon_threadsafe(note, 2)
        loop.call_soon(note, 3)
        loop.call_soon(loop.stop)

    assert same_on_both(program) == [1, 2, 3]


def test_what_a_callback_adds_waits_for_the_next_turn() -> None:
    def program(loop: Any, note: Note) -> None:
        def first() -> None:
            note("first")
            loop.call_soon(note, "added")
            loop.call_soon(loop.stop)

        loop.call_soon(first)
        loop.call_soon(note, "second")

    assert same_on_both(program) == ["first", "second", "added"]


def test_what_is_ready_when_the_loop_is_stopped_still_runs() -> None:
    def program(loop: Any, note: Note) -> None:
        loop.stop()
        loop.call_soon(note, "ran")
        loop.call_soon(loop.call_soon, note, "not run")

    assert same_on_both(program) == ["ran"]


def test_timers_come_by_their_times() -> None:
    def program(loop: Any, note: Note) -> None:
        now = loop.time()
        for number in (3, 1, 2, 0):
            loop.call_at(now + number / 200, note, number)
        loop.call_at(now + 0.02, loop.stop)

    assert same_on_both(program) == [0, 1, 2, 3]


def test_timers_that_are_due_come_after_what_is_ready() -> None:
    def program(loop: Any, note: Note) -> None:
        loop.call_at(loop.time() - 1, note, "timer")
        loop.call_later(0, loop.call_soon, loop.stop)
        loop.call_soon(note, "ready")

    assert same_on_both(program) == ["ready", "timer"]


def test_a_cancelled_timer_is_not_called_and_wakes_nobody() -> None:
    def program(loop: Any, note: Note) -> None:
        loop.call_later(0.001, note, "cancelled").cancel()
        late = loop.call_later(3600, note, "late")
        loop.call_later(0.01, late.cancel)
        loop.call_later(0.02, loop.stop)

    assert same_on_both(program) == []


def test_a_timer_that_is_cancelled_when_it_is_due_is_not_called() -> None:
    def program(loop: Any, note: Note) -> None:
        due = loop.call_at(loop.time() - 1, note, "due")
        # The earlier one runs first, when the other one has come out of the timers.
        loop.call_at(loop.time() - 2, due.cancel)
        loop.call_later(0.01, loop.stop)

    assert same_on_both(program) == []


@pytest.mark.parametrize("number", [float("inf"), 1e18, -5, -0.0, 0])
def test_odd_times_are_taken_as_they_are(number: float) -> None:
    def program(loop: Any, note: Note) -> None:
        note(loop.call_at(number, note, "called").when())
        loop.call_later(0.01, loop.stop)

    same_on_both(program)


def test_a_time_that_is_no_number_is_due_at_once() -> None:
    def program(loop: Any, note: Note) -> None:
        loop.call_at(float("nan"), note, "called")
        loop.call_soon(loop.call_soon, loop.stop)

    assert same_on_both(program) == ["called"]


def test_readers_and_writers_are_called_for_as_long_as_it_is_true() -> None:
    def program(loop: Any, note: Note) -> None:
        left, right = socket.socketpair()
        left.setblocking(False)
        right.setblocking(False)

        def writes() -> None:
            note("writes")
            loop.remove_writer(left)
            left.send(b"abc")

        def reads() -> None:
            note(right.recv(1))
            if not loop.remove_reader(right.fileno()):
                note("was not there")
            loop.add_reader(right, reads_rest)

        def reads_rest() -> None:
            note(right.recv(10))
            loop.remove_reader(right)
            left.close()
            right.close()
            loop.stop()

        loop.add_writer(left.fileno(), writes)
        loop.add_reader(right, reads)

    assert same_on_both(program) == ["writes", b"a", b"bc"]


def test_events_come_after_what_was_ready_and_before_timers() -> None:
    def program(loop: Any, note: Note) -> None:
        left, right = socket.socketpair()
        left.send(b"x")

        def reads() -> None:
            note("event")
            loop.remove_reader(right)

        loop.add_reader(right, reads)
        loop.call_at(loop.time() - 1, note, "timer")
        loop.call_soon(note, "ready")
        loop.call_later(0.01, loop.stop)
        loop.call_later(0.01, left.close)
        loop.call_later(0.01, right.close)

    assert same_on_both(program) == ["ready", "event", "timer"]


def test_a_reader_comes_before_the_writer_of_its_descriptor() -> None:
    def program(loop: Any, note: Note) -> None:
        left, right = socket.socketpair()
        left.send(b"x")

        def end(side: str) -> None:
            note(side)
            loop.remove_reader(right)
            loop.remove_writer(right)
            loop.call_soon(loop.stop)
            loop.call_soon(left.close)
            loop.call_soon(right.close)

        loop.add_writer(right, end, "writer")
        loop.add_reader(right, end, "reader")

    # The writer is cancelled, though its event has been told.
    assert same_on_both(program) == ["reader"]


def test_a_new_reader_cancels_the_one_before() -> None:
    def program(loop: Any, note: Note) -> None:
        left, right = socket.socketpair()
        left.send(b"x")
        loop.add_reader(right, note, "first")
        loop.add_reader(right, lambda: (note("second"), loop.remove_reader(right), loop.stop()))
        loop.call_later(0.01, left.close)

    assert same_on_both(program) == ["second"]


@pytest.mark.parametrize("seed", range(30))
def test_random_programs_run_alike(seed: int) -> None:
    def program(loop: Any, note: Note) -> None:
        chance = random.Random(seed)
        handles: list[tuple[int, Any]] = []
        waiting: set[int] = set()
        start = loop.time() - 10
        left = 150

        def step(number: int) -> None:
            nonlocal left
            note(number)
            waiting.discard(number)
            if handles and chance.random() < 0.3:
                cancelled, handle = handles.pop(chance.randrange(len(handles)))
                handle.cancel()
                waiting.discard(cancelled)
            for _ in range(chance.randrange(3)):
                left -= 1
                if left == 0:
                    loop.stop()
                ask(left)
            if not waiting:
                loop.stop()

        def ask(number: int) -> None:
            # All timers are due already, so the clock says nothing about the order.
            ways = [
                lambda: loop.call_soon(step, number),
                lambda: loop.call_soon_threadsafe(step, number),
                lambda: loop.call_at(start + number / 1000, step, number),
            ]
            handles.append((number, chance.choice(ways)()))
            waiting.add(number)

        for number in range(1000, 1010):
            ask(number)

    assert same_on_both(program)
