from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from drills.staging.metrics import Metrics

PREFIX = "openagents_runtime_"
ENTITY = {"status", "reason_class", "event_type"}
SOCKET = {"action", "status"}
EXPECTED = {
    "sync_parity_cycle_count_total": {"status"},
    "sync_parity_cycle_sampled_sum": {"status"},
    "sync_parity_cycle_mismatches_sum": {"status"},
    "sync_parity_cycle_mismatch_rate_sum": {"status"},
    "sync_parity_cycle_max_abs_lag_drift_sum": {"status"},
    "sync_parity_cycle_avg_abs_lag_drift_sum": {"status"},
    "sync_parity_entity_count_total": ENTITY,
    "sync_parity_entity_abs_lag_drift_bucket": {*ENTITY, "le"},
    "parity_failure_count_total": {"class", "reason_class", "component", "outcome"},
    "sync_replay_lag_events_sum": {"event_type", "status"},
    "sync_replay_catchup_duration_ms_bucket": {"status", "le"},
    "sync_socket_connection_count_total": SOCKET,
    "sync_socket_connection_active": SOCKET,
    "sync_socket_heartbeat_count_total": SOCKET,
    "sync_socket_reconnect_count_total": SOCKET,
    "sync_socket_timeout_count_total": SOCKET,
    "sync_socket_eviction_count_total": SOCKET,
    "sync_projection_write_total": {"projection", "result"},
    "sync_stream_append_total": {"event_type", "status"},
    "sync_retention_cycle_total": {"status"},
    "sync_retention_topic_total": {"event_type", "status"},
    "convex_projection_write_count_total": {"projection", "result"},
    "convex_projection_lag_events_sum": {"projection", "result"},
    "convex_projection_drift_count_total": {"projection", "result"},
}


def shown(metrics: Metrics) -> dict[str, set[str]]:
    """Return the exposed sample names with their labels."""
    families = text_string_to_metric_families(metrics.exposition().decode())
    return {sample.name: set(sample.labels) for family in families for sample in family.samples}


def test_every_metric_has_the_name_and_labels_that_dashboards_know() -> None:
    """All the names of the runtime are exposed, with exactly their labels, and nothing before it was counted."""
    metrics = Metrics()
    instruments = [one for one in vars(metrics).values() if hasattr(one, "labels")]
    before = shown(metrics)
    for instrument in instruments:
        instrument.labels(*("x" for _ in instrument._labelnames))  # noqa: SLF001 - the library shows them nowhere else

    assert before == {}
    assert {name: labels for name, labels in shown(metrics).items() if name.removeprefix(PREFIX) in EXPECTED} == {
        PREFIX + name: labels for name, labels in EXPECTED.items()
    }
    assert len(instruments) == len(EXPECTED)


@pytest.mark.parametrize("instrument", ["entity_lag", "max_lag", "mean_lag", "replay_lag", "mismatch_rate"])
def test_zero_has_a_bucket_of_its_own(instrument: str) -> None:
    """No drift is told from a little drift: the first bucket ends at zero."""
    metrics = Metrics()
    histogram = getattr(metrics, instrument)
    histogram.labels(*("x" for _ in histogram._labelnames)).observe(0)  # noqa: SLF001 - as above

    families = text_string_to_metric_families(metrics.exposition().decode())
    buckets = {sample.labels["le"]: sample.value for one in families for sample in one.samples if "le" in sample.labels}

    assert buckets["0.0"] == 1
