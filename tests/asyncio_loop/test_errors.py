"""Errors of callbacks go to the exception handler, and wrong use is refused as by the standard library."""

# mypy: disable-error-code="attr-defined, func-returns-value, no-untyped-call"

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
from deferrous.asyncio import Loop

from tests.asyncio_loop.both import AnyLoop, happenings, on_both, same_on_both

Note = Callable[[object], None]


def test_an_error_of_a_callback_goes_to_the_exception_handler() -> None:
    def program(loop: Any, note: Note) -> None:
        def fails(*_: object) -> None:
            raise ValueError("failed")

        loop.call_soon(fails)
        loop.call_soon(fails, 1, 2, 3)
        loop.call_later(0, fails, "argument")
        loop.call_soon(note, "goes on")
        loop.call_soon(len, 5)
        loop.call_soon(None)
        loop.call_later(0.01, loop.stop)

    happened = same_on_both(program)
    assert len(happened) == 6


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt("here")])
def test_exits_end_the_loop_which_can_run_again(error: BaseException) -> None:
    def program(loop: Any, note: Note) -> None:
        def leaves() -> None:
            raise error

        def look() -> None:
            note("again")
            loop.stop()

        loop.call_soon(leaves)
        loop.call_soon(look)
        try:
            loop.run_forever()
        except BaseException as raised:
            note(raised is error)
        note((loop.is_running(), asyncio._get_running_loop(), len(loop._ready)))

    assert same_on_both(program) == [True, (False, None, 1), "again"]


def test_an_exit_in_the_exception_handler_ends_the_loop() -> None:
    def program(loop: Any, note: Note) -> None:
        def leaves(_: object, context: dict[str, object]) -> None:
            note(repr(context["exception"]))
            raise SystemExit(4)

        loop.set_exception_handler(leaves)
        loop.call_soon(len, 1)

    assert "SystemExit(4)" in repr(same_on_both(program)[-1])


def test_an_exception_handler_sees_the_error_as_the_one_that_is_handled() -> None:
    def program(loop: Any, note: Note) -> None:
        def handler(_: object, context: dict[str, object]) -> None:
            note((sys.exc_info()[1] is context["exception"], type(context["handle"]).__name__))
            loop.stop()

        loop.set_exception_handler(handler)
        loop.call_soon(len, 1)

    assert same_on_both(program) == [(True, "Handle")]


@on_both
def test_a_closed_loop_refuses_everything_in_the_same_words(make_loop: Callable[[], AnyLoop]) -> None:
    loop: Any = make_loop()
    loop.close()
    loop.close()
    left, right = socket.socketpair()
    with left, right:
        for call in (
            lambda: loop.call_soon(print),
            lambda: loop.call_soon_threadsafe(print),
            lambda: loop.call_later(1, print),
            lambda: loop.call_at(1, print),
            lambda: loop.run_forever(),
            lambda: loop._add_reader(left, print),
            lambda: loop._add_writer(left.fileno(), print),
            lambda: loop.add_reader(left, print),
            lambda: loop._check_closed(),
        ):
            with pytest.raises(RuntimeError, match=r"^Event loop is closed$"):
                call()
        assert loop.remove_reader(left) is False
        assert loop.remove_writer(left) is False
    assert loop.is_closed()
    assert not loop.is_running()
    loop.stop()
    loop._write_to_self()


def test_a_loop_that_runs_cannot_be_run_or_closed() -> None:
    def program(loop: Any, note: Note) -> None:
        other = type(loop)()

        def nested() -> None:
            for call in (
                loop.run_forever,
                loop.close,
                other.run_forever,
                lambda: loop.run_until_complete(asyncio.Future(loop=loop)),
            ):
                try:
                    call()
                except RuntimeError as error:
                    note(str(error))
            other.close()
            loop.stop()

        loop.call_soon(nested)

    # In some versions of the standard library, a refused run resets the loop that runs.
    assert happenings(Loop, program) == [
        "This event loop is already running",
        "Cannot close a running event loop",
        "Cannot run the event loop while another loop is running",
        "This event loop is already running",
    ]


@pytest.mark.parametrize(
    "call",
    [
        lambda loop: loop.call_soon(),
        lambda loop: loop.call_later(1),
        lambda loop: loop.call_at(1),
        lambda loop: loop.call_later(None, print),
        pytest.param(
            lambda loop: loop.call_at(None, print),
            marks=pytest.mark.skipif(sys.version_info < (3, 11), reason="the turn fails instead"),
        ),
        lambda loop: loop.call_later("soon", print),
        lambda loop: loop.call_soon(print, keyword=1),
        lambda loop: loop.call_soon(print, 1, context=None, keyword=1),
        lambda loop: loop.call_later(1, print, keyword=1),
        lambda loop: loop.call_soon_threadsafe(context=None),
        lambda loop: loop.add_reader("x", print),
        lambda loop: loop.add_reader(-1, print),
        lambda loop: loop._add_reader(-1, print),
        lambda loop: loop._remove_writer(object()),
        lambda loop: loop._add_writer(10**30, print),
    ],
)
def test_wrong_arguments_are_refused_with_the_same_class_of_error(call: Callable[[Any], object]) -> None:
    def program(loop: Any, note: Note) -> None:
        loop.stop()
        try:
            call(loop)
        except Exception as error:
            note(type(error).__name__)

    assert same_on_both(program)


def test_names_of_parameters_are_those_of_the_standard_library() -> None:
    def program(loop: Any, note: Note) -> None:
        loop.call_soon(callback=lambda: note("soon"))
        loop.call_later(delay=0, callback=lambda: note("later"))
        loop.call_at(when=0, callback=lambda: note("at"))
        loop.call_soon_threadsafe(callback=lambda: note("thread"), context=None)
        loop.call_later(0.01, loop.stop)

    assert sorted(map(str, same_on_both(program))) == ["at", "later", "soon", "thread"]


@on_both
def test_a_regular_file_cannot_be_watched(make_loop: Callable[[], AnyLoop], tmp_path: Any) -> None:
    loop = make_loop()
    with (tmp_path / "file").open("w") as file, pytest.raises(PermissionError):
        loop.add_reader(file, print)
    loop.close()


def test_a_closed_descriptor_cannot_be_watched() -> None:
    def program(loop: Any, note: Note) -> None:
        left, right = socket.socketpair()
        number = left.fileno()
        left.close()
        right.close()
        try:
            loop.add_reader(number, print)
        except OSError as error:
            note(error.errno)
        note(number in loop._selector.get_map())
        loop.stop()

    assert same_on_both(program)


def test_a_descriptor_that_was_closed_without_a_word_can_be_used_again() -> None:
    def program(loop: Any, note: Note) -> None:
        left, right = socket.socketpair()
        number = left.fileno()
        loop.add_reader(left, note, "old")
        left.close()
        new, other = socket.socketpair()
        assert number in (new.fileno(), other.fileno())
        if other.fileno() == number:
            new, other = other, new
        loop.remove_reader(number)
        loop.add_reader(new, lambda: (note(new.recv(1)), loop.remove_reader(new), loop.stop()))
        other.send(b"n")
        loop.call_later(0.01, right.close)
        loop.call_later(0.01, new.close)
        loop.call_later(0.01, other.close)

    assert same_on_both(program) == [b"n"]


def test_a_socket_that_was_closed_can_be_removed() -> None:
    def program(loop: Any, note: Note) -> None:
        left, right = socket.socketpair()
        loop._add_reader(left, note, "never")
        left.close()
        note(loop._remove_reader(left))
        right.close()
        loop.stop()

    assert same_on_both(program) == [True]


def test_a_class_made_before_its_module_is_imported_is_refused_by_name() -> None:
    from deferrous import _core

    assert isinstance(_core.LoopCore(), _core.LoopCore)
    assert happenings(Loop, lambda loop, _: loop.stop()) == []
