"""The runtime's metrics under the names that dashboards and alert rules know, in a registry of their own.

Ids (run, worker, user, cursor) are never labels. Counters end in ``_total`` in the exposition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics import MetricWrapperBase

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST
PREFIX = "openagents_runtime"
#: Zero is a bucket of its own: "no drift at all" must not blur into "a drift of one".
EVENT_BUCKETS = (0, 1, 2, 5, 10, 25, 50, 100, 250, 1000)
RATIO_BUCKETS = (0, 0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1)
SAMPLE_BUCKETS = (0, 1, 5, 10, 50, 100, 200, 1000, 10_000)
MILLISECOND_BUCKETS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000)
FAILURE_CLASS = "sync_dual_publish"
AUDITOR = "sync_parity_auditor"
ENTITY_LABELS = ("status", "reason_class", "event_type")


@dataclass(frozen=True, slots=True)
class ParityTotals:
    """What the parity metrics have counted since the start. ``lag_buckets`` is cumulative, by upper bound."""

    sampled: float
    mismatches: float
    cycles: Mapping[str, float]
    failures: Mapping[str, float]
    missing: float
    lag_buckets: Mapping[float, float]


class Metrics:
    """Every metric of the runtime. The attributes are the instruments; one attribute is one metric."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._parity()
        self._socket()
        self._lanes()

    def _parity(self) -> None:
        self.cycles = self._counter("sync_parity_cycle_count", "Parity cycles", "status")
        self.sampled = self._histogram("sync_parity_cycle_sampled", "Entities compared", SAMPLE_BUCKETS, "status")
        self.mismatches = self._histogram("sync_parity_cycle_mismatches", "Mismatches", SAMPLE_BUCKETS, "status")
        self.mismatch_rate = self._histogram(
            "sync_parity_cycle_mismatch_rate", "Mismatches by entities compared", RATIO_BUCKETS, "status"
        )
        self.max_lag = self._histogram(
            "sync_parity_cycle_max_abs_lag_drift", "Largest lag drift of a cycle, events", EVENT_BUCKETS, "status"
        )
        self.mean_lag = self._histogram(
            "sync_parity_cycle_avg_abs_lag_drift", "Mean lag drift of a cycle, events", EVENT_BUCKETS, "status"
        )
        self.entities = self._counter("sync_parity_entity_count", "Entities compared", *ENTITY_LABELS)
        self.entity_lag = self._histogram(
            "sync_parity_entity_abs_lag_drift", "Lag drift of an entity, events", EVENT_BUCKETS, *ENTITY_LABELS
        )
        self.failures = self._counter(
            "parity_failure_count", "Parity failures", "class", "reason_class", "component", "outcome"
        )

    def _socket(self) -> None:
        self.replay_lag = self._histogram(
            "sync_replay_lag_events", "Events behind at subscription", EVENT_BUCKETS, "event_type", "status"
        )
        self.catchup = self._histogram(
            "sync_replay_catchup_duration_ms", "Subscription to caught up", MILLISECOND_BUCKETS, "status"
        )
        self.connections = self._counter("sync_socket_connection_count", "Connections", "action", "status")
        self.active = Gauge(
            f"{PREFIX}_sync_socket_connection_active", "Joined channels", ("action", "status"), registry=self.registry
        )
        self.heartbeats = self._counter("sync_socket_heartbeat_count", "Heartbeats", "action", "status")
        self.reconnects = self._counter("sync_socket_reconnect_count", "Resumed subscriptions", "action", "status")
        self.timeouts = self._counter("sync_socket_timeout_count", "Silent channels closed", "action", "status")
        self.evictions = self._counter("sync_socket_eviction_count", "Slow consumers closed", "action", "status")

    def _lanes(self) -> None:
        self.projection_writes = self._counter("sync_projection_write", "Khala read models", "projection", "result")
        self.stream_appends = self._counter("sync_stream_append", "Stream rows", "event_type", "status")
        self.retention_cycles = self._counter("sync_retention_cycle", "Retention cycles", "status")
        self.retention_topics = self._counter("sync_retention_topic", "Topics pruned", "event_type", "status")
        self.convex_writes = self._counter("convex_projection_write_count", "Checkpoints", "projection", "result")
        self.convex_lag = self._histogram(
            "convex_projection_lag_events", "Events behind at write", EVENT_BUCKETS, "projection", "result"
        )
        self.convex_drift = self._counter("convex_projection_drift_count", "Same seq, other", "projection", "result")

    def exposition(self) -> bytes:
        """Return every metric in the Prometheus text format."""
        return generate_latest(self.registry)

    def parity_totals(self) -> ParityTotals:
        """Return what the auditor has counted so far."""
        entity_lag = _sums(self.entity_lag, "_bucket", "le")
        missing = {"status": "mismatch", "reason_class": "khala_missing"}
        return ParityTotals(
            sampled=sum(_sums(self.sampled, "_sum", "status").values()),
            mismatches=sum(_sums(self.mismatches, "_sum", "status").values()),
            cycles=_sums(self.cycles, "_total", "status"),
            failures=_sums(self.failures, "_total", "reason_class"),
            missing=sum(_sums(self.entities, "_total", "status", missing).values()),
            lag_buckets={float(bound): count for bound, count in entity_lag.items()},
        )

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        return Counter(f"{PREFIX}_{name}", description, labels, registry=self.registry)

    def _histogram(self, name: str, description: str, buckets: Iterable[float], *labels: str) -> Histogram:
        return Histogram(f"{PREFIX}_{name}", description, labels, buckets=tuple(buckets), registry=self.registry)


def _sums(
    metric: MetricWrapperBase, suffix: str, label: str, where: Mapping[str, str] | None = None
) -> dict[str, float]:
    sums: dict[str, float] = {}
    for sample in (sample for family in metric.collect() for sample in family.samples):
        if sample.name.endswith(suffix) and (where or {}).items() <= sample.labels.items():
            sums[sample.labels[label]] = sums.get(sample.labels[label], 0.0) + sample.value
    return sums
