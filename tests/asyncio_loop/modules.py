"""Running CPython's tests of asyncio on a class of loops, each module of tests in a process of its own.

A test that crashes or hangs takes its process with it. That is its outcome, and another process goes on with
the tests of the module that have not been run.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.asyncio_loop.interpreter import Interpreter
from tests.conformance.records import Outcome, Outcomes, Records
from tests.conformance.report import LINES_OF_TRACEBACK
from tests.conformance.trial import LOOK, PROGRESS, Ended, Limits, Running, Side

#: How many processes a module of tests gets, after crashes and hangs, before its rest is given up.
MOST_PROCESSES = 10

#: How faulthandler begins the stack of the thread that crashed or was told to abort, innermost call first.
STACK = "Current thread "

#: The package of the tests.
PACKAGE = "test.test_asyncio"


@dataclass(frozen=True, kw_only=True)
class LoopSide(Side):
    """One side of the comparison: a class of loops."""

    #: The class, as it is named on the command line.
    loop: str
    #: Its qualified name.
    qualified_name: str
    #: Tests to leave out.
    without: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.loop

    @property
    def runner(self) -> str:
        """The file of the recorder that runs the tests."""
        return "run_asyncio.py"

    def arguments(self, tests: Sequence[str]) -> list[str]:
        """Return the arguments of `runner`."""
        left_out = (argument for test in self.without for argument in ("--without", test))
        return [*left_out, *tests]

    def variables(self) -> dict[str, str]:
        """Return the environment variable that names the class, here and in child processes."""
        return {"ASYNCIO_CONFORMANCE_LOOP": self.loop}

    def problems(self, records: Records) -> Iterator[str]:
        """Yield how what ran is not this class."""
        for stage, facts in (("start", records.first_facts), ("end", records.last_facts)):
            for name in sorted(facts or {}):
                said = (facts or {})[name]
                if name != "python" and said != self.qualified_name:
                    yield f"at the {stage}: {name} is {said}, and should be {self.qualified_name}"


def by_module(tests: Iterable[str]) -> dict[str, list[str]]:
    """Group tests by the module that they are in.

    Args:
        tests: modules, classes or tests, by their names in unittest. A part of a test, which has parameters
            after the name, stands for the whole test. Those of `PACKAGE` may be named from there.
    """
    found: dict[str, list[str]] = {}
    for test in tests:
        name = test.partition(" ")[0]
        name = f"{PACKAGE}.{name}" if name.startswith("test_") else name
        inside = name.removeprefix(f"{PACKAGE}.")
        module = f"{PACKAGE}.{inside.partition('.')[0]}" if inside != name else name.partition(".")[0]
        found.setdefault(module, []).append(name)
    return found


class ModuleRun:
    """The tests of one module on one side, in as many processes as it takes."""

    def __init__(
        self, side: LoopSide, interpreter: Interpreter, module: str, tests: Sequence[str], folders: "Folders"
    ) -> None:
        """Start it.

        Args:
            side: what to run them on.
            interpreter: whose tests they are.
            module: the module.
            tests: what to run of it.
            folders: where to work, and where the records and the logs go.
        """
        self.side = side
        self.module = module
        self._interpreter = interpreter
        self._tests = tests
        self._folders = folders
        self._ended: list[Ended] = []
        #: How many tests have ended in earlier processes.
        self._count = 0
        self._running = self._start(())

    def _start(self, without: tuple[str, ...]) -> Running:
        number = len(self._ended) + 1
        results = self._folders.results / (self.module if number == 1 else f"{self.module}-{number}")
        results.mkdir(parents=True, exist_ok=True)
        side = replace(self.side, without=without)
        work = self._folders.work / f"{number:02}"
        return Running(side, self._interpreter, self._tests, work, results)

    @property
    def count(self) -> int:
        """How many tests have ended."""
        return self._count + self._running.count

    def look(self, limits: Limits) -> bool:
        """See to the process, start another one if that is called for, and say if all is over."""
        if not self._running.look(limits):
            return False
        ended = self._running.end()
        self._ended.append(ended)
        # Each process takes at least the test that it broke off in from those that are left.
        if not ended.records.unfinished or len(self._ended) == MOST_PROCESSES:
            return True
        self._count += self._running.count
        seen = (test for each in self._ended for test in each.records.outcomes)
        self._running = self._start(tuple(dict.fromkeys(seen)))
        return False

    def kill(self) -> None:
        """End the process."""
        self._running.kill()

    def result(self) -> Ended:
        """Return what came of all processes, as of one run."""
        outcomes: dict[str, Outcomes] = {}
        for ended in self._ended:
            outcomes |= outcomes_of(ended, self.module)
        last = self._ended[-1]
        # Whether all tests of the module have been gone through: a crash after the last one is no matter.
        whole = last.whole or last.records.last_facts is not None
        return Ended(
            label=self.side.label,
            records=Records(
                outcomes=outcomes,
                unfinished=(),
                last_started=last.records.last_started,
                first_facts=merged(ended.records.first_facts for ended in self._ended),
                last_facts=merged(ended.records.last_facts for ended in self._ended),
            ),
            broke_off=None if whole else f"{last.broke_off} in {self.module}",
            seconds=sum(ended.seconds for ended in self._ended),
            log=last.log,
        )


@dataclass(frozen=True)
class Folders:
    """The folders of a run."""

    #: Empty, to work in.
    work: Path
    #: For the records and the logs.
    results: Path


def outcomes_of(ended: Ended, module: str) -> dict[str, Outcomes]:
    """Return the outcomes of one process.

    If it crashed or hung, that is an outcome of the test that ran, or of the module if none did.
    """
    outcomes = dict(ended.records.outcomes)
    if ended.broke_off is not None:
        stack = last_words(ended.log.read_text(errors="replace"))
        end = Outcome("hang" if ended.killed else "crash", ended.broke_off, traceback=stack)
        for test in ended.records.unfinished or [module]:
            outcomes[test] = (*outcomes.get(test, ()), end)
    return outcomes


def last_words(log: str) -> str:
    """Return the innermost calls of a process that crashed or hung; without its stack, the end of its log."""
    _, found, stack = log.rpartition(STACK)
    lines = f"{found}{stack}".splitlines()
    return "\n".join(lines[:LINES_OF_TRACEBACK] if found else lines[-LINES_OF_TRACEBACK:])


def merged(facts: Iterable[Mapping[str, Any] | None]) -> dict[str, str] | None:
    """Return what several processes said that they tested, as of one: with all that was said of a name."""
    said: dict[str, dict[str, None]] = {}
    for each in facts:
        for name, value in (each or {}).items():
            if name not in ("what", "time"):
                said.setdefault(name, {})[str(value)] = None
    return {name: " and ".join(values) for name, values in said.items()} or None


def run_all(
    sides: Sequence[LoopSide],
    interpreter: Interpreter,
    tests: Sequence[str],
    folders: Folders,
    *,
    limits: Limits,
    jobs: int,
    say: Callable[[str], None],
) -> list[Ended]:
    """Run tests on all sides, and return what came of it for each of them.

    Args:
        sides: what to run them on.
        interpreter: whose tests they are.
        tests: modules, classes or tests.
        folders: where to work, and where the records and the logs go.
        limits: when to kill a process.
        jobs: how many processes run at the same time.
        say: is given a line of progress now and then.
    """
    modules = by_module(tests).items()
    # In turn, so that all sides run at all times of a run.
    waiting = deque((side, module, names) for module, names in modules for side in sides)
    running: list[ModuleRun] = []
    over: list[ModuleRun] = []
    said = time.monotonic()
    number = 0
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                number += 1
                work = Folders(folders.work / f"{number:03}", folders.results)
                side, module, names = waiting.popleft()
                running.append(ModuleRun(side, interpreter, module, names, work))
            time.sleep(LOOK)
            ended = [run for run in running if run.look(limits)]
            over += ended
            running = [run for run in running if run not in ended]
            if time.monotonic() - said > PROGRESS:
                said = time.monotonic()
                say(progress(sides, over, running))
    finally:
        for run in running:
            run.kill()
    return [whole_run(side, [run.result() for run in over if run.side is side], folders) for side in sides]


def progress(sides: Iterable[LoopSide], over: Sequence[ModuleRun], running: Sequence[ModuleRun]) -> str:
    """Say how many tests have ended on each side, and what runs."""
    counts = (
        f"{side.label}: {sum(run.count for run in [*over, *running] if run.side is side):,} tests"
        for side in sides
    )
    now = sorted({run.module.removeprefix(f"{PACKAGE}.") for run in running})
    return f"{', '.join(counts)}; now {', '.join(now)}"


def whole_run(side: LoopSide, modules: Sequence[Ended], folders: Folders) -> Ended:
    """Return the run of one side, given those of its modules."""
    outcomes = {test: found for each in modules for test, found in each.records.outcomes.items()}
    broken = [each for each in modules if not each.whole]
    return Ended(
        label=side.label,
        records=Records(
            outcomes=outcomes,
            unfinished=(),
            last_started=broken[0].records.last_started if broken else None,
            first_facts=merged(each.records.first_facts for each in modules),
            last_facts=merged(each.records.last_facts for each in modules),
        ),
        broke_off="; ".join(str(each.broke_off) for each in broken) or None,
        seconds=sum(each.seconds for each in modules),
        log=broken[0].log if broken else folders.results,
    )
