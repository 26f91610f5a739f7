"""An ExecutorPool can be used like Twisted's ThreadPool."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import pytest
from deferrous.threads import ExecutorPool, deferToThreadPool
from twisted.internet import threads
from twisted.internet.defer import CancelledError
from twisted.python.threadpool import ThreadPool

from tests.children import PATIENCE
from tests.executors import jobs
from tests.executors.loop import Loop
from tests.helpers import outcome
from tests.logs import Log


def test_the_result_is_handed_to_a_function(pool: ExecutorPool) -> None:
    reported: list[Any] = []
    pool.callInThreadWithCallback(lambda *result: reported.append(result), pow, 2, exp=3)
    pool.callInThreadWithCallback(lambda *result: reported.append(result), jobs.fail, "broken")
    pool.stop()
    reported.sort(key=lambda result: not result[0])
    assert reported[0] == (True, 8)
    assert reported[1][0] is False and reported[1][1].type is jobs.Oops


def test_without_a_function_errors_are_logged_as_by_twisted(pool: ExecutorPool, logged: Log) -> None:
    pool.callInThread(abs, -1)
    pool.callInThreadWithCallback(None, abs, -1)
    pool.callInThread(jobs.fail, "nobody listens")
    pool.stop()
    stock = ThreadPool(1, 1)
    stock.start()
    stock.callInThread(jobs.fail, "nobody listens")
    stock.stop()
    ours, twisteds = [(text.splitlines()[0], text.splitlines()[-1]) for text in logged.written()]
    assert ours == twisteds == ("Unhandled Error", "tests.executors.jobs.Oops: nobody listens")


def test_a_function_for_results_that_raises_is_logged(logged: Log) -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True, name="mine")

    def broken(success: bool, result: object) -> None:
        raise jobs.Oops("in the callback")

    pool.callInThreadWithCallback(broken, abs, -1)
    pool.stop()
    [text] = logged.written()
    assert text.startswith("<ExecutorPool mine: running, 1 jobs> could not report a result\n")
    assert ", in broken\n" in text and text.endswith("Oops: in the callback\n")
    assert pool.jobs == 0


def test_twisteds_own_function_works_with_the_pool(pool: ExecutorPool, loop: Loop) -> None:
    """It knows of no way to cancel, so the job goes on."""
    stock: Any = threads.deferToThreadPool
    assert stock is not deferToThreadPool
    assert loop.value(stock(loop.reactor, pool, pow, 2, 10)) == 1024
    assert loop.failure(stock(loop.reactor, pool, jobs.fail, "it broke")).type is jobs.Oops
    deferred = stock(loop.reactor, pool, abs, -1)
    deferred.cancel()
    assert isinstance(outcome(deferred), CancelledError)
    pool.stop()
    loop.turn()
    assert loop.failure(stock(loop.reactor, pool, abs, -1)).type is RuntimeError


def test_a_pool_of_twisted_is_used_as_twisted_does(loop: Loop) -> None:
    stock = ThreadPool(1, 2)
    stock.start()
    results: list[Any] = [
        deferToThreadPool(loop.reactor, stock, pow, 2, exp=10),
        deferToThreadPool(loop.reactor, stock, jobs.fail, "it broke"),
    ]
    assert loop.value(results[0]) == 1024
    assert loop.failure(results[1]).type is jobs.Oops
    stock.stop()


def test_a_pool_that_says_yes_to_everything_is_no_executor_pool(loop: Loop) -> None:
    """Mocks of pools, which have every method, are not taken for pools with `deferTo`."""
    mock = Mock()
    deferred = deferToThreadPool(loop.reactor, mock, pow, 2, 10)
    [call] = mock.callInThreadWithCallback.call_args_list
    assert call.args[1:] == (pow, 2, 10)
    call.args[0](True, "from the mock")
    assert loop.value(deferred) == "from the mock"


def test_many_threads_can_hand_over_jobs(pool: ExecutorPool) -> None:
    reported: list[int] = []

    def hand_over(number: int) -> None:
        for turn in range(20):
            pool.callInThreadWithCallback(lambda _, result: reported.append(result), abs, -20 * number - turn)

    handing = [threading.Thread(target=hand_over, args=(number,)) for number in range(5)]
    for thread in handing:
        thread.start()
    for thread in handing:
        thread.join(PATIENCE)
    pool.stop()
    assert sorted(reported) == list(range(100))


def test_its_state_has_the_names_of_twisted() -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True, name="mine")
    assert (pool.name, pool.started, pool.joined) == ("mine", True, False)
    pool.start()
    assert (pool.started, pool.joined) == (True, False)
    pool.stop()
    assert (pool.started, pool.joined) == (False, True)


def test_the_number_of_workers_is_up_to_the_executor() -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True)
    pool.adjustPoolsize()
    for arguments in ({"minthreads": 1}, {"maxthreads": 8}, {"minthreads": 1, "maxthreads": 8}):
        with pytest.raises(
            NotImplementedError, match="has as many workers as its executor: set their number"
        ):
            pool.adjustPoolsize(**arguments)
    pool.stop()


def test_dump_stats_logs_the_number_of_jobs(logged: Log) -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True, name="mine")
    pool.dumpStats()
    assert logged.written() == ["<ExecutorPool mine: running, 0 jobs>"]
    pool.stop()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"executor": None}, "needs a concurrent.futures.Executor, not None. ThreadPoolExecutor"),
        ({"executor": ThreadPoolExecutor}, "needs a concurrent.futures.Executor, not <class"),
        ({"own": 1}, "own must be True or False, not 1"),
        ({"name": b"mine"}, "name must be a str or None, not b'mine'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any], message: str) -> None:
    with ThreadPoolExecutor(1) as executor, pytest.raises(TypeError, match=message):
        ExecutorPool(**{"executor": executor, **arguments})


def test_a_function_for_results_has_to_be_one() -> None:
    pool = ExecutorPool(ThreadPoolExecutor(1), own=True)
    wrong: Any = "print"
    with pytest.raises(TypeError, match="onResult must be a function or None, not 'print'"):
        pool.callInThreadWithCallback(wrong, abs, -1)
    assert pool.jobs == 0
    pool.stop()
