from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from drills.clock import FrozenClock
from drills.staging.dashboard import Dashboard
from drills.staging.live_settings import ActiveFaults
from drills.staging.metrics import Metrics

LABELS = "mismatch", "khala_missing", "run_summary"


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(datetime(2026, 2, 20, 9, 30, tzinfo=UTC))


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def cycle(metrics: Metrics, *, sampled: int, missing: int) -> None:
    """Count a parity cycle."""
    status = "mismatch" if missing else "ok"
    metrics.cycles.labels(status).inc()
    metrics.sampled.labels(status).observe(sampled)
    metrics.mismatches.labels(status).observe(missing)
    for _ in range(missing):
        metrics.entities.labels(*LABELS).inc()
        metrics.entity_lag.labels(*LABELS).observe(4)
        metrics.failures.labels("sync_dual_publish", "khala_missing", "sync_parity_auditor", "mismatch").inc()
    for _ in range(sampled - missing):
        metrics.entity_lag.labels("ok", "none", "run_summary").observe(0)


def last(panels: Any, panel: str, name: str) -> object:
    """Return the newest value of a series."""
    series = {one["name"]: one["points"] for one in panels["panels"][panel]["series"]}
    return series[name][-1][1]


def test_nothing_compared_is_no_value(metrics: Metrics, clock: FrozenClock) -> None:
    """Before the first cycle every panel has points without a value, not zeros."""
    dashboard = Dashboard(metrics, ActiveFaults((), {}), clock)
    dashboard.tick()

    assert last(dashboard.data(), "mismatch_rate", "5m") is None
    assert last(dashboard.data(), "lag_drift_p95", "5m") is None
    assert dashboard.data()["cycles"] == {"ok": 0, "mismatch": 0, "empty": 0}


def test_the_panels_follow_the_metrics(metrics: Metrics, clock: FrozenClock) -> None:
    """Rates are increases over the window, the quantile lies in its bucket, the breakdown counts by reason."""
    dashboard = Dashboard(metrics, ActiveFaults((), {}), clock)
    dashboard.tick()
    clock.advance(10)
    cycle(metrics, sampled=20, missing=5)
    dashboard.tick()
    data = dashboard.data()

    assert last(data, "mismatch_rate", "5m") == last(data, "mismatch_rate", "1h") == 0.25
    assert last(data, "mismatch_count_rate", "1m") == 0.5
    assert last(data, "failures_by_reason", "khala_missing") == 0.5
    assert last(data, "missing_documents", "1m") == 0.5
    # 15 of 20 are at 0; the 19th is the fourth of five between 2 and 5.
    assert last(data, "lag_drift_p95", "5m") == pytest.approx(2 + 3 * 4 / 5)
    assert data["breakdown"] == [{"reason_class": "khala_missing", "count": 5}]
    assert data["cycles"] == {"ok": 0, "mismatch": 1, "empty": 0}


def test_the_short_window_forgets_what_the_long_one_keeps(metrics: Metrics, clock: FrozenClock) -> None:
    """After five clean minutes the 5 m rate is zero again while the 1 h rate still tells."""
    dashboard = Dashboard(metrics, ActiveFaults((), {}), clock)
    dashboard.tick()
    cycle(metrics, sampled=10, missing=10)
    for _ in range(31):
        clock.advance(10)
        dashboard.tick()
        cycle(metrics, sampled=10, missing=0)
    data = dashboard.data()

    assert last(data, "mismatch_rate", "5m") == 0
    assert last(data, "mismatch_rate", "1h") == pytest.approx(10 / 310)
    assert last(data, "lag_drift_p95", "5m") == 0
