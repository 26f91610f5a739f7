"""The metrics with the names that Prometheus has for such things, for all who export them.

It is Python because it only names and arranges.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from deferrous.inspect._metrics import Histogram, metrics

FamilyKind = Literal["gauge", "counter", "histogram"]

#: Name, kind, help and attribute of `Metrics`. A counter's name gets `_total` where it is exported.
FAMILIES: tuple[tuple[str, FamilyKind, str, str], ...] = (
    ("deferrous_turn_seconds", "histogram", "How long turns of the reactor took.", "turn_seconds"),
    (
        "deferrous_turn_running_seconds",
        "gauge",
        "For how long the turn of the reactor that runs now has run; 0 while it waits.",
        "turn_runs_seconds",
    ),
    ("deferrous_idle_seconds", "counter", "For how long the reactor has waited.", "idle_seconds"),
    (
        "deferrous_timer_lag_seconds",
        "histogram",
        "How late delayed calls were made.",
        "timer_lag_seconds",
    ),
    ("deferrous_delayed_calls", "gauge", "Delayed calls that wait.", "delayed_calls"),
    ("deferrous_readers", "gauge", "Descriptors that the reactor reads from.", "readers"),
    ("deferrous_writers", "gauge", "Descriptors that the reactor writes to.", "writers"),
    ("deferrous_thread_calls", "gauge", "Calls of callFromThread that wait.", "thread_calls"),
    ("deferrous_pool_threads", "gauge", "Threads of the reactor's thread pool.", "pool_threads"),
    ("deferrous_pool_busy_threads", "gauge", "Threads of the pool that do a job.", "pool_busy_threads"),
    ("deferrous_pool_queued_jobs", "gauge", "Jobs that wait for a thread.", "pool_queued_jobs"),
    ("deferrous_job_wait_seconds", "histogram", "How long jobs waited for a thread.", "job_wait_seconds"),
    ("deferrous_job_seconds", "histogram", "How long jobs took.", "job_seconds"),
    ("deferrous_deferreds", "gauge", "Deferreds that have not fired.", "deferreds"),
    (
        "deferrous_unhandled_errors",
        "counter",
        "Errors of Deferreds that nobody handled.",
        "unhandled_errors",
    ),
    ("deferrous_stalls", "counter", "Turns of the reactor that took too long.", "stalls"),
)


@dataclass(frozen=True)
class Family:
    """A metric, as exporters have it: its name, what it is, what it says, and its value."""

    name: str
    kind: FamilyKind
    help: str
    value: float | Histogram


class Sampler:
    """Reads the metrics, and counts Deferreds only now and then."""

    def __init__(self, deferreds_every: float | None) -> None:
        """Make one.

        Args:
            deferreds_every: after how many seconds Deferreds are counted again; None for never.
        """
        self._every = deferreds_every
        self._lock = threading.Lock()
        self._counted_at: float | None = None
        self._deferreds: int | None = None
        self._last: tuple[float, list[Family]] | None = None

    def read(self, max_age: float = 0.0) -> list[Family]:
        """Return what is known now, or what was known at most so many seconds ago."""
        last = self._last
        if last is None or time.monotonic() - last[0] > max_age:
            last = self._last = time.monotonic(), list(self._read())
        return last[1]

    def _read(self) -> Iterator[Family]:
        found = metrics(deferreds=self._is_time())
        if found.deferreds is not None:
            self._deferreds = found.deferreds
        for name, kind, text, attribute in FAMILIES:
            value = self._deferreds if attribute == "deferreds" else getattr(found, attribute)
            if value is not None:
                yield Family(name, kind, text, value)

    def _is_time(self) -> bool:
        if self._every is None:
            return False
        with self._lock:
            now = time.monotonic()
            if self._counted_at is not None and now - self._counted_at < self._every:
                return False
            self._counted_at = now
            return True
