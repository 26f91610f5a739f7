"""A process that times what it is told to, on one side of the comparison.

It is run as a script and not as a module of the package, so that the side of stock Twisted has
nothing of deferrous in it. Requests come as lines of JSON on standard input, answers go as lines
of JSON to standard output.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from deferrous.bench.workloads import Workload


class WrongSide(Exception):
    """The process does not measure what it was started to measure."""


class Worker:
    """Answers requests, each a method of the same name."""

    def __init__(self, side: str) -> None:
        self._asyncio = side == "asyncio"
        deferrous = _install() if side == "deferrous" else None
        defer = importlib.import_module("twisted.internet.defer")
        _check_side(defer, expect_stock=side != "deferrous")
        # Only now, since they take their names out of Twisted when they are imported.
        catalogue = importlib.import_module("workloads")
        self._workloads: dict[str, Workload] = {each.name: each for each in catalogue.WORKLOADS}
        self._fill: Callable[[list[object]], None] = catalogue.memory.fill
        self.versions = {
            "python": platform.python_version(),
            "implementation": platform.python_implementation(),
            "twisted": importlib.import_module("twisted").__version__,
            "deferrous": deferrous,
        }

    def warm(self, name: str, times: int) -> dict[str, float]:
        """Run without being timed, from a heap without garbage of another workload."""
        gc.collect()
        self._run(name)(times)
        return {}

    def time(self, name: str, times: int) -> dict[str, float]:
        """Seconds that so many times took, by the clock and of the processor."""
        run = self._run(name)
        cpu, wall = time.process_time(), time.perf_counter()
        run(times)
        return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}

    def memory(self, count: int) -> dict[str, float]:
        """Bytes by which the process grows for each of so many pending Deferreds."""
        # Written to, so that the list itself is in memory before.
        places: list[object] = [count - place for place in range(count)]
        gc.collect()
        before = resident()
        self._fill(places)
        return {"bytes": (resident() - before) / count}

    def _run(self, name: str) -> Callable[[int], None]:
        workload = self._workloads[name]
        run = workload.peer if self._asyncio else workload.run
        assert run is not None, name
        return run


def _install() -> str:
    """Put deferrous into Twisted, and say which version of it."""
    # At the end, so that it only matters where the command was run from a source tree.
    sys.path.append(str(Path(__file__).resolve().parents[2]))
    deferrous = importlib.import_module("deferrous")
    deferrous.install()
    return str(getattr(deferrous, "__version__", "of unknown version"))


def _check_side(defer: Any, expect_stock: bool) -> None:
    add_callbacks = defer.Deferred.addCallbacks
    stock = getattr(add_callbacks, "__globals__", None) is vars(defer)
    if stock != expect_stock:
        found = "stock Twisted's" if stock else f"not stock Twisted's ({defer.Deferred!r})"
        raise WrongSide(f"twisted.internet.defer.Deferred is {found}")


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


def main(side: str) -> None:
    """Serve one side until the requests end."""
    # An interrupt from the keyboard reaches the parent too, which ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = _own_output()

    def answer(what: dict[str, Any]) -> None:
        answers.write(json.dumps(what) + "\n")
        answers.flush()

    try:
        worker = Worker(side)
    except Exception as error:  # The parent shows it, whatever it is.
        answer({"error": f"{type(error).__name__}: {error}"})
        return
    answer({"versions": worker.versions})
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer(getattr(worker, request.pop("do"))(**request))
        except Exception:
            answer({"error": traceback.format_exc().strip()})


if __name__ == "__main__":
    main(sys.argv[1])
