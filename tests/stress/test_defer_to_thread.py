"""Jobs in the reactor's threads: what they are given, what comes back, and where they run."""

from __future__ import annotations

import gc
import threading
import traceback
import weakref
from typing import Any

from twisted.internet import threads
from twisted.internet.defer import Deferred, DeferredList
from twisted.python import context, log

from tests import logs
from tests.helpers import Oops, raising
from tests.reactors import Loop
from tests.reactors.inside import becomes, gathered, pause, until

# Functions of Twisted's that have no types, or some that do not go with those of typed functions.
wait_for: Any = threads.blockingCallFromThread
call_in_row: Any = threads.callMultipleInThread
call: Any = context.call
get: Any = context.get


def results(reactor: Any, count: int) -> list[Any]:
    """Ask for many jobs at once, some of which fail, and give what comes back."""

    def job(number: int, *, word: str) -> str:
        if number % 7 == 0:
            raise Oops(f"{word} {number}")
        return f"{word} {number} {threading.current_thread().name.split('-')[0]}"

    async def main() -> list[Any]:
        asked = [threads.deferToThread(job, number, word="job") for number in range(count)]
        found = []
        for success, result in await DeferredList(asked, consumeErrors=True):
            error: Any = result
            found.append(result if success else f"{error.type.__name__} {error.value}")
        return found

    return until(reactor, main())


def test_each_job_fires_its_own_deferred(loop: Loop) -> None:
    """Each job's result or failure comes to the Deferred of that job."""
    assert loop.run(results, 2000) == [
        f"Oops job {number}" if number % 7 == 0 else f"job {number} PoolThread" for number in range(2000)
    ]


def failures(reactor: Any) -> list[Any]:
    """Look at the failure of a job."""

    def job() -> None:
        inner()

    def inner() -> None:
        raise Oops("deep")

    async def main() -> list[Any]:
        found: list[Any] = []
        failed: list[Any] = []
        await threads.deferToThread(job).addErrback(failed.append)
        found.append([entry.name for entry in traceback.extract_tb(failed[0].getTracebackObject())][-2:])
        for error in (SystemExit("exit"), KeyboardInterrupt("interrupt"), GeneratorExit("generator")):
            try:
                await threads.deferToThread(raising(error))
            except BaseException as raised:
                found.append(f"{type(raised).__name__} {raised}")
        return found

    return until(reactor, main())


def test_failures_know_where_they_come_from(loop: Loop) -> None:
    """The traceback has the job's own frames, and errors of every kind come back as failures."""
    assert loop.run(failures) == [
        ["job", "inner"],
        "SystemExit exit",
        "KeyboardInterrupt interrupt",
        "GeneratorExit generator",
    ]


def waiting_for_each_other(reactor: Any, count: int) -> list[bool]:
    """Give the only worker two jobs at a time, of which the second waits for what comes of the first."""
    reactor.suggestThreadPoolSize(1)

    async def pair() -> bool:
        seen = threading.Event()
        first = threads.deferToThread(lambda: None)
        second = threads.deferToThread(seen.wait, 60)
        first.addCallback(lambda _: seen.set())
        return await second

    async def main() -> list[bool]:
        return [await pair() for _ in range(count)]

    return until(reactor, main())


def test_a_result_comes_before_the_next_job_is_done(loop: Loop) -> None:
    """The reactor hears of a result at once, however long the next job of that thread takes."""
    assert loop.run(waiting_for_each_other, 200) == [True] * 200


def names(reactor: Any) -> dict[str, Any]:
    """Look at the threads of the pool from inside and outside."""
    reactor.suggestThreadPoolSize(4)
    release = threading.Event()
    seen: list[threading.Thread] = []

    def job() -> None:
        seen.append(threading.current_thread())
        release.wait()

    async def main() -> dict[str, Any]:
        asked = [threads.deferToThread(job) for _ in range(4)]
        await becomes(reactor, lambda: len(seen) == 4)
        listed = [thread for thread in threading.enumerate() if thread.name.startswith("PoolThread-")]
        found = {
            "names": sorted(thread.name for thread in seen),
            "enumerated": {id(thread) for thread in listed} == {id(thread) for thread in seen},
            "in threads": {id(thread) for thread in reactor.getThreadPool().threads}
            == {id(thread) for thread in seen},
            "alive": [thread.is_alive() for thread in seen],
            "identified": all(thread.ident and thread.native_id for thread in seen),
            "daemon": [thread.daemon for thread in seen],
            "name of the pool": reactor.getThreadPool().name,
        }
        release.set()
        await gathered(asked)
        return found

    found = until(reactor, main())
    found["alive at the end"] = [thread.is_alive() for thread in seen]
    return found


def test_threads_have_the_names_of_twisteds_and_end_with_the_reactor(loop: Loop) -> None:
    """They have the names of Twisted's, Python knows them, and none is alive when the reactor has ended."""
    found = loop.run(names)
    assert found.pop("names") == [f"PoolThread-twisted.internet.reactor-{number}" for number in range(4)]
    assert found == {
        "enumerated": True,
        "in threads": True,
        "alive": [True] * 4,
        "identified": True,
        "daemon": [False] * 4,
        "name of the pool": "twisted.internet.reactor",
        "alive at the end": [False] * 4,
    }


def own_things(reactor: Any) -> list[Any]:
    """Keep something in each thread, and look whether it is there in the next job."""
    reactor.suggestThreadPoolSize(3)
    local = threading.local()
    barrier = threading.Barrier(3)

    class Kept:
        """The thread-local object, until the thread ends."""

    kept: list[weakref.ref[Kept]] = []

    def first() -> None:
        local.kept, local.name = Kept(), threading.current_thread().name
        kept.append(weakref.ref(local.kept))
        barrier.wait()

    def second() -> bool:
        barrier.wait()
        return bool(local.name == threading.current_thread().name)

    async def main() -> list[Any]:
        await gathered([threads.deferToThread(first) for _ in range(3)])
        found = []
        for _ in range(20):
            found += await gathered([threads.deferToThread(second) for _ in range(3)])
        return [all(found), len(found), [reference() is not None for reference in kept]]

    found = until(reactor, main())
    gc.collect()
    return [*found, [reference() is not None for reference in kept]]


def test_thread_locals_live_as_long_as_their_thread(loop: Loop) -> None:
    """`threading.local` is each thread's own, from job to job, and goes when the thread ends."""
    assert loop.run(own_things) == [True, 60, [True] * 3, [False] * 3]


def contexts(reactor: Any) -> list[Any]:
    """Ask for jobs within a context, and look at it inside them."""

    def job() -> Any:
        return [get("key"), (get(log.ILogContext) or {}).get("system")]

    def asked_in(inner: dict[Any, Any]) -> Any:
        return call(
            {"key": "outer", log.ILogContext: {"system": "outer"}}, call, inner, threads.deferToThread, job
        )

    async def main() -> list[Any]:
        asked = [asked_in({"key": number, log.ILogContext: {"system": f"{number}"}}) for number in range(20)]
        asked += [asked_in({"key": "alone"}), threads.deferToThread(job)]
        found = await gathered(asked)
        found.append(await asked_in({}).addCallback(lambda _: get("key")))
        return found

    return until(reactor, main())


def test_a_job_runs_in_the_context_of_its_caller(loop: Loop) -> None:
    """The innermost context in which a job is asked for is there in the job, and not in the next one."""
    expected: list[Any] = [[number, f"{number}"] for number in range(20)]
    assert loop.run(contexts) == [*expected, ["alone", "-"], [None, "-"], None]


def messages(reactor: Any) -> list[Any]:
    """Log from jobs."""
    logs.begin()
    with logs.Log() as heard:

        async def main() -> None:
            within: Any = log.callWithContext
            await within({"system": "here"}, threads.deferToThread, log.msg, "said")
            reactor.callInThread(raising(Oops("unheard")))
            await becomes(reactor, lambda: any("Oops" in heard.text(event) for event in heard.events))

        until(reactor, main())
        return [
            [
                event["log_system"] if "log_system" in event else event["system"],
                heard.text(event).split(" ")[-1],
            ]
            for event in heard.events
            if "said" in heard.text(event) or "Oops" in heard.text(event)
        ]


def test_jobs_log_with_the_system_of_their_context(loop: Loop) -> None:
    """It has the context's system, and an error that nobody waits for is logged."""
    assert loop.run(messages) == [["here", "said"], ["-", "Oops(unheard)"]]


def nested(reactor: Any) -> list[Any]:
    """Ask for jobs in jobs, more deeply than there are threads."""
    reactor.suggestThreadPoolSize(2)
    done: list[int] = []

    def job(depth: int) -> None:
        if depth < 50:
            reactor.callInThread(job, depth + 1)
            reactor.callInThread(done.append, depth)
        else:
            reactor.callFromThread(reached.callback, None)

    reached: Deferred[None] = Deferred()

    async def main() -> None:
        reactor.callInThread(job, 0)
        await reached
        await becomes(reactor, lambda: len(done) == 50)

    until(reactor, main())
    return sorted(done)


def test_jobs_can_hand_over_jobs(loop: Loop) -> None:
    """All of them are done."""
    assert loop.run(nested) == list(range(50))


def waiting_in_threads(reactor: Any) -> list[Any]:
    """Wait in jobs for what the reactor does."""

    def later(value: Any) -> Any:
        result: Deferred[Any] = Deferred()
        reactor.callLater(0.001, result.callback, value)
        return result

    def job(number: int) -> list[Any]:
        found = [wait_for(reactor, later, number), wait_for(reactor, lambda: "at once")]
        for failing in (lambda: Deferred().addCallback(raising(Oops(number))), raising(Oops(number))):
            try:
                wait_for(reactor, lambda failing=failing: started(failing()))
            except Oops as error:
                found.append(str(error))
        return found

    def started(deferred: Any) -> Any:
        deferred.callback(None)
        return deferred

    async def main() -> list[Any]:
        return await gathered([threads.deferToThread(job, number) for number in range(100)])

    return until(reactor, main())


def test_blocking_call_from_thread_works_in_jobs(loop: Loop) -> None:
    """`blockingCallFromThread` gives the result there, or raises the error."""
    assert loop.run(waiting_in_threads) == [[n, "at once", str(n), str(n)] for n in range(100)]


def in_a_row(reactor: Any) -> list[Any]:
    """Ask for several calls in one job."""
    notes: list[Any] = []
    done: Deferred[None] = Deferred()

    def note(word: str, number: int = 0) -> None:
        notes.append([word, number, threading.get_ident()])

    async def main() -> None:
        calls = [(note, ("one",), {}), (note, ("two",), {"number": 2}), (note, ("three", 3), {})]
        call_in_row([*calls, (reactor.callFromThread, (done.callback, None), {})])
        await done

    until(reactor, main())
    return [[note[:2] for note in notes], len({note[2] for note in notes})]


def test_call_multiple_in_thread_calls_in_order(loop: Loop) -> None:
    """`callMultipleInThread` makes them in order, in one thread."""
    assert loop.run(in_a_row) == [[["one", 0], ["two", 2], ["three", 3]], 1]


def ending_with_jobs(reactor: Any) -> list[Any]:
    """Stop while jobs run and wait."""
    reactor.suggestThreadPoolSize(2)
    notes: list[str] = []
    begun = threading.Barrier(3)
    release = threading.Event()

    def job(number: int) -> int:
        if number < 2:
            begun.wait()
            release.wait()
        notes.append(f"job {number}")
        return number

    asked = [threads.deferToThread(job, number) for number in range(5)]
    for deferred in asked:
        deferred.addCallback(lambda number: notes.append(f"result {number}"))

    def stop() -> None:
        begun.wait()
        reactor.stop()
        threading.Timer(0.02, release.set).start()

    reactor.callWhenRunning(stop)
    reactor.addSystemEventTrigger("after", "shutdown", lambda: notes.append("ended"))
    reactor.run()
    alive = [thread.name for thread in threading.enumerate() if "PoolThread" in thread.name]
    return [notes, alive, [deferred.called for deferred in asked]]


def test_the_reactor_waits_for_its_jobs_when_it_ends(loop: Loop) -> None:
    """All that were asked for are done before the reactor ends; their results come too late for anybody."""
    notes, alive, called = loop.run(ending_with_jobs)
    assert sorted(notes[:5]) == [f"job {number}" for number in range(5)]
    assert notes[5:] == ["ended"]
    assert alive == []
    assert called == [False] * 5


def asking_late(reactor: Any) -> list[Any]:
    """Ask for jobs while the reactor ends, and after it."""
    notes: list[str] = []
    pool = reactor.getThreadPool()
    reactor.addSystemEventTrigger("before", "shutdown", reactor.callInThread, notes.append, "before")
    reactor.addSystemEventTrigger("after", "shutdown", pool.callInThread, notes.append, "never")
    reactor.callWhenRunning(reactor.stop)
    reactor.run()
    pool.callInThread(notes.append, "never")
    return notes


def test_jobs_after_the_end_of_the_pool_are_not_done(loop: Loop) -> None:
    """Jobs from before the end of the pool are done, and later ones are not."""
    assert loop.run(asking_late) == ["before"]


def letting_go(reactor: Any) -> list[bool]:
    """Look whether arguments, results and errors of jobs go when nobody needs them."""

    class Thing:
        """Something that a job is given or gives."""

    references: list[weakref.ref[Any]] = []

    def job(thing: Thing, fails: bool) -> Thing:
        result = Thing()
        references.append(weakref.ref(result))
        if fails:
            raise Oops(result)
        return result

    async def main() -> list[bool]:
        for fails in (False, True):
            thing = Thing()
            references.append(weakref.ref(thing))
            asked: Any = threads.deferToThread(job, thing, fails)
            del thing
            await asked.addBoth(lambda _: None)
            del asked
            # A thread lets go of its job after it has handed over the result.
            await threads.deferToThread(lambda: None)
        for _ in range(1000):
            gc.collect()
            if not any(reference() for reference in references):
                break
            await pause(reactor, 0.001)
        return [reference() is None for reference in references]

    return until(reactor, main())


def test_a_finished_job_is_released(loop: Loop) -> None:
    """Neither threads nor the pool hold on to what it was given or gave."""
    assert loop.run(letting_go) == [True] * 4
