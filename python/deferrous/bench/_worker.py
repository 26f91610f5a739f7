"""A process that times what it is told to, on one side of the comparison.

It is run as a script and not as a module of the package, so that the side of stock Twisted has
nothing of deferrous in it. Requests come as lines of JSON on standard input, answers go as lines
of JSON to standard output.

All that answers them is one coroutine. For workloads that need a reactor, it runs in one, as a
program does. It blocks that reactor while it waits for the next request, so that nothing happens
there while another side has its turn.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from deferrous.bench.workloads import Group, Run, Workload

    Answer = Callable[[dict[str, Any]], None]

_GROUPS = {
    "deferreds": "workloads",
    "reactor": "workloads.reactor",
    "transports": "workloads.transports",
    "inspect": "workloads.recording",
}
#: The sides on which deferrous is under Twisted: without records of what makes Deferreds, and with them.
_OURS = ("deferrous", "records")
#: Seconds after which a reactor is taken to be stuck, which no request can be.
_STUCK = 300


class WrongSide(Exception):
    """The process does not measure what it was started to measure."""


class Worker:
    """Answers requests, each a method of the same name."""

    def __init__(self, side: str, group: str) -> None:
        self._peer = side if side not in ("stock", *_OURS) else None
        deferrous = _install() if side in _OURS else None
        if side == "records":
            importlib.import_module("deferrous.inspect").enable()
        defer = importlib.import_module("twisted.internet.defer")
        _check_side(defer, expect_stock=side not in _OURS)
        # Only now, since they take their names out of Twisted when they are imported.
        self._group: Group = importlib.import_module(_GROUPS[group]).GROUP
        self._workloads: dict[str, Workload] = {each.name: each for each in self._group.workloads}
        self.in_reactor = self._group.in_reactor and self._peer is None
        self.versions = {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "twisted": importlib.import_module("twisted").__version__,
            "deferrous": deferrous,
        }
        if self.in_reactor:
            self.versions["reactor"] = _check_reactor(expect_stock=side not in _OURS)
        if self._peer and self._peer != "floor":
            self.versions[self._peer] = getattr(importlib.import_module(self._peer), "__version__", None)

    async def warm(self, name: str, times: int) -> dict[str, float]:
        """Run without being timed, from a heap without garbage of another workload."""
        gc.collect()
        await _end(self._run(name)(times))
        return {}

    async def time(self, name: str, times: int) -> dict[str, float]:
        """Seconds that so many times took, by the clock and of the processor."""
        run = self._run(name)
        spent = _spent_by_children if self._workloads[name].in_children else time.process_time
        cpu, wall = spent(), time.perf_counter()
        await _end(run(times))
        return {"wall": time.perf_counter() - wall, "cpu": spent() - cpu}

    async def memory(self, count: int) -> dict[str, float]:
        """Bytes by which the process grows for each of so many that wait."""
        pending = self._group.pending
        if pending.prepare:
            await pending.prepare()
        # Written to, so that the list itself is in memory before.
        places: list[object] = [count - place for place in range(count)]
        gc.collect()
        before = resident()
        await _end(pending.fill(places))
        return {"bytes": (resident() - before) / count}

    def _run(self, name: str) -> Run:
        workload = self._workloads[name]
        if self._peer is None:
            return workload.run
        if self._peer == "floor":
            assert workload.floor is not None, name
            return workload.floor
        assert workload.peer is not None and workload.peer.name == self._peer, name
        return workload.peer.run


def _spent_by_children() -> float:
    """Seconds of the processor that processes took which have ended, and were waited for."""
    import resource

    # os.times() has them as well, in hundredths.
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


async def _end(run: Awaitable[None] | None) -> None:
    """Wait for the end of a workload that has not ended already."""
    if run is not None:
        await run


def _install() -> str:
    """Put deferrous into Twisted, and say which version of it."""
    # At the end, so that it only matters where the command was run from a source tree.
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    deferrous = importlib.import_module("deferrous")
    deferrous.install()
    # For the processes that a workload starts, which are of the same side.
    os.environ["DEFERROUS"] = "1"
    return str(getattr(deferrous, "__version__", "of unknown version"))


def _check_side(defer: Any, expect_stock: bool) -> None:
    add_callbacks = defer.Deferred.addCallbacks
    stock = getattr(add_callbacks, "__globals__", None) is vars(defer)
    if stock != expect_stock:
        found = "stock Twisted's" if stock else f"not stock Twisted's ({defer.Deferred!r})"
        raise WrongSide(f"twisted.internet.defer.Deferred is {found}")


def _check_reactor(expect_stock: bool) -> str:
    """Say of which class the reactor is, once it is that of this side."""
    reactor: Any = importlib.import_module("twisted.internet.reactor")
    cls = type(reactor)
    if cls.__module__.startswith("twisted.") != expect_stock:
        found = "not stock Twisted's" if expect_stock else "stock Twisted's"
        raise WrongSide(f"twisted.internet.reactor is {found} ({cls!r})")
    return cls.__name__


def resident() -> int:
    """Bytes of memory that the process has, or where the system does not say, had at most."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return pages * os.sysconf("SC_PAGE_SIZE")


def _own_output() -> TextIO:
    """Standard output for the answers alone: what else is printed goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


async def _serve(worker: Worker, answer: Answer) -> None:
    """Answer requests until there are no more."""
    for line in sys.stdin:
        request = json.loads(line)
        if worker.in_reactor:
            await _next_turn()
        try:
            answer(await getattr(worker, request.pop("do"))(**request))
        except Exception:
            answer({"error": traceback.format_exc().strip()})
        faulthandler.cancel_dump_traceback_later()


def _serve_at_once(serving: Coroutine[Any, Any, None]) -> None:
    """Run what answers requests without a reactor: nothing in it has to wait."""
    try:
        serving.send(None)
    except StopIteration:
        return
    raise WrongSide("a workload waits for a reactor, which does not run")


def _serve_in_reactor(serving: Coroutine[Any, Any, None]) -> None:
    """Run what answers requests in the reactor of this side, until there are no more."""
    reactor: Any = importlib.import_module("twisted.internet.reactor")
    defer: Any = importlib.import_module("twisted.internet.defer")
    _show_errors()

    def begin() -> None:
        defer.Deferred.fromCoroutine(serving).addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    # An interrupt is the parent's business.
    reactor.run(installSignalHandlers=False)


async def _next_turn() -> None:
    """Let the reactor end the turn in which the last workload ended, and what that left it to do."""
    reactor: Any = importlib.import_module("twisted.internet.reactor")
    task: Any = importlib.import_module("twisted.internet.task")
    # The parent waits for an answer, which never comes if the reactor has lost the call.
    faulthandler.dump_traceback_later(_STUCK, exit=True)
    await task.deferLater(reactor, 0)


def _show_errors() -> None:
    """Log as a program does: until one begins to, Twisted keeps all that is logged."""
    logger: Any = importlib.import_module("twisted.logger")

    def show(event: dict[str, Any]) -> None:
        if event["log_level"] >= logger.LogLevel.error:
            print(logger.eventAsText(event), file=sys.stderr)

    logger.globalLogBeginner.beginLoggingTo([show], redirectStandardIO=False)


def main(side: str, group: str = "deferreds") -> None:
    """Serve one side until the requests end."""
    # An interrupt from the keyboard reaches the parent too, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _own_output()

    def answer(what: dict[str, Any]) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    try:
        worker = Worker(side, group)
    except Exception as error:  # The parent shows it, whatever it is.
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answer({"versions": worker.versions})
    serve = _serve_in_reactor if worker.in_reactor else _serve_at_once
    serve(_serve(worker, answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
