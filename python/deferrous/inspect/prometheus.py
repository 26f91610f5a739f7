"""The metrics for `prometheus_client`. It is Python because that is.

    from prometheus_client import start_http_server
    from deferrous.inspect import prometheus

    prometheus.register()
    start_http_server(9100)

It needs the extra: `pip install deferrous[metrics]`.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import REGISTRY, Collector, CollectorRegistry

from deferrous.inspect._metrics import Histogram, start
from deferrous.inspect._samples import Family, Sampler

__all__ = ["DeferrousCollector", "register"]


class DeferrousCollector(Collector):
    """What a registry of `prometheus_client` asks for the numbers of `deferrous.metrics()`.

    What cannot be known under the reactor that runs is left out. Any thread may collect.

        >>> from prometheus_client import CollectorRegistry, generate_latest
        >>> from deferrous.inspect.prometheus import DeferrousCollector
        >>> registry = CollectorRegistry()
        >>> registry.register(DeferrousCollector())
        >>> b"deferrous_unhandled_errors_total 0.0" in generate_latest(registry)
        True

    Args:
        deferreds_every: after how many seconds Deferreds that have not fired are counted again, which walks
            over all objects of the program: 20 ms for a million. None leaves them out.
    """

    def __init__(self, deferreds_every: float | None = 60.0) -> None:
        self._reader = Sampler(deferreds_every)
        start()

    def collect(self) -> Iterable[Metric]:
        """Return the metrics as they are now."""
        return [_metric(family) for family in self._reader.read()]


def register(
    registry: CollectorRegistry = REGISTRY, deferreds_every: float | None = 60.0
) -> DeferrousCollector:
    """Have a registry collect the metrics.

    Args:
        registry: the registry; without one, that which `prometheus_client` exports of itself.
        deferreds_every: as for `DeferrousCollector`.

    Returns:
        the collector, by which `registry.unregister` takes it out again.

    Raises:
        ValueError: the registry collects them already.

    Any thread may call it.
    """
    collector = DeferrousCollector(deferreds_every)
    registry.register(collector)
    return collector


def _metric(family: Family) -> Metric:
    """Return a metric of `prometheus_client`."""
    value = family.value
    if isinstance(value, Histogram):
        bounds = [*(repr(bound) for bound in value.bounds), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(value.counts)), strict=True))
        return HistogramMetricFamily(family.name, family.help, buckets=buckets, sum_value=value.sum)
    if family.kind == "counter":
        return CounterMetricFamily(family.name, family.help, value=value)
    return GaugeMetricFamily(family.name, family.help, value=value)
