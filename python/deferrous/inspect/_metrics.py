"""How the reactor and its thread pool are doing, in numbers.

The times are counted in Rust. It is Python because it only reads: the reactor's and the pool's attributes, of
Twisted's reactors too.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from deferrous.inspect._classes import is_subclass, short_name
from deferrous.inspect._names import own_dict

#: Where Twisted's modules find the reactor. It is not imported: that would install one.
REACTOR = "twisted.internet.reactor"

#: The text of the log line with which Twisted begins to report an unhandled error.
UNHANDLED = "Unhandled error in Deferred:"

_NOT_OUR_REACTOR = "only the reactor of deferrous counts it"
_NOT_OUR_POOL = "only the thread pool of deferrous counts it"
_NO_REACTOR = "this process has no reactor yet"
_NO_POOL = "the reactor has no thread pool yet"
_NOT_WATCHED = "this program does not watch for stalls"
_NOT_STEADY = "its thread changes it all the time: ask there"

#: How often a reactor is read whose thread changes it meanwhile.
_TRIES = 100

_T = TypeVar("_T")


@dataclass(frozen=True)
class Histogram:
    """How often a duration was how long.

    Attributes:
        bounds: the upper bounds of the buckets, in seconds. The last bucket, which has all that took longer,
            has none.
        counts: how many durations are in each bucket, which is one more than there are bounds.
        sum: the sum of all, in seconds.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sum: float

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """The mean, in seconds; None if nothing was counted."""
        return self.sum / self.count if self.count else None

    @property
    def longest(self) -> float | None:
        """A bound that none was longer than, in seconds; None if nothing was counted."""
        if self.counts[-1]:
            return self.sum
        return next((self.bounds[at] for at in reversed(range(len(self.bounds))) if self.counts[at]), None)

    def since(self, before: Histogram | None) -> Histogram:
        """Return what was counted since it was like this."""
        if before is None:
            return self
        counts = tuple(now - then for now, then in zip(self.counts, before.counts, strict=True))
        return Histogram(self.bounds, counts, self.sum - before.sum)


@dataclass(frozen=True)
class Metrics:
    """The numbers at one moment. What is None cannot be known here, and `unknown` says why.

    Attributes:
        taken: when, in seconds since the epoch.
        reactor: the name of the reactor's class, or "".
        turn_seconds: how long turns took: what the reactor does between two waits.
        turn_runs_seconds: for how long the turn that runs now has run; 0 while the reactor waits.
        idle_seconds: for how long the reactor has waited.
        timer_lag_seconds: how late delayed calls were: by how much the turn that made them came too late.
        delayed_calls: how many delayed calls wait.
        readers, writers: how many descriptors the reactor reads from and writes to.
        thread_calls: how many calls of `callFromThread` wait.
        pool_threads, pool_busy_threads: how many threads the reactor's pool has, and how many do a job.
        pool_queued_jobs: how many jobs wait for a thread.
        job_wait_seconds, job_seconds: how long jobs waited for a thread, and how long they took.
        deferreds: how many Deferreds have not fired.
        unhandled_errors: how many errors of Deferreds were logged that nobody handled.
        stalls: how many stalls there were.
        unknown: for each attribute that is None, why that is so.
    """

    taken: float
    reactor: str = ""
    turn_seconds: Histogram | None = None
    turn_runs_seconds: float | None = None
    idle_seconds: float | None = None
    timer_lag_seconds: Histogram | None = None
    delayed_calls: int | None = None
    readers: int | None = None
    writers: int | None = None
    thread_calls: int | None = None
    pool_threads: int | None = None
    pool_busy_threads: int | None = None
    pool_queued_jobs: int | None = None
    job_wait_seconds: Histogram | None = None
    job_seconds: Histogram | None = None
    deferreds: int | None = None
    unhandled_errors: int | None = None
    stalls: int | None = None
    unknown: Mapping[str, str] = field(default_factory=dict)

    @property
    def idle_share(self) -> float | None:
        """The part of the time in which the reactor has waited, from 0 to 1; None if that is not known."""
        if self.turn_seconds is None or self.idle_seconds is None:
            return None
        total = self.turn_seconds.sum + self.idle_seconds
        return self.idle_seconds / total if total else None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**asdict(self), "idle_share": self.idle_share}


class _Counting:
    """What is counted in Python from the first time that somebody asks for metrics."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started = False
        self.unhandled = 0

    def start(self) -> None:
        """Count from now on, if nothing was counted yet."""
        with self._lock:
            if self._started:
                return
            self._started = True
        from twisted import logger

        publisher: Any = logger.globalLogPublisher
        publisher.addObserver(self._observe)
        core = _core()
        if core is not None:
            core.count_times(True)

    def _observe(self, event: Mapping[str, Any]) -> None:
        if event.get("log_format") == UNHANDLED:
            self.unhandled += 1


_counting = _Counting()


def start() -> None:
    """Count times and unhandled errors from now on. Any thread may call it, and more than once."""
    _counting.start()


def metrics(*, deferreds: bool = True) -> Metrics:
    """Return how the reactor and its thread pool are doing.

    Times and unhandled errors are counted from the first call on, which costs two looks at the clock a turn.

        >>> import deferrous
        >>> deferrous.metrics().unhandled_errors
        0

    Args:
        deferreds: whether to count the Deferreds that have not fired, which walks over all objects of the
            program: 20 ms for a million of them.

    Returns:
        the numbers. What cannot be known under this reactor is None, and `unknown` says why.

    Any thread may call it.
    """
    start()
    reactor: Any = sys.modules.get(REACTOR)
    team = getattr(getattr(reactor, "threadpool", None), "_team", None)
    found = _Found()
    found.add_reactor(reactor)
    found.add_pool(team)
    found.add_times(reactor, team)
    found.add("unhandled_errors", _counting.unhandled)
    if deferreds:
        found.add("deferreds", _unfired())
    else:
        found.miss("deferreds", reason="nobody has asked for it")
    stalls = _stalls()
    found.add("stalls", stalls) if stalls is not None else found.miss("stalls", reason=_NOT_WATCHED)
    return Metrics(taken=time.time(), unknown=found.unknown, **found.known)


_answered: Metrics | None = None


def answer() -> dict[str, Any]:
    """Return what the command `metrics` is told. Any thread may call it.

    Returns:
        `metrics`: the numbers as `Metrics.as_dict` has them, without Deferreds, which would be counted again
        each time; and of the time since the last answer `longest_turn_seconds`, a bound that no turn was
        longer than, and `mean_timer_lag_seconds`. These are None if there were none.
    """
    global _answered
    found, before = metrics(deferreds=False), _answered
    _answered = found
    turns, lag = found.turn_seconds, found.timer_lag_seconds
    if turns is not None and before is not None:
        turns = turns.since(before.turn_seconds)
    if lag is not None and before is not None:
        lag = lag.since(before.timer_lag_seconds)
    return {
        "metrics": {
            **found.as_dict(),
            "longest_turn_seconds": None if turns is None else turns.longest,
            "mean_timer_lag_seconds": None if lag is None else lag.mean,
        }
    }


class _Found:
    """What is known of the numbers, and why the others are not."""

    def __init__(self) -> None:
        self.known: dict[str, Any] = {}
        self.unknown: dict[str, str] = {}

    def add(self, name: str, value: object) -> None:
        self.known[name] = value

    def miss(self, *names: str, reason: str) -> None:
        self.unknown.update(dict.fromkeys(names, reason))

    def add_reactor(self, reactor: Any) -> None:
        """Add what a reactor has at the moment."""
        sizes = ("delayed_calls", "readers", "writers", "thread_calls")
        if reactor is None:
            self.miss(*sizes, reason=_NO_REACTOR)
            return
        self.add("reactor", short_name(type(reactor)))
        try:
            found = _sizes(reactor)
        except (RuntimeError, KeyError):
            self.miss(*sizes, reason=_NOT_STEADY)
            return
        for name, size in zip(sizes, found, strict=True):
            self.add(name, size)

    def add_pool(self, team: Any) -> None:
        """Add how many threads and jobs a team has."""
        names = ("pool_threads", "pool_busy_threads", "pool_queued_jobs")
        if team is None:
            self.miss(*names, reason=_NO_POOL)
            return
        statistics = team.statistics()
        idle, busy = statistics.idleWorkerCount, statistics.busyWorkerCount
        for name, count in zip(names, (idle + busy, busy, statistics.backloggedWorkCount), strict=True):
            self.add(name, count)

    def add_times(self, reactor: Any, team: Any) -> None:
        """Add the times that were counted: those of turns on another reactor, too, if that is watched."""
        core = _core()
        counted = {} if core is None else core.counted_times()
        is_ours = _is_ours(reactor)
        if is_ours or (counted and counted["turn"]):
            began = counted["began"]
            self.add("turn_seconds", _histogram(counted, "turns"))
            self.add("turn_runs_seconds", 0.0 if began is None else max(0.0, time.monotonic() - began))
            self.add("idle_seconds", counted["idle"])
        else:
            self.miss("turn_seconds", "turn_runs_seconds", "idle_seconds", reason=_NOT_OUR_REACTOR)
        if is_ours:
            self.add("timer_lag_seconds", _histogram(counted, "lag"))
        else:
            self.miss("timer_lag_seconds", reason=_NOT_OUR_REACTOR)
        if core is not None and (team is None or type(team) is core.Team):
            self.add("job_wait_seconds", _histogram(counted, "queued"))
            self.add("job_seconds", _histogram(counted, "jobs"))
        else:
            self.miss("job_wait_seconds", "job_seconds", reason=_NOT_OUR_POOL)


def _histogram(counted: Mapping[str, Any], name: str) -> Histogram:
    counts, total = counted[name]
    return Histogram(counted["bounds"], counts, total)


def _core() -> Any:
    """Return the extension, unless nothing of it is in use."""
    return sys.modules.get("deferrous._core")


def _is_ours(reactor: object) -> bool:
    ours = sys.modules.get("deferrous.reactor")
    return ours is not None and isinstance(reactor, ours.DeferrousReactor)


def _sizes(reactor: Any) -> tuple[int, int, int, int]:
    """Return how many delayed calls, readers, writers and calls from threads a reactor has."""
    if _is_ours(reactor):
        sizes: tuple[int, int, int, int] = reactor._loop.sizes()
        return sizes
    return steady(lambda: _sizes_of_other(reactor))


def _sizes_of_other(reactor: Any) -> tuple[int, int, int, int]:
    readers, writers = len(reactor.getReaders()), len(reactor.getWriters())
    return len(reactor.getDelayedCalls()), readers, writers, len(reactor.threadCallQueue)


def steady(read: Callable[[], _T]) -> _T:
    """Return what is read of a reactor of Twisted's, whose thread may change it meanwhile.

    Its methods walk over sets and dicts. When one of these changes, they are called again: threads take turns
    of milliseconds, and the walk over a thousand descriptors takes less.

    Raises:
        RuntimeError, KeyError: it has changed each time.
    """
    for _ in range(_TRIES):
        with suppress(RuntimeError, KeyError):
            return read()
    return read()


def _unfired() -> int:
    """Return how many Deferreds have not fired. None of the program's code is run."""
    core, objects = _core(), gc.get_objects()
    count: int = 0 if core is None else core.count_unfired(objects)
    stock = getattr(sys.modules.get("twisted.internet.defer"), "Deferred", None)
    if stock is None or (core is not None and stock is core.Deferred):
        return count
    kinds = list(map(type, objects))
    different = dict(zip(map(id, kinds), kinds, strict=True))
    wanted = {number for number, kind in different.items() if is_subclass(kind, stock)}
    unfired = [
        thing
        for thing, kind in zip(objects, kinds, strict=True)
        if id(kind) in wanted and own_dict(thing).get("called") is not True
    ]
    return count + len(unfired)


def _stalls() -> int | None:
    """Return how many stalls there were; None if nothing watches for them."""
    module: Any = sys.modules.get("deferrous.inspect._stalls")
    if module is None or module.threshold() is None:
        return None
    told = module.answer()
    count: int = told["left_out"] + len(told["recent"])
    return count
