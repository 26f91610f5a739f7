"""Where an exception was raised can be seen, wherever that was."""

from __future__ import annotations

import traceback
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import pytest
from deferrous._remote import restore_traceback
from deferrous.threads import ExecutorPool, deferToThreadPool
from twisted.internet.defer import Deferred, ensureDeferred

from tests.executors import jobs
from tests.executors.loop import Loop
from tests.logs import Log

RAISES = "raise Oops(message)"


def places(error: BaseException) -> list[tuple[str, str]]:
    """Return the function and the line of source of each frame of the module with the jobs."""
    entries = traceback.extract_tb(error.__traceback__)
    return [(entry.name, entry.line or "") for entry in entries if entry.filename == jobs.__file__]


def test_the_failure_shows_the_line_that_raised(pool: ExecutorPool, loop: Loop) -> None:
    failure = loop.failure(deferToThreadPool(loop.reactor, pool, jobs.fail, "far away"))
    text = failure.getTraceback()
    assert f'File "{jobs.__file__}", line ' in text and ", in fail\n" in text
    assert RAISES in text and text.endswith("Oops: far away\n")
    assert places(failure.value) == [("fail", RAISES)]


def test_the_log_has_the_remote_traceback(pool: ExecutorPool, loop: Loop, logged: Log) -> None:
    pool.callInThread(jobs.fail, "far away")
    pool.stop()
    [text] = logged.written()
    assert ", in fail\n" in text and RAISES in text


def test_a_coroutine_passes_the_remote_traceback_on(pool: ExecutorPool, loop: Loop) -> None:
    async def coroutine() -> None:
        await deferToThreadPool(loop.reactor, pool, jobs.fail, "far away")

    text = loop.failure(ensureDeferred(coroutine())).getTraceback()
    assert ", in coroutine\n" in text and RAISES in text


def test_the_cause_that_processes_attach_stays(running_processes: ProcessPoolExecutor, loop: Loop) -> None:
    pool = ExecutorPool(running_processes)
    failure = loop.failure(deferToThreadPool(loop.reactor, pool, jobs.fail_because, "the effect"))
    cause = failure.value.__cause__
    assert type(cause).__name__ == "_RemoteTraceback"
    assert "Oops: the cause" in str(cause) and "ValueError: the effect" in str(cause)
    # The frames are those of the exception itself, and not those of what caused it.
    assert [name for name, _ in places(failure.value)] == ["fail_because"]
    pool.stop()


QUOTED = 'said:\nTraceback (most recent call last):\n  File "elsewhere.py", line 3, in elsewhere\nKeyError: 1'


@pytest.mark.parametrize("message", [QUOTED, "", "two\nlines"])
def test_a_message_is_not_taken_for_a_traceback(
    message: str, running_processes: ProcessPoolExecutor, loop: Loop
) -> None:
    pool = ExecutorPool(running_processes)
    failure = loop.failure(deferToThreadPool(loop.reactor, pool, jobs.fail_because, message))
    assert str(failure.value) == message
    entries = traceback.extract_tb(failure.tb)
    assert entries[-1].name == "fail_because" and entries[-1].filename == jobs.__file__
    pool.stop()


def test_exceptions_of_multiprocessing_get_their_traceback() -> None:
    """The executor of somebody else may be made of such a pool."""
    found: Deferred[Any] = Deferred()
    with get_context("spawn").Pool(1) as processes:
        result = processes.apply_async(jobs.fail, ("far away",), error_callback=found.callback)
        result.wait(60)
    errors: list[jobs.Oops] = []
    found.addCallback(errors.append)
    [error] = errors
    assert places(error) == []
    restore_traceback(error)
    assert places(error) == [("fail", RAISES)]


def raised(error: BaseException) -> BaseException:
    """Give an exception that has been raised here."""
    try:
        raise error
    except BaseException as same:
        return same


class Told(Exception):
    """A cause with the text of a traceback."""

    def __init__(self, text: object) -> None:
        super().__init__()
        self.tb = text


def caused(error: BaseException, text: object) -> BaseException:
    """Give an exception the text of a traceback."""
    error.__cause__ = Told(text)
    return error


FRAMES = 'Traceback (most recent call last):\n  File "far.py", line 7, in far\n    away()\nOops: x\n'


def test_frames_can_be_walked_and_printed_as_any_others() -> None:
    error = caused(jobs.Oops("x"), FRAMES)
    restore_traceback(error)
    [(frame, line)] = traceback.walk_tb(error.__traceback__)
    assert (frame.f_code.co_name, frame.f_code.co_filename, line, frame.f_back) == ("far", "far.py", 7, None)
    assert '  File "far.py", line 7, in far\n' in traceback.format_exception(error)


def test_an_existing_traceback_is_kept() -> None:
    error = raised(caused(jobs.Oops("x"), FRAMES))
    before = error.__traceback__
    restore_traceback(error)
    assert error.__traceback__ is before is not None


@pytest.mark.parametrize("text", [None, 3, "", "no traceback at all", "Traceback (most recent call last):\n"])
def test_a_cause_without_a_traceback_changes_nothing(text: object) -> None:
    error = caused(jobs.Oops("x"), text)
    restore_traceback(error)
    assert error.__traceback__ is None and isinstance(error.__cause__, Told)
    without = jobs.Oops("x")
    restore_traceback(without)
    assert without.__traceback__ is None
