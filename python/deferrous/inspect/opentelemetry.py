"""The metrics as instruments of OpenTelemetry. It is Python because its API is.

    from deferrous.inspect import opentelemetry

    opentelemetry.instrument()

It needs the extra: `pip install deferrous[otel]`, and the program sets up a provider of meters that exports.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate

from opentelemetry.metrics import CallbackOptions, Meter, Observation, get_meter

from deferrous.inspect._metrics import Histogram, start
from deferrous.inspect._samples import FAMILIES, FamilyKind, Sampler

__all__ = ["instrument"]

#: For how many seconds what was read once serves all instruments.
_SAME_MOMENT = 0.1

_Callback = Callable[[CallbackOptions], Iterable[Observation]]


def instrument(meter: Meter | None = None, deferreds_every: float | None = 60.0) -> None:
    """Make observable instruments for the numbers of `deferrous.metrics()`.

    They have the names that Prometheus has for them, with dots: `deferrous.pool.threads`. OpenTelemetry has
    no histogram that is observed. So each of ours is two counters: `deferrous.turn.duration` has the sum in
    seconds, and `deferrous.turn.count` has how many were at most as long as the attribute `le` says, in
    seconds. What cannot be known under the reactor that runs is not observed.

    Args:
        meter: makes the instruments; without one, that of the global provider with the name `deferrous`.
        deferreds_every: after how many seconds Deferreds that have not fired are counted again, which walks
            over all objects of the program: 20 ms for a million. None leaves them out.

    Call it once. Any thread may observe.
    """
    meter = meter or get_meter("deferrous")
    reader = Sampler(deferreds_every)
    start()
    for name, kind, text, unit in _instruments():
        make = meter.create_observable_gauge if kind == "gauge" else meter.create_observable_counter
        make(name, [_observe(reader, name)], unit=unit, description=text)


def dotted(name: str) -> str:
    """Return the name of an instrument for that of a metric: the unit is not in it."""
    return name.removesuffix("_seconds").replace("_", ".")


def _instruments() -> Iterator[tuple[str, FamilyKind, str, str]]:
    """Yield name, kind, description and unit of each instrument."""
    for name, kind, text, _ in FAMILIES:
        unit = "s" if name.endswith("_seconds") else "1"
        if kind == "histogram":
            yield f"{dotted(name)}.duration", "counter", text, unit
            yield f"{dotted(name)}.count", "counter", text, "1"
        else:
            yield dotted(name), kind, text, unit


def _observe(reader: Sampler, wanted: str) -> _Callback:
    """Return what observes one instrument."""

    def observe(_options: CallbackOptions) -> Iterator[Observation]:
        # All instruments are observed one after the other.
        for family in reader.read(max_age=_SAME_MOMENT):
            name, value = dotted(family.name), family.value
            if not isinstance(value, Histogram):
                if name == wanted:
                    yield Observation(value)
            elif wanted == f"{name}.duration":
                yield Observation(value.sum)
            elif wanted == f"{name}.count":
                bounds = [*map(repr, value.bounds), "+Inf"]
                for bound, count in zip(bounds, accumulate(value.counts), strict=True):
                    yield Observation(count, {"le": bound})

    return observe
