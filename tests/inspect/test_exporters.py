"""The metrics reach Prometheus and OpenTelemetry under names that follow their conventions."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.reactors import Loop

pytest.importorskip("prometheus_client", reason="it needs the extra metrics")
pytest.importorskip("opentelemetry.sdk.metrics", reason="it needs the extra otel")

DOCS = Path(__file__).parents[2] / "docs"


def scrape(reactor: Any) -> str:
    """Return what Prometheus gets of a reactor that has run for a moment."""
    from deferrous.inspect.prometheus import DeferrousCollector
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    registry.register(DeferrousCollector())
    found: list[str] = []

    def end() -> None:
        found.append(generate_latest(registry).decode())
        reactor.stop()

    reactor.callLater(100, print)
    reactor.getThreadPool()
    # Not in the first turn, however long that comes after this.
    reactor.callLater(0.05, reactor.callLater, 0.05, end)
    reactor.run()
    return found[0]


def samples(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


#: What is known of every reactor.
ALWAYS = {
    "deferrous_delayed_calls",
    "deferrous_readers",
    "deferrous_writers",
    "deferrous_thread_calls",
    "deferrous_pool_threads",
    "deferrous_pool_busy_threads",
    "deferrous_pool_queued_jobs",
    "deferrous_deferreds",
    "deferrous_unhandled_errors_total",
}
HISTOGRAMS = {
    "deferrous_turn_seconds",
    "deferrous_timer_lag_seconds",
    "deferrous_job_wait_seconds",
    "deferrous_job_seconds",
}


def test_prometheus_gets_what_is_known(loop: Loop) -> None:
    text = loop.run(scrape)
    found = samples(text)
    names = {re.sub(r"\{.*", "", name) for name in found}
    assert names >= ALWAYS
    parts = {f"{name}_{part}" for name in HISTOGRAMS for part in ("bucket", "count", "sum")}
    times = parts | {"deferrous_idle_seconds_total", "deferrous_turn_running_seconds"}
    assert names - ALWAYS == (times if loop.name == "deferrous" else set())
    assert found["deferrous_delayed_calls"] == 1
    if loop.name == "deferrous":
        count = found["deferrous_turn_seconds_count"]
        assert found['deferrous_turn_seconds_bucket{le="+Inf"}'] == count > 0
        assert found['deferrous_turn_seconds_bucket{le="0.0001"}'] <= count
        assert "# TYPE deferrous_turn_seconds histogram" in text


def test_deferreds_are_counted_now_and_then() -> None:
    from deferrous.inspect._samples import Sampler

    def count(reader: Sampler) -> float | None:
        found = {family.name: family.value for family in reader.read()}
        value = found.get("deferrous_deferreds")
        assert value is None or isinstance(value, int)
        return value

    from twisted.internet.defer import Deferred

    reader = Sampler(deferreds_every=3600.0)
    before = count(reader)
    kept: list[Any] = [Deferred()]
    assert count(reader) == before
    again = count(Sampler(deferreds_every=0.0))
    assert before is not None and again is not None and again > before
    assert count(Sampler(deferreds_every=None)) is None
    assert kept


def test_a_registry_takes_it_once() -> None:
    from deferrous.inspect.prometheus import register
    from prometheus_client import CollectorRegistry

    # As that which prometheus_client exports.
    registry = CollectorRegistry(auto_describe=True)
    collector = register(registry, deferreds_every=None)
    with pytest.raises(ValueError):
        register(registry)
    registry.unregister(collector)


def export(reactor: Any) -> dict[str, Any]:
    """Return what OpenTelemetry reads of a reactor that has run for a moment."""
    from deferrous.inspect.opentelemetry import instrument
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    instrument(MeterProvider([reader]).get_meter("deferrous"))
    found: list[Any] = []

    def end() -> None:
        found.append(json.loads(reader.get_metrics_data().to_json()))  # type: ignore[union-attr]
        reactor.stop()

    reactor.callLater(0.05, reactor.callLater, 0.05, end)
    reactor.run()
    (resource,) = found[0]["resource_metrics"]
    (scope,) = resource["scope_metrics"]
    return {each["name"]: [each["unit"], each["data"]["data_points"]] for each in scope["metrics"]}


def test_opentelemetry_gets_the_same(loop: Loop) -> None:
    found = loop.run(export)
    unit, (point,) = found["deferrous.delayed.calls"]
    assert (unit, point["value"]) == ("1", 0)
    assert "deferrous.unhandled.errors" in found
    if loop.name != "deferrous":
        assert "deferrous.turn.duration" not in found
        return
    unit, (total,) = found["deferrous.turn.duration"]
    assert unit == "s" and total["value"] > 0
    _, buckets = found["deferrous.turn.count"]
    values = [bucket["value"] for bucket in buckets]
    assert values == sorted(values)
    assert [bucket["attributes"]["le"] for bucket in buckets][-1] == "+Inf"


def test_the_dashboard_uses_metrics_that_exist() -> None:
    from deferrous.inspect._samples import FAMILIES

    names = set()
    for name, kind, _, _ in FAMILIES:
        parts = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}.get(kind, ("",))
        names |= {name + part for part in parts}
    board = json.loads((DOCS / "grafana.json").read_text("utf-8"))
    used = {
        name
        for panel in board["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"deferrous_\w+", target["expr"])
    }
    assert used <= names
    # Each metric is on it.
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in used} == {
        re.sub("_(bucket|sum|count)$", "", name) for name in names
    }


def test_the_page_has_every_metric() -> None:
    from deferrous.inspect._samples import FAMILIES

    page = (DOCS / "metrics.md").read_text("utf-8")
    missing = [name for name, _, _, _ in FAMILIES if f"`{name}" not in page]
    assert not missing
