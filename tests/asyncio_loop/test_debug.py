"""asyncio's debug mode: stacks of callers, slow callbacks and wrong threads."""

# mypy: disable-error-code="attr-defined, func-returns-value, no-untyped-call"

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.asyncio_loop.both import AnyLoop, on_both, same_on_both

Note = Callable[[object], None]


@on_both
def test_handles_know_who_asked_for_them(make_loop: Callable[[], AnyLoop]) -> None:
    loop: Any = make_loop()
    loop.set_debug(True)
    assert loop.get_debug() is True
    for handle in (
        loop.call_soon(print),
        loop.call_soon_threadsafe(print),
        loop.call_later(1, print),
        loop.call_at(1, print),
    ):
        last = handle._source_traceback[-1]
        assert last.filename == __file__
        assert last.name == "test_handles_know_who_asked_for_them"
        assert f"created at {__file__}:{last.lineno}" in repr(handle)
    loop.set_debug(False)
    assert loop.call_soon(print)._source_traceback is None
    loop.close()


def test_wrong_threads_and_what_is_no_callback_are_refused_in_the_same_words() -> None:
    def program(loop: Any, note: Note) -> None:
        async def coroutine() -> None: ...

        def ask(method: str, *arguments: object) -> None:
            try:
                getattr(loop, method)(*arguments)
            except Exception as error:
                note((method, repr(error).split(" at 0x")[0]))

        wrong: list[tuple[Any, ...]] = [("call_soon", print), ("call_later", 1, print), ("call_at", 1, print)]

        def wrong_thread() -> None:
            for method, *arguments in wrong:
                ask(method, *arguments)
            loop.call_soon_threadsafe(loop.stop)

        for callback in (coroutine, 5):
            ask("call_soon", callback)
            ask("call_soon_threadsafe", callback)
            ask("call_later", 1, callback)
            ask("call_at", 1, callback)
        loop.call_soon(threading.Thread(target=wrong_thread).start)

    assert len(same_on_both(program, debug=True)) == 11


@on_both
def test_slow_callbacks_are_logged(
    make_loop: Callable[[], AnyLoop], caplog: pytest.LogCaptureFixture
) -> None:
    loop: Any = make_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.01
    seen: list[object] = []

    def slow() -> None:
        seen.append(loop._current_handle)
        time.sleep(0.02)
        loop.stop()

    handle = loop.call_soon(slow)
    with caplog.at_level(logging.WARNING, "asyncio"):
        loop.run_forever()
    loop.close()
    assert seen == [handle]
    assert loop._current_handle is None
    assert [record.getMessage().split(" took ")[0] for record in caplog.records] == [f"Executing {handle!r}"]


@on_both
def test_an_error_is_reported_with_the_stack_of_who_asked(make_loop: Callable[[], AnyLoop]) -> None:
    loop: Any = make_loop()
    loop.set_debug(True)
    reported: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reported.append(context))
    loop.call_soon(len, 5)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()
    [context] = reported
    assert context["source_traceback"][-1].filename == __file__
    assert context["message"].startswith("Exception in callback len(5)")


def test_debug_mode_is_that_of_the_environment() -> None:
    from tests.children import code

    source = (
        "import deferrous.asyncio; loop = deferrous.asyncio.Loop(); print(loop.get_debug()); loop.close()"
    )
    assert code(source, PYTHONASYNCIODEBUG="1").out == "True\n"
    assert code(source).out == "False\n"
