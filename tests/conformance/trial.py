"""Running tests and watching them: to their end, to a crash, or until they have been silent for too long."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from tests.conformance.environment import OURS, Environment
from tests.conformance.reactors import DEFERROUS, Reactor
from tests.conformance.records import Records, read_records

RECORDER = Path(__file__).parent / "recorder"

#: How often running processes are looked at, and how often a line of progress is printed, in seconds.
LOOK = 0.2
PROGRESS = 15

#: How long a process that is told to abort has for writing its stacks, in seconds.
LAST_WORDS = 10

#: The exit statuses of the runners: 0 if all tests passed, 1 if not.
STATUSES = (0, 1)


class Mode(Enum):
    """The implementation underneath Twisted."""

    STOCK = "stock"
    INSTALLED = "installed"


@dataclass(frozen=True)
class Side:
    """One side of the comparison."""

    #: Its name.
    label: str
    mode: Mode
    #: What trial runs on, and the only one that Twisted makes tests for. None is for what Twisted picks of
    #: its own reactors, and for tests of all of those.
    reactor: Reactor | None = None

    def __str__(self) -> str:
        return f"{self.mode.value} on {self.reactor.name}" if self.reactor else self.mode.value

    @property
    def runner(self) -> str:
        """The file of the recorder that runs the tests."""
        return "run_trial.py"

    @property
    def any_reactor(self) -> bool:
        """Whether it may end on the reactor of deferrous though `reactor` does not name it."""
        return False

    def working_folder(self, empty: Path) -> Path:
        """Put what the tests need into an empty folder, and return where to run them: there, or below."""
        return empty

    def arguments(self, tests: Sequence[str]) -> list[str]:
        """Return the arguments of `runner`.

        Args:
            tests: what to run, as arguments of trial on Twisted's own reactor.
        """
        if self.reactor is None:
            return ["--reporter=outcomes", *tests]
        return [
            *("--build-only", self.reactor.qualified_name),
            f"--reactor={self.reactor.name}",
            "--reporter=outcomes",
            *map(self.reactor.own_name, tests),
        ]

    def variables(self) -> dict[str, str]:
        """Return the environment variables that choose what is underneath, here and in child processes."""
        if self.mode is Mode.STOCK:
            return {}
        return {"DEFERROUS": "1"} | ({} if self.reactor is DEFERROUS else {"DEFERROUS_REACTOR": "default"})

    def read(self, records: Path) -> Records:
        """Read records, with the names that tests have on Twisted's own reactor."""
        return read_records(records, self.reactor.common_name if self.reactor else str)


@dataclass(frozen=True)
class Limits:
    """When a run is killed, in seconds."""

    #: After its start.
    run: float
    #: After the last test that started or ended. Trial itself gives a test two minutes.
    silence: float


@dataclass(frozen=True)
class Ended:
    """A run that is over."""

    label: str
    records: Records
    #: How it broke off, or None if it came to its end.
    broke_off: str | None
    seconds: float
    log: Path
    #: Processor time of the process and of those that it started and waited for, or None if it was killed.
    processor_seconds: float | None = None
    #: Whether it was killed because a limit had passed.
    killed: bool = False

    @property
    def whole(self) -> bool:
        """Whether it came to its end."""
        return self.broke_off is None


class Running:
    """A process that runs tests.

    Every run has a folder of its own for working, for temporary files and as home. The folders of two runs
    have names of the same length, and short ones, because paths end up in the names of sockets, whose length
    is limited.
    """

    def __init__(
        self,
        side: Side,
        environment: Environment,
        tests: Sequence[str],
        folder: Path,
        results: Path,
    ):
        """Start it.

        Args:
            side: what is to be underneath Twisted.
            environment: where Twisted is.
            tests: what to run, as arguments of trial on Twisted's own reactor.
            folder: an empty folder, to work in.
            results: the log and a copy of the records go there, under the name of the label.
        """
        self.label = side.label
        self._side = side
        self._results = results / f"{side.label}.jsonl"
        self._log = self._results.with_suffix(".log")
        for part in ("home", "tmp", "work"):
            (folder / part).mkdir(parents=True)
        # A copy, since trial writes a cache beside its plugins, and the plugin its records.
        recorder = shutil.copytree(
            RECORDER, folder / "recorder", ignore=shutil.ignore_patterns("__pycache__")
        )
        self._records = recorder / "records.jsonl"
        self._seen = 0
        self._limit_passed: str | None = None
        self._killed = False
        #: How many tests have ended.
        self.count = 0
        self._processor_seconds: float | None = None
        working_folder = side.working_folder(folder / "work")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [environment.python, recorder / side.runner, *side.arguments(tests)],
                cwd=working_folder,
                env=_variables(environment, folder) | side.variables(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started = self._last_word = time.monotonic()

    def look(self, limits: Limits) -> bool:
        """Count what has been recorded, kill the process if a limit has passed, and say if it is over."""
        now = time.monotonic()
        if self._records.exists():
            with self._records.open("rb") as records:
                records.seek(self._seen)
                new = records.read()
            if new:
                self._last_word = now
                self._seen += len(new)
                self.count += new.count(b'{"what": "stop"')
        if not self._is_over() and self._limit_passed is None:
            if now - self._last_word > limits.silence:
                self._limit_passed = f"was killed: no test started or ended for {limits.silence:.0f} s"
            elif now - self._started > limits.run:
                self._limit_passed = f"was killed: it took more than {limits.run:.0f} s"
            if self._limit_passed:
                self._abort()
        return self._process.returncode is not None

    def _is_over(self) -> bool:
        """Say whether the process is over, and keep its status and its processor time when it is."""
        if self._process.returncode is None:
            pid, status, usage = os.wait4(self._process.pid, os.WNOHANG)
            if pid:
                self._process.returncode = os.waitstatus_to_exitcode(status)
                self._processor_seconds = usage.ru_utime + usage.ru_stime
        return self._process.returncode is not None

    def end(self) -> Ended:
        """Return what came of it, and end what it left running."""
        seconds = time.monotonic() - self._started
        self.kill()
        records = self._side.read(self._records)
        if self._records.exists():
            shutil.copy(self._records, self._results)
        why = self._why_it_broke_off(records)
        killed = self._limit_passed is not None
        return Ended(self.label, records, why, seconds, self._log, self._processor_seconds, killed)

    def kill(self) -> None:
        """End the process and those that it started. Later calls do nothing: the number may be another's."""
        if not self._killed:
            self._killed = True
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _abort(self) -> None:
        """Have the process write the stacks of its threads to the log and die."""
        self._process.send_signal(signal.SIGABRT)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(LAST_WORDS)
        self._process.kill()
        self._process.wait()

    def _why_it_broke_off(self, records: Records) -> str | None:
        status = self._process.returncode
        if self._limit_passed:
            return self._limit_passed
        if status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        if status not in STATUSES or records.last_facts is None:
            return f"ended with status {status}, without a result"
        return None


def _variables(environment: Environment, folder: Path) -> dict[str, str]:
    """Return the environment variables of a run: those of the caller, and what makes the runs alike."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return variables | {
        "PATH": os.pathsep.join([str(environment.scripts.resolve()), os.environ.get("PATH", os.defpath)]),
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        # Sets have the same order in both runs.
        "PYTHONHASHSEED": "0",
    }


def watch(processes: Sequence[Running], limits: Limits, say: Callable[[str], None]) -> list[Ended]:
    """Wait until all processes are over.

    Args:
        processes: which to watch.
        limits: when to kill one.
        say: is given a line of progress now and then.
    """
    said = time.monotonic()
    try:
        ended: dict[str, Ended] = {}
        while len(ended) < len(processes):
            time.sleep(LOOK)
            for process in processes:
                if process.label not in ended and process.look(limits):
                    ended[process.label] = process.end()
            if time.monotonic() - said > PROGRESS:
                said = time.monotonic()
                say(", ".join(f"{process.label}: {process.count:,} tests" for process in processes))
    finally:
        for process in processes:
            process.kill()
    return [ended[process.label] for process in processes]
