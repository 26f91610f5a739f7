"""The pool of threads by itself: its size under load, its counts, its start and its end."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Callable
from typing import Any

from twisted.internet.threads import deferToThreadPool

from tests import logs
from tests.helpers import Oops, raising
from tests.reactors import Loop
from tests.reactors.inside import becomes, gathered, until

#: How many jobs are asked for while the pool's size changes. The long version of the tests asks for more.
JOBS = int(os.environ.get("DEFERROUS_JOBS", "20000"))


def new_pool(reactor: Any, least: int, most: int, name: str | None = None) -> Any:
    """Make a pool of the kind that the reactor has."""
    return type(reactor.getThreadPool())(least, most, name)


def wait_until(condition: Any) -> None:
    """Wait until something is so. That this ends is what the deadline of the process is for."""
    while not condition():
        threading.Event().wait(0.001)


def counts(pool: Any) -> list[int]:
    """Give what the pool counts: threads in all, busy ones, idle ones, and jobs that wait."""
    return [pool.workers, len(pool.working), len(pool.waiters), pool.q.qsize()]


def resizing(reactor: Any, jobs: int, seed: int) -> dict[str, Any]:
    """Change the size of the pool in every way, while jobs are asked for from several threads."""
    pool = reactor.getThreadPool()
    randomly = random.Random(seed)
    done = [0] * jobs
    most: list[int] = []
    lock = threading.Lock()
    running = 0

    def job(number: int) -> None:
        nonlocal running
        with lock:
            running += 1
            most.append(running)
        done[number] += 1
        with lock:
            running -= 1

    def change() -> None:
        least = randomly.randrange(5)
        randomly.choice(
            [
                lambda: pool.adjustPoolsize(least, least + randomly.randrange(1, 12)),
                lambda: reactor.suggestThreadPoolSize(pool.min + randomly.randrange(1, 16)),
                pool.startAWorker,
                pool.stopAWorker,
            ]
        )()

    async def main() -> None:
        asking = iter(range(jobs))
        for number in asking:
            pool.callInThread(job, number)
            if number % 20 == 0:
                change()
            if number % 200 == 0:
                reactor.callFromThread(lambda: None)
                await becomes(reactor, lambda number=number: sum(done) > number // 2)  # type: ignore[misc]
        pool.adjustPoolsize(1, 4)
        await becomes(reactor, lambda: sum(done) == jobs)
        await becomes(reactor, lambda: pool.workers <= 4)

    until(reactor, main())
    return {"done": [done.count(1), len(done)], "at once": max(most) <= 20, "threads": len(pool.threads)}


def test_no_job_is_lost_while_the_pool_changes_its_size(loop: Loop) -> None:
    """No job is lost or done twice, whatever happens to the threads."""
    for seed in range(2):
        found = loop.run(resizing, JOBS, seed, patience=1200)
        assert found["done"] == [JOBS, JOBS]
        assert found["at once"]


def counting(reactor: Any) -> list[Any]:
    """Look at the counts in each state."""
    pool = new_pool(reactor, 0, 3)
    found: list[Any] = [[*counts(pool), pool.min, pool.max, pool.started, pool.joined]]
    release, begun = threading.Event(), threading.Semaphore(0)

    def job() -> None:
        begun.release()
        release.wait()

    for _ in range(2):
        pool.callInThread(job)
    found.append(counts(pool))
    pool.start()
    for _ in range(2):
        begun.acquire()
    wait_until(lambda: counts(pool) == [2, 2, 0, 0])
    for _ in range(3):
        pool.callInThread(job)
    begun.acquire()
    wait_until(lambda: counts(pool) == [3, 3, 0, 2])
    found.append([*counts(pool), len(pool.threads), pool.started, pool.joined])
    release.set()
    wait_until(lambda: counts(pool) == [3, 0, 3, 0])
    found.append([type(pool.waiters).__name__, type(pool.working).__name__, type(pool.threads).__name__])
    pool.stop()
    found.append([*counts(pool), pool.started, pool.joined])
    return found


def test_threads_and_waiting_jobs_are_counted(loop: Loop) -> None:
    """Threads, busy and idle ones, and waiting jobs are counted; what is asked for early is done later."""
    assert loop.run(counting) == [
        [0, 0, 0, 0, 0, 3, False, False],
        [0, 0, 0, 2],
        [3, 3, 0, 2, 3, True, False],
        ["list", "list", "list"],
        [0, 0, 0, 0, False, True],
    ]


def sizes(reactor: Any) -> list[Any]:
    """Change the size of an idle pool and of a busy one."""
    pool = new_pool(reactor, 2, 6)
    pool.start()
    found: list[Any] = [pool.workers]
    pool.adjustPoolsize(4)
    found.append([pool.workers, pool.min, pool.max])
    pool.startAWorker()
    found.append(pool.workers)
    for _ in range(9):
        pool.startAWorker()
    found.append(pool.workers)
    pool.adjustPoolsize(0, 2)
    wait_until(lambda: pool.workers == 2)
    pool.stopAWorker()
    wait_until(lambda: pool.workers == 1)
    release, begun = threading.Event(), threading.Semaphore(0)

    def job() -> None:
        begun.release()
        release.wait()

    for _ in range(2):
        pool.callInThread(job)
    for _ in range(2):
        begun.acquire()
    pool.adjustPoolsize(0, 1)
    found.append(pool.max)
    release.set()
    wait_until(lambda: pool.workers == 1)
    done = threading.Event()
    pool.callInThread(done.set)
    done.wait()
    pool.stop()
    return found


def test_a_pool_keeps_its_limit(loop: Loop) -> None:
    """It is never above the limit for long, and busy threads that are too many end after their job."""
    assert loop.run(sizes) == [2, [4, 4, 6], 5, 6, 1]


def refused(reactor: Any) -> list[Any]:
    """Ask for a job while one worker is busy, and the system has no thread for another."""
    pool = new_pool(reactor, 0, 2)
    pool.start()
    release, begun = threading.Event(), threading.Event()
    done: list[str] = []

    def busy() -> None:
        begun.set()
        release.wait()

    def no_thread(**_: Any) -> threading.Thread:
        raise RuntimeError("can't start new thread")

    pool.callInThread(busy)
    begun.wait()
    pool.threadFactory = no_thread
    try:
        pool.callInThread(done.append, "refused")
    except RuntimeError as error:
        found: list[Any] = [str(error), counts(pool)]
    release.set()
    wait_until(lambda: counts(pool) == [1, 0, 1, 0])
    pool.callInThread(done.append, "taken")
    pool.stop()
    return [*found, done]


def test_a_job_for_which_there_is_no_thread(loop: Loop) -> None:
    """The caller gets the error, and the job is not done later."""
    assert loop.run(refused) == ["can't start new thread", [1, 1, 0, 0], ["taken"]]


def mistakes(reactor: Any) -> list[str]:
    """Ask for sizes that cannot be."""
    pool = new_pool(reactor, 1, 2)
    found = []
    attempts: list[Callable[[], Any]] = [
        lambda: new_pool(reactor, -1, 2),
        lambda: new_pool(reactor, 3, 2),
        lambda: pool.adjustPoolsize(-1),
        lambda: pool.adjustPoolsize(5),
        lambda: pool.adjustPoolsize(2, 1),
        lambda: reactor.suggestThreadPoolSize(-1),
    ]
    for mistake in attempts:
        try:
            mistake()
        except AssertionError as error:
            found.append(str(error))
    return [*found, f"{pool.min} {pool.max}"]


def test_wrong_sizes_are_refused_and_change_nothing(loop: Loop) -> None:
    """They are refused, and nothing has changed."""
    negative, above = "minimum is negative", "minimum is greater than maximum"
    assert loop.run(mistakes) == [negative, above, negative, above, above, above, "1 2"]


def ending(reactor: Any) -> list[Any]:
    """Stop a pool that has much to do, then start it again."""
    before = threading.active_count()
    pool = new_pool(reactor, 0, 4, "a name")
    done: list[int] = []
    names: set[str] = set()

    def job(number: int) -> None:
        threading.Event().wait(0.0001)
        names.add(threading.current_thread().name)
        done.append(number)

    pool.start()
    for number in range(500):
        pool.callInThread(job, number)
    pool.stop()
    found: list[Any] = [sorted(done) == list(range(500)), threading.active_count() - before]
    pool.callInThread(job, -1)
    found.append([-1 in done, any(thread.is_alive() for thread in pool.threads)])
    return [*found, sorted(names)]


def test_stopping_a_pool_does_all_earlier_jobs(loop: Loop) -> None:
    """It does all that it was asked for first, waits for its threads, and takes nothing more."""
    complete, left, late, names = loop.run(ending)
    assert (complete, left, late) == (True, 0, [False, False])
    assert set(names) <= {f"PoolThread-a name-{number}" for number in range(4)}


class Slow(threading.Thread):
    """A thread whose start takes as long as a test wants, and which does something before."""

    entered, proceed = threading.Semaphore(0), threading.Event()
    before: Callable[[], object] = staticmethod(lambda: None)

    def start(self) -> None:
        """Start, at last."""
        # Where the end of its pool was interrupted, nobody ends it.
        self.daemon = True
        self.entered.release()
        self.before()
        self.proceed.wait()
        super().start()


def pool_with_slow_threads(reactor: Any) -> Any:
    """Make a pool that is started and has no threads yet."""
    pool = new_pool(reactor, 0, 2)
    pool.start()
    pool.threadFactory = Slow
    return pool


def ending_while_a_thread_starts(reactor: Any) -> list[Any]:
    """Stop a pool while another thread starts a worker in it."""
    pool = pool_with_slow_threads(reactor)
    found: list[Any] = []

    def stop() -> None:
        try:
            pool.stop()
        except RuntimeError as error:
            found.append(str(error))
        found.append("stopped")

    asking = threading.Thread(target=pool.callInThread, args=(found.append, "done"))
    asking.start()
    Slow.entered.acquire()
    stopping = threading.Thread(target=stop)
    stopping.start()
    wait_until(lambda: pool.joined)
    stopping.join(0.2)
    found.append(stopping.is_alive())
    Slow.proceed.set()
    for thread in (asking, stopping):
        thread.join()
    return found


def test_stopping_a_pool_waits_for_a_starting_thread(loop: Loop) -> None:
    """It waits for the thread, and for what that has to do."""
    assert loop.run(ending_while_a_thread_starts) == [True, "done", "stopped"]


def ending_where_a_thread_starts(reactor: Any) -> list[Any]:
    """End a pool's workers in the thread that is starting one."""
    pool = pool_with_slow_threads(reactor)
    found: list[Any] = []
    Slow.proceed.set()
    Slow.before = staticmethod(pool._team.quit)
    pool.callInThread(found.append, "done")
    for thread in pool.threads:
        thread.join()
    return found


def test_stopping_a_pool_in_its_thread_factory_does_not_deadlock(loop: Loop) -> None:
    """It does not wait for itself."""
    assert loop.run(ending_where_a_thread_starts) == ["done"]


def interrupted(reactor: Any) -> list[Any]:
    """Interrupt what waits for a thread that starts."""
    pool = pool_with_slow_threads(reactor)
    asking = threading.Thread(target=pool.callInThread, args=(bool,))
    asking.start()
    Slow.entered.acquire()

    def interrupt() -> None:
        wait_until(lambda: pool.joined)
        os.kill(os.getpid(), signal.SIGINT)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    interrupting = threading.Thread(target=interrupt)
    interrupting.start()
    found: list[Any] = []
    try:
        pool.stop()
    except KeyboardInterrupt:
        found.append(asking.is_alive())
    Slow.proceed.set()
    for thread in (asking, interrupting):
        thread.join()
    return found


def test_an_interrupt_while_a_thread_starts(loop: Loop) -> None:
    """It ends the wait."""
    assert loop.run(interrupted) == [True]


def callbacks(reactor: Any) -> list[Any]:
    """Ask to be called with results, also such that are errors, and raise there."""
    logs.begin()
    pool = new_pool(reactor, 1, 1)
    pool.start()
    notes: list[Any] = []
    job_thread: list[int] = []

    def on_result(success: bool, result: Any) -> None:
        same_thread = threading.get_ident() == job_thread[-1]
        notes.append([success, result if success else str(result.value), same_thread])

    def job(value: str, *, fails: bool) -> str:
        job_thread.append(threading.get_ident())
        if fails:
            raise Oops(value)
        return value

    pool.callInThreadWithCallback(on_result, job, "one", fails=False)
    pool.callInThreadWithCallback(on_result, job, "two", fails=True)
    pool.callInThreadWithCallback(None, job, "three", fails=False)
    with logs.Log() as log:
        pool.callInThreadWithCallback(None, job, "four", fails=True)
        pool.callInThreadWithCallback(raising(Oops("in the callback")), job, "five", fails=False)
        pool.callInThreadWithCallback(on_result, job, "six", fails=False)
        pool.stop()
        said = [
            text.split(" ")[0] + " " + text[text.index("Oops") :] for text in log.take() if "Oops" in text
        ]
    return [notes, said, len(job_thread)]


def test_callbacks_of_jobs_run_in_the_thread_and_errors_are_logged(loop: Loop) -> None:
    """They are called in the job's thread; what they raise is logged, and the thread goes on."""
    notes, said, jobs = loop.run(callbacks)
    assert notes == [[True, "one", True], [False, "two", True], [True, "six", True]]
    assert said == ["critical Oops(four)", "critical Oops(in the callback)"]
    assert jobs == 6


def several_pools(reactor: Any) -> list[Any]:
    """Use pools of one's own beside the reactor's."""
    pools = [new_pool(reactor, 0, 2, f"pool {number}") for number in range(3)]

    def job(number: int) -> str:
        return f"{number} {threading.current_thread().name}"

    async def main() -> list[Any]:
        for pool in pools:
            pool.start()
        asked = [deferToThreadPool(reactor, pool, job, n) for n in range(20) for pool in pools]
        found = await gathered(asked)
        for pool in pools:
            pool.stop()
        return [text.rsplit("-", 1)[0] for text in found]

    return until(reactor, main())


def test_separate_pools_have_separate_threads(loop: Loop) -> None:
    """Each has its threads, and the reactor gets the results."""
    expected = [f"{turn} PoolThread-pool {number}" for turn in range(20) for number in range(3)]
    assert loop.run(several_pools) == expected


def after_a_crash(reactor: Any) -> list[Any]:
    """Use the reactor's pool in a run after a crash, in which it was never stopped."""
    first = reactor.getThreadPool()
    found: list[Any] = []

    def ask(then: Callable[[], None]) -> None:
        reactor.callInThread(lambda: reactor.callFromThread(found.append, threading.current_thread().name))
        reactor.callInThread(lambda: reactor.callFromThread(reactor.callLater, 0.01, then))

    for end in (reactor.crash, reactor.crash, reactor.stop):
        reactor.callWhenRunning(ask, end)
        reactor.run()
        found.append([reactor.threadpool is first, first.joined])
    return found


def test_a_crash_does_not_stop_the_pool(loop: Loop) -> None:
    """Only the end of the reactor is the end of its pool."""
    found = loop.run(after_a_crash)
    assert found[1::2] == [[True, False], [True, False], [False, True]]
    assert [name.rsplit("-", 1)[0] for name in found[::2]] == ["PoolThread-twisted.internet.reactor"] * 3
