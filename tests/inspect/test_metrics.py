"""`deferrous.metrics()` counts what the reactor and its pool do, and says what it cannot know."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from tests.children import environment, passes, python
from tests.reactors import Loop

#: What only our reactor counts.
OURS = {"turn_seconds", "turn_runs_seconds", "idle_seconds", "timer_lag_seconds"}


def is_ours(loop: Loop) -> bool:
    return loop.name == "deferrous"


def read(reactor: Any, then: Any) -> dict[str, Any]:
    """Run the reactor until `then` has been called, after a moment, and return the metrics at that time."""
    from deferrous import metrics

    metrics()
    found: list[dict[str, Any]] = []

    def end() -> None:
        then()
        found.append(metrics().as_dict())
        reactor.stop()

    reactor.callLater(0.05, end)
    reactor.run()
    return {**found[0], "after": metrics().as_dict()}


def counts(histogram: dict[str, Any]) -> int:
    return sum(histogram["counts"])


def waits_and_blocks(reactor: Any) -> dict[str, Any]:
    """Wait for 0.2 seconds and block for 0.1, in which another call becomes due."""
    import time

    from deferrous import metrics

    metrics()
    found: list[dict[str, Any]] = []

    def end() -> None:
        found.append(metrics().as_dict())
        reactor.stop()

    def block() -> None:
        # It is due when half of the time is over.
        reactor.callLater(0.05, reactor.callLater, 0.05, end)
        time.sleep(0.1)

    # Not in the first turn, however long that comes after this.
    reactor.callLater(0.01, reactor.callLater, 0.2, block)
    reactor.run()
    return found[0]


def test_turns_waits_and_late_calls_are_timed(loop: Loop) -> None:
    found = loop.run(waits_and_blocks)
    if not is_ours(loop):
        assert found["turn_seconds"] is None
        assert found["unknown"]["turn_seconds"] == "only the reactor of deferrous counts it"
        assert found["idle_share"] is None
        return
    turns, lag = found["turn_seconds"], found["timer_lag_seconds"]
    assert 3 <= counts(turns) < 100
    # The turn that blocked, and hardly any other.
    long = [bound >= 0.1 for bound in [*turns["bounds"], float("inf")]]
    assert sum(count for count, is_long in zip(turns["counts"], long, strict=True) if is_long) >= 1
    assert turns["sum"] >= 0.1
    assert found["idle_seconds"] >= 0.15
    assert 0.0 < found["idle_share"] < 0.99
    # The one that had to wait for the other.
    assert lag["sum"] >= 0.04
    assert counts(lag) == 4
    # This very turn runs.
    assert 0 < found["turn_runs_seconds"] < 10


def sizes(reactor: Any) -> dict[str, Any]:
    import socket

    from twisted.internet.protocol import Factory, Protocol

    for _ in range(3):
        reactor.callLater(100, print)
    reactor.callLater(100, print).cancel()
    port = reactor.listenTCP(0, Factory.forProtocol(Protocol), interface="127.0.0.1")
    client = socket.create_connection(("127.0.0.1", port.getHost().port))
    try:
        # What the reactor itself reads from is counted as well: getReaders() has it.
        return read(reactor, lambda: [reactor.callFromThread(print, end="") for _ in range(7)])
    finally:
        client.close()


def test_what_waits_is_counted(loop: Loop) -> None:
    found = loop.run(sizes)
    assert found["delayed_calls"] == 3
    assert found["thread_calls"] == 7
    assert found["readers"] >= 2
    assert found["writers"] == 0
    assert found["reactor"] == loop.kind.rpartition(".")[2]


def jobs(reactor: Any) -> list[dict[str, Any]]:
    """Give a pool of two threads four jobs, the first two of which take 0.3 seconds or more."""
    import threading
    import time

    from deferrous import metrics
    from twisted.internet.threads import deferToThread

    metrics()
    reactor.suggestThreadPoolSize(2)
    found: list[dict[str, Any]] = []

    def begin() -> None:
        left = [deferToThread(go_on.wait, 60) for _ in range(4)]
        for deferred in left:
            deferred.addCallback(count)
        look()

    def look(both_since: float | None = None) -> None:
        now = metrics().as_dict()
        if both_since is None and now["pool_busy_threads"] == 2:
            both_since = time.monotonic()
        if both_since is not None and time.monotonic() > both_since + 0.4:
            found.append(now)
            go_on.set()
        else:
            reactor.callLater(0.02, look, both_since)

    def count(_: object) -> None:
        ended.append(1)
        if len(ended) == 4:
            found.append(metrics().as_dict())
            reactor.stop()

    ended: list[int] = []
    go_on = threading.Event()
    reactor.callWhenRunning(begin)
    reactor.run()
    return found


def test_the_pool_is_counted_and_its_jobs_are_timed(loop: Loop) -> None:
    during, after = loop.run(jobs)
    pool = [during[name] for name in ("pool_threads", "pool_busy_threads", "pool_queued_jobs")]
    assert pool == [2, 2, 2]
    assert after["pool_queued_jobs"] == 0
    if not is_ours(loop):
        assert after["job_seconds"] is None
        assert after["unknown"]["job_seconds"] == "only the thread pool of deferrous counts it"
        return
    # The last two jobs are told of before they are over.
    assert 2 <= counts(after["job_seconds"]) <= 4
    assert after["job_seconds"]["sum"] >= 0.6
    assert counts(after["job_wait_seconds"]) == 4
    assert after["job_wait_seconds"]["sum"] >= 0.3


def deferreds(reactor: Any) -> dict[str, Any]:
    import gc

    from deferrous import metrics
    from twisted.internet.defer import Deferred, fail, succeed
    from twisted.logger import globalLogBeginner

    # Without this, errors are printed.
    beginner: Any = globalLogBeginner
    beginner.beginLoggingTo([lambda _: None], redirectStandardIO=False)
    metrics()
    before = metrics().deferreds
    assert before is not None
    kept: list[Deferred[Any]] = [Deferred() for _ in range(5)]
    kept.append(succeed(1))

    class Sub(Deferred):  # type: ignore[type-arg]
        pass

    kept.append(Sub())
    for _ in range(3):
        fail(ValueError())
    gc.collect()
    found = metrics()
    left_out = metrics(deferreds=False)
    return {
        "more": (found.deferreds or 0) - before,
        "errors": found.unhandled_errors,
        "left_out": [left_out.deferreds, left_out.unknown["deferreds"]],
    }


def test_deferreds_and_unhandled_errors_are_counted(loop: Loop) -> None:
    found = loop.run(deferreds)
    assert found["more"] == 6
    assert found["errors"] == 3
    assert found["left_out"] == [None, "nobody has asked for it"]


def off(reactor: Any) -> Any:
    from deferrous import _core

    reactor.callLater(0.05, reactor.stop)
    reactor.run()
    counted = _core.counted_times()
    return [counted["turn"], sum(counted["turns"][0]), sum(counted["lag"][0]), counted["began"]]


def test_nothing_is_timed_before_somebody_asks() -> None:
    assert Loop("deferrous").run(off) == [0, 0, 0, None]


def nested(reactor: Any) -> Any:
    """Turn by turn, and a turn within another, with a poller of the program's."""
    from deferrous import metrics

    class Poller:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

        def poll(self, *arguments: Any) -> Any:
            return self.inner.poll(*arguments)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.inner, name)

    reactor._poller = Poller(reactor._poller)
    metrics()
    reactor.callLater(0.01, lambda: reactor.iterate(0.01))
    reactor.callLater(0.1, reactor.stop)
    reactor.run()
    return metrics().as_dict()


def test_turns_are_timed_with_a_poller_of_the_program_and_when_nested() -> None:
    found = Loop("deferrous").run(nested)
    assert counts(found["turn_seconds"]) >= 3
    assert found["idle_seconds"] >= 0.05
    # After the last turn nothing runs.
    assert found["turn_runs_seconds"] == 0


def test_metrics_without_a_reactor_install_none() -> None:
    program = """
import json, sys
import deferrous
found = deferrous.metrics()
print(json.dumps([found.as_dict(), "twisted.internet.reactor" in sys.modules]))
"""
    outcome = python("-c", program, env=environment())
    assert outcome.err == ""
    found, has_reactor = json.loads(outcome.out)
    assert not has_reactor
    assert found["unknown"]["delayed_calls"] == "this process has no reactor yet"
    assert found["deferreds"] == 0
    assert set(found["unknown"]) >= OURS


def test_importing_deferrous_imports_nothing_for_metrics() -> None:
    program = (
        "import sys, deferrous; print([name for name in sys.modules if name.startswith('deferrous.inspect')])"
    )
    assert python("-c", program, env=environment()).out == "[]\n"


def test_what_was_counted_since_has_its_own_longest_and_mean() -> None:
    from deferrous.inspect._metrics import Histogram

    before = Histogram((1.0, 2.0), (3, 1, 0), 4.0)
    now = Histogram((1.0, 2.0), (5, 1, 0), 5.0)
    assert now.since(None) == now
    assert (now.longest, now.since(before).longest, now.since(before).mean) == (2.0, 1.0, 0.5)
    # The last one took longer than all bounds, and not longer than all together.
    assert Histogram((1.0, 2.0), (5, 1, 1), 15.0).longest == 15.0
    assert now.since(now).longest is None


def answers(reactor: Any) -> list[Any]:
    from deferrous.inspect._metrics import answer

    found = [answer()]
    for _ in range(2):
        reactor.callLater(0.02, lambda: None)
        reactor.iterate(0.05)
    found.append(answer())
    return [json.loads(json.dumps(each))["metrics"] for each in found]


def test_the_answer_to_the_command_is_about_the_time_since_the_last() -> None:
    first, second = Loop("deferrous").run(answers)
    assert first["longest_turn_seconds"] is None
    assert 0 < second["longest_turn_seconds"] <= 10
    assert second["deferreds"] is None


@pytest.mark.parametrize("name", ["mean", "count"])
def test_a_histogram_without_durations_has_no_mean(name: str) -> None:
    from deferrous.inspect._metrics import Histogram

    empty = Histogram((1.0,), (0, 0), 0.0)
    assert getattr(empty, name) == {"mean": None, "count": 0}[name]
    assert Histogram((1.0,), (1, 1), 4.0).mean == 2.0


class Changing:
    """A reactor whose thread changes it while another one reads."""

    threadCallQueue: tuple[()] = ()

    def __init__(self, times: float) -> None:
        self.left = times

    def getReaders(self) -> list[int]:
        self.left -= 1
        if self.left >= 0:
            raise (KeyError if self.left % 2 else RuntimeError)("changed during iteration")
        return [1, 2]

    def getWriters(self) -> list[int]:
        return [1]

    def getDelayedCalls(self) -> list[int]:
        return []


def test_a_reactor_that_changes_meanwhile_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from deferrous.inspect import _metrics

    monkeypatch.setitem(sys.modules, _metrics.REACTOR, Changing(5))
    found = _metrics.metrics()
    assert (found.readers, found.writers, found.delayed_calls, found.thread_calls) == (2, 1, 0, 0)
    monkeypatch.setitem(sys.modules, _metrics.REACTOR, Changing(float("inf")))
    found = _metrics.metrics()
    assert (found.readers, found.thread_calls) == (None, None)
    assert "its thread changes it" in found.unknown["readers"]


def test_a_turn_that_ran_when_counting_was_off_is_not_counted() -> None:
    printed = passes(
        """
        from deferrous import _core

        def counted():
            return sum(_core.counted_times()["turns"][0])

        _core.count_times(True)
        _core.begin_turn()
        assert _core.counted_times()["began"] is not None
        for _ in range(2):
            _core.count_times(False)
            assert _core.counted_times()["began"] is None
            _core.count_times(True)
            # It is not known whether the turn has ended meanwhile.
            assert _core.counted_times()["began"] is None
        _core.end_turn()
        assert counted() == 0
        _core.begin_turn()
        _core.count_times(True, stalls=True)
        _core.count_times(False)
        # Somebody else wants it counted.
        _core.end_turn()
        print(counted())
        """
    )
    assert printed == "1\n"
