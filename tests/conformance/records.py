"""The records of one run of trial: the outcomes of its tests, and how the run ended."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: Kinds of outcome, in the order of summaries. The first six are trial's own. "not loaded" is an error of a
#: module or a test that the runner could not load. "crash" and "hang" are of a test that ended its process,
#: where the run goes on with the next test (`tests/asyncio_loop`).
KINDS = (
    *("success", "skip", "expectedFailure", "unexpectedSuccess", "failure", "error"),
    *("not loaded", "crash", "hang"),
)

#: The kinds that count as failed.
FAILING = ("failure", "error", "not loaded", "crash", "hang")


@dataclass(frozen=True, order=True)
class Outcome:
    """What trial said about a test.

    Two outcomes are the same if their kind and the class of their exception are. The exception counts because
    some tests fail on stock Twisted too, for want of a device or for being root: they shall fail in the same
    way. The texts do not count, since they hold addresses, ports and paths.
    """

    kind: str
    exception: str = ""
    reason: str = field(default="", compare=False)
    traceback: str = field(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.kind} ({self.exception})" if self.exception else self.kind


#: All that trial said about one test id: usually one outcome. It is more where the clean-up fails too, or
#: where several tests share an id. They are sorted.
Outcomes = tuple[Outcome, ...]


@dataclass(frozen=True)
class Records:
    """The records of one run."""

    outcomes: Mapping[str, Outcomes]
    #: Tests that started and did not end, in order: where the run broke off. Empty for a whole run.
    unfinished: tuple[str, ...]
    #: The test that was started last, or None if none was.
    last_started: str | None
    #: The tested Deferreds and reactor, at the start and at the end; None if the run did not get there.
    first_facts: Mapping[str, Any] | None
    last_facts: Mapping[str, Any] | None

    def kinds(self) -> Counter[str]:
        """Count outcomes by kind."""
        return Counter(outcome.kind for outcomes in self.outcomes.values() for outcome in outcomes)

    def failing(self) -> list[str]:
        """Return the ids that count as failed."""
        return sorted(
            test
            for test, outcomes in self.outcomes.items()
            if any(outcome.kind in FAILING for outcome in outcomes)
        )


def name(outcomes: Outcomes | None) -> str:
    """Name all that was said about a test."""
    if outcomes is None:
        return "not in this run"
    return " and ".join(map(str, outcomes)) or "no outcome"


def read_records(path: Path, rename: Callable[[str], str] = str) -> Records:
    """Read the records of a run, whether or not it came to its end.

    Args:
        path: where they are.
        rename: makes the name by which a test is compared out of the one that it had.
    """
    return make_records(path.read_bytes().splitlines(keepends=True) if path.exists() else [], rename)


def make_records(lines: Iterable[bytes], rename: Callable[[str], str] = str) -> Records:
    """Make sense of the lines of a run.

    Args:
        lines: each with its line end. The last one has none if the process was killed while writing it, and
            is left out.
        rename: makes the name by which a test is compared out of the one that it had.
    """
    outcomes: dict[str, list[Outcome]] = {}
    running: Counter[str] = Counter()
    last_started = first_facts = last_facts = None
    for line in lines:
        if not line.endswith(b"\n"):
            continue
        record = json.loads(line)
        if "id" in record:
            record["id"] = rename(record["id"])
        match record["what"]:
            case "start":
                last_started = record["id"]
                running[last_started] += 1
                outcomes.setdefault(last_started, [])
            case "stop":
                running[record["id"]] -= 1
            case "outcome":
                texts = (record.get(key, "") for key in ("kind", "exception", "reason", "traceback"))
                outcomes.setdefault(record["id"], []).append(Outcome(*texts))
            case "run":
                first_facts = record
            case "end":
                last_facts = record
    return Records(
        outcomes={test: tuple(sorted(found)) for test, found in outcomes.items()},
        unfinished=tuple(+running),
        last_started=last_started,
        first_facts=first_facts,
        last_facts=last_facts,
    )
