"""Replacements of names that `deferToThread` and the pool look up are called."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

from twisted.internet import defer, threads
from twisted.python import context, threadpool
from twisted.python.threadpool import ThreadPool

from tests.children import passes
from tests.helpers import Oops, outcome, raising
from tests.reactors import Loop
from tests.reactors.inside import becomes, until


def make_call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function, in the place of what has it called elsewhere."""
    return function(*args, **kwargs)


def do_at_once(on_result: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
    """Do a job in the place of a pool, and tell of its result as a pool does."""
    result = function(*args, **kwargs)
    if on_result is not None:
        on_result(True, result)


@contextlib.contextmanager
def running(pool: ThreadPool) -> Iterator[ThreadPool]:
    """Start a pool, and stop it in the end, when all its jobs are done."""
    pool.start()
    try:
        yield pool
    finally:
        pool.stop()


def done_by_a_pool(reactor: Any, job: Callable[..., Any], *args: Any) -> Any:
    """Have a pool of one's own do a job, and return what its Deferred has without a turn of the reactor."""
    with running(ThreadPool(0, 1)) as pool:
        deferred = threads.deferToThreadPool(reactor, pool, job, *args)
    return outcome(deferred)


def done_in_pool(job: Callable[..., Any], *args: Any) -> Any:
    """Have a pool of one's own do a job, and return its result or its Failure."""
    found: list[Any] = []
    with running(ThreadPool(0, 1)) as pool:
        pool.callInThreadWithCallback(lambda *result: found.append(result), job, *args)
    return found[0][1]


def call_from_thread_of_the_instance(reactor: Any) -> list[Any]:
    """Replace the method of the reactor or its class, before a job and while it is done."""
    found = []
    for replaced in (reactor, type(reactor)):
        target = mock.patch.object(replaced, "callFromThread", wraps=make_call)
        with target as called:
            found += [done_by_a_pool(reactor, divmod, 7, 2), called.call_count]
            found += [type(done_by_a_pool(reactor, divmod, 7, 0)).__name__, called.call_count]
    begun, release = threading.Event(), threading.Event()

    def job() -> str:
        begun.set()
        release.wait()
        return "late"

    with running(ThreadPool(0, 1)) as pool:
        deferred = threads.deferToThreadPool(reactor, pool, job)
        begun.wait()
        patch = mock.patch.object(reactor, "callFromThread", make_call)
        patch.start()
        release.set()
    patch.stop()
    return [*found, outcome(deferred)]


def test_a_replaced_call_from_thread_delivers_results(loop: Loop) -> None:
    """Results go through what is there when the job ends."""
    once: list[Any] = [[3, 1], 1, "ZeroDivisionError", 2]
    assert loop.run(call_from_thread_of_the_instance) == [*once, *once, "late"]


def methods_of_the_deferred(reactor: Any) -> list[Any]:
    """Give a method of its own to the Deferred whose job runs."""
    release = threading.Event()
    found: list[Any] = []
    with mock.patch.object(reactor, "callFromThread", make_call), running(ThreadPool(0, 1)) as pool:
        deferreds: list[Any] = [
            threads.deferToThreadPool(reactor, pool, release.wait),
            threads.deferToThreadPool(reactor, pool, raising(Oops("job"))),
        ]
        deferreds[0].callback = lambda result: found.append(result)
        deferreds[1].errback = lambda failure: found.append(str(failure.value))
        release.set()
    return found


def test_replaced_methods_of_the_deferred_get_the_result(loop: Loop) -> None:
    """Its own `callback` or `errback` is called with the result."""
    assert loop.run(methods_of_the_deferred) == [True, "job"]


def pool_of_the_reactor(reactor: Any) -> list[Any]:
    """Replace the reactor's pool, and the method of one pool or of all."""
    pool = ThreadPool(0, 1)
    found: list[Any] = []
    with mock.patch.object(reactor, "callFromThread", make_call):
        with mock.patch.object(reactor, "getThreadPool", lambda: pool), running(pool):
            name = threads.deferToThread(lambda: threading.current_thread().name)
        found.append(outcome(name).startswith(f"PoolThread-{id(pool)}"))
        for replaced in (reactor.getThreadPool(), ThreadPool):
            in_place: Any = do_at_once
            if replaced is ThreadPool:
                in_place = lambda _, *args: do_at_once(*args)  # noqa: E731
            with mock.patch.object(replaced, "callInThreadWithCallback", in_place):
                found.append(outcome(threads.deferToThread(lambda: "at once")))
                found.append(outcome(threads.deferToThreadPool(reactor, reactor.getThreadPool(), int, "7")))
                reactor.getThreadPool().callInThread(found.append, "job")
                reactor.callInThread(found.append, "job of the reactor")
    return found


def test_a_replaced_pool_gets_the_jobs(loop: Loop) -> None:
    """Jobs go through what is there when they are handed over."""
    by_method = ["at once", 7, "job", "job of the reactor"]
    assert loop.run(pool_of_the_reactor) == [True, *by_method, *by_method]


def method_by_getattr(reactor: Any) -> list[Any]:
    """Use a pool whose class answers for its attributes itself."""

    class Watched(ThreadPool):
        """A pool that notes what is asked of it."""

        def __getattribute__(self, name: str) -> Any:
            """Give another method in the place of one."""
            return do_at_once if name == "callInThreadWithCallback" else super().__getattribute__(name)

    with mock.patch.object(reactor, "callFromThread", make_call):
        return [outcome(threads.deferToThreadPool(reactor, Watched(), lambda: "at once"))]


def test_a_pool_that_answers_for_its_attributes(loop: Loop) -> None:
    """It is asked."""
    assert loop.run(method_by_getattr) == ["at once"]


def names_of_threads(reactor: Any) -> list[Any]:
    """Replace the names that the functions of `twisted.internet.threads` look up there."""
    found: list[Any] = []

    def note(*args: Any, **kwargs: Any) -> Any:
        given_reactor, pool, function, *rest = args
        found.append([given_reactor is reactor, pool is reactor.getThreadPool()])
        found.append([function.__name__, rest, kwargs])
        return "mine"

    with mock.patch.object(threads, "deferToThreadPool", note):
        found.append(threads.deferToThread(int, "11", base=2))

    class Mine(defer.Deferred[Any]):
        """A class of a program's own."""

    with mock.patch.object(reactor, "callFromThread", make_call):
        for patch in (
            mock.patch.object(defer, "Deferred", Mine),
            mock.patch.object(threads, "defer", mock.Mock(Deferred=Mine)),
        ):
            with patch, running(ThreadPool(0, 1)) as pool:
                deferred = threads.deferToThreadPool(reactor, pool, int, "7")
            found.append([type(deferred).__name__, outcome(deferred)])
    return found


def test_replaced_names_of_the_threads_module_are_used(loop: Loop) -> None:
    """`deferToThreadPool` and `defer.Deferred` are looked up in each call."""
    by_name: list[Any] = [[True, True], ["int", ["11"], {"base": 2}], "mine"]
    assert loop.run(names_of_threads) == [*by_name, ["Mine", 7], ["Mine", 7]]


def missing_name(reactor: Any) -> str:
    """Take a name away."""
    taken = threads.deferToThreadPool
    del threads.deferToThreadPool
    try:
        threads.deferToThread(int)
    except NameError as error:
        return str(error)
    finally:
        threads.deferToThreadPool = taken
    return "none"


def test_a_deleted_name_is_an_error_when_it_is_looked_up(loop: Loop) -> None:
    """A deleted name is an error where it is looked up."""
    assert loop.run(missing_name) == "name 'deferToThreadPool' is not defined"


class Tracker:
    """A tracker of contexts of a program's own, which has one context for all threads."""

    def __init__(self) -> None:
        self.contexts = [{"key": "mine"}]
        self.calls: list[Any] = []

    def currentContext(self) -> Tracker:
        """Return what has the list of contexts."""
        return self

    def callWithContext(self, context: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Note a call, and make it."""
        self.calls.append([context, args, kwargs])
        return function(*args, **kwargs)

    def getContext(self, key: str, default: Any = None) -> Any:
        """Return what a context has."""
        return self.contexts[-1].get(key, default)


def names_of_contexts(reactor: Any) -> list[Any]:
    """Replace the tracker of contexts, `context.call`, and the module as the pool sees it."""
    found: list[Any] = [done_in_pool(int, "0")]
    # Functions of Twisted's that have no types.
    install: Any = context.installContextTracker
    before, tracker = context.theContextTracker, Tracker()
    install(tracker)
    found += [done_in_pool(int, "1"), tracker.calls]
    install(before)
    with mock.patch.object(context, "call", lambda _, function, *args: ["mine", function(*args)]):
        found.append(done_in_pool(int, "2"))
    tracker = Tracker()
    module = mock.Mock(theContextTracker=tracker, call=tracker.callWithContext)
    with mock.patch.object(threadpool, "context", module):
        found += [done_in_pool(int, "3"), tracker.calls]
    return [*found, done_in_pool(int, "4")]


def test_a_replaced_context_runs_the_jobs(loop: Loop) -> None:
    """A job is done within a context by what is there to do it."""
    mine = {"key": "mine"}
    by_tracker = [[mine, ["1"], {}]], [[mine, ["3"], {}]]
    assert loop.run(names_of_contexts) == [0, 1, by_tracker[0], ["mine", 2], 3, by_tracker[1], 4]


def names_of_the_pool(reactor: Any) -> list[Any]:
    """Replace what makes failures of jobs, and what logs them."""
    found: list[Any] = []
    with mock.patch.object(threadpool, "Failure", lambda: "mine"):
        found.append(done_in_pool(raising(Oops("job"))))
    with mock.patch.object(threadpool, "log") as log, running(ThreadPool(0, 1)) as pool:
        pool.callInThread(raising(Oops("logged")))
    return [*found, [str(call.args[0].value) for call in log.err.call_args_list]]


def test_replaced_names_of_the_pool_module_are_used(loop: Loop) -> None:
    """`Failure` and `log` are looked up when a job fails."""
    assert loop.run(names_of_the_pool) == ["mine", ["logged"]]


def replaced_and_put_back(reactor: Any) -> list[Any]:
    """Replace a method for a while, and then use the reactor's pool."""
    with mock.patch.object(reactor, "callFromThread", make_call):
        threads.deferToThread(int)
    deferred: list[Any] = []

    async def main() -> list[Any]:
        deferred.append(threads.deferToThread(lambda: "in a thread"))
        await becomes(reactor, lambda: deferred[0].called)
        return [await deferred[0]]

    return until(reactor, main())


def test_restored_names_are_used(loop: Loop) -> None:
    """It counts again."""
    assert loop.run(replaced_and_put_back) == ["in a thread"]


def test_our_functions_make_our_deferreds_without_installing() -> None:
    """The functions of deferrous make our Deferreds, even if Twisted's names are not replaced."""
    printed = passes(
        """
        import deferrous.defer, deferrous.reactor, deferrous.threads

        deferrous.reactor.install()
        from twisted.internet import defer, reactor

        def end(number):
            print(number)
            reactor.stop()

        deferred = deferrous.threads.deferToThread(int, "7").addCallback(end)
        print(type(deferred) is deferrous.defer.Deferred, defer.Deferred is deferrous.defer.Deferred)
        reactor.run()
        """
    )
    assert printed == "True False\n7\n"
