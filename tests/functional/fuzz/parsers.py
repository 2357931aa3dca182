"""Every parser of the toolkit that is fed from outside: how to call it, and what it is fed when all is well."""

from __future__ import annotations

import io
import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from PIL import Image
from pydantic import JsonValue

from drills import phoenix
from drills.clock import FrozenClock
from drills.evidence.har import scrubbed_har
from drills.evidence.ledger import Ledger, read_ledger, read_valid_prefix
from drills.evidence.png import without_metadata
from drills.evidence.records import Check, ItemStarted, Relation
from drills.evidence.redaction import Redactor
from drills.evidence.scan import scan_files
from drills.evidence.trace import scrubbed_trace
from drills.restore.entries import Baseline, Confirmed, Entry, Opened, from_lines, to_line
from drills.restore.lease import LeaseOwner, LeaseRecord, read_record
from drills.runbook.load import load_runbook
from drills.target.embedded import read_ready
from drills.target.metrics.openmetrics import OpenMetricsFile
from drills.target.metrics.settings import OpenMetricsSettings
from drills.target.profile import load_profile
from drills.target.traffic import Traffic, worker_versions

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 2, 20, 14, tzinfo=UTC)
SECRET = "canary-in-what-is-fed"  # noqa: S105 - a word that must not come out


@dataclass(frozen=True)
class Parser:
    """One parser: ``read`` raises DrillError or nothing; ``seeds`` are inputs that it takes."""

    read: Callable[[bytes], object]
    seeds: Callable[[], tuple[bytes, ...]]


def _from_file(read: Callable[[Path], object], name: str) -> Callable[[bytes], object]:
    """Return a reader of bytes for a reader of files."""

    def from_bytes(content: bytes) -> object:
        path = _scratch() / name
        path.write_bytes(content)
        return read(path)

    return from_bytes


@cache
def _scratch() -> Path:
    return Path(tempfile.mkdtemp(prefix="drills-fuzz-"))


def _redactor() -> Redactor:
    redactor = Redactor("canary-of-the-run-itself")
    redactor.register(SECRET, "told")
    return redactor


def _profiles() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((ROOT / "tests" / "unit" / "target").glob("*.toml")))


def _runbooks() -> tuple[bytes, ...]:
    return ((ROOT / "drills" / "runbook" / "khala_cutover.toml").read_bytes(),)


def _ledgers() -> tuple[bytes, ...]:
    path = _scratch() / "seed.jsonl"
    path.unlink(missing_ok=True)
    with Ledger.create(path, FrozenClock(NOW), _redactor()) as ledger:
        ledger.append(ItemStarted(item="web"))
        check = Check(id="a", item="web", title="rows", observed=3, relation=Relation.AT_LEAST, expected=1)
        ledger.append(check)
    return (path.read_bytes(),)


def _traces() -> tuple[bytes, ...]:
    """Return a trace of one action, one snapshot, one request and one socket."""
    entry: JsonValue = json.loads(_hars()[0])["log"]["entries"][0]
    snapshot: dict[str, JsonValue] = {
        "html": ["HTML", {}, ["BODY", {}, ["INPUT", {"type": "password", "value": "x"}], "text"]]
    }
    members: Mapping[str, list[JsonValue]] = {
        "trace.trace": [
            {"version": 10, "type": "context-options", "options": {"viewport": {"width": 1, "height": 1}}},
            {"type": "before", "callId": "a@1", "method": "fill", "params": {"selector": "#a", "value": "typed"}},
            {"type": "frame-snapshot", "snapshot": {**snapshot, "resourceOverrides": []}},
        ],
        "trace.network": [{"type": "resource-snapshot", "snapshot": entry}],
        "resources/0123456789012345678901234567890123456789.jsonl": [{"type": "send", "opcode": 2, "data": "AGJpbg=="}],
        "trace.stacks": [{"files": ["/home/me/a.py"]}],
    }
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in members.items():
            archive.writestr(name, "\n".join(map(json.dumps, values)))
    return (file.getvalue(),)


def _events() -> tuple[bytes, ...]:
    with zipfile.ZipFile(io.BytesIO(_traces()[0])) as archive:
        return tuple(archive.read(name) for name in ("trace.trace", "trace.network"))


def _zipped(events: bytes) -> bytes:
    """Return an archive that is in order, whatever is in it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("trace.trace", events)
        archive.writestr("resources/0123456789012345678901234567890123456789.jsonl", events)
    return file.getvalue()


def _hars() -> tuple[bytes, ...]:
    pairs = [{"name": "Authorization", "value": "Bearer x"}, {"name": "token", "value": "y"}]
    request = {"url": "http://x/?token=y", "headers": pairs, "cookies": pairs, "queryString": pairs}
    frames = [{"type": "send", "opcode": 2, "data": "AGJpbg=="}, {"type": "receive", "opcode": 1, "data": "[null]"}]
    content = {"text": "eyJhIjogMX0=", "encoding": "base64", "mimeType": "application/json"}
    entry = {"request": request, "response": {"content": content, "headers": pairs}, "_webSocketMessages": frames}
    return (json.dumps({"log": {"version": "1.2", "entries": [entry]}}).encode(),)


def _frames() -> tuple[bytes, ...]:
    update = {"doc_key": "runtime/codex_worker_summary:a", "doc_version": 3, "watermark": 9}
    return (
        phoenix.Frame("1", "2", "sync:v1", "phx_join", {}).encode().encode(),
        phoenix.Frame("1", None, "sync:v1", "sync:update_batch", {"updates": [update]}).encode().encode(),
    )


def _journals() -> tuple[bytes, ...]:
    entries: tuple[Entry, ...] = (
        Opened(at=NOW, drill_id="d", target="t"),
        Baseline(at=NOW, values={"web": "false"}),
        Confirmed(at=NOW, flip=1),
    )
    return (b"".join(map(to_line, entries)),)


def _leases() -> tuple[bytes, ...]:
    owner = LeaseOwner(who="me", host="here", pid=1, drill_id="d")
    record = LeaseRecord(target="t", owner=owner, token="token", since=NOW, expires_at=NOW)  # noqa: S106 - a fencing token
    return (record.model_dump_json().encode(),)


def _expositions() -> tuple[bytes, ...]:
    lines = (
        "# TYPE a counter",
        'a_total{x="1"} 3 1760000000.0',
        'a_total{x="1"} 4 1760000001.0',
        "# TYPE h histogram",
        'h_bucket{le="0.1"} 1 1760000000',
        'h_bucket{le="+Inf"} 2 1760000000',
        "h_count 2 1760000000",
        "h_sum NaN 1760000000",
        "# EOF",
    )
    return ("\n".join(lines).encode() + b"\n",)


def _pictures() -> tuple[bytes, ...]:
    file = io.BytesIO()
    Image.effect_noise((9, 9), 90).save(file, "PNG", dpi=(72, 72))
    return (file.getvalue(),)


def _hear(content: bytes) -> None:
    phoenix.decode(content)


def _traffic(content: bytes) -> None:
    """What a surface hears is never an error: what is no frame is noted as that."""
    Traffic(opened_at=0.0).hear(content, at=1.0, sent=False)
    worker_versions(content)


PARSERS: Mapping[str, Parser] = {
    "profile": Parser(_from_file(load_profile, "profile.toml"), _profiles),
    "runbook": Parser(_from_file(load_runbook, "runbook.toml"), _runbooks),
    "ledger": Parser(_from_file(read_ledger, "ledger.jsonl"), _ledgers),
    "ledger of a killed drill": Parser(_from_file(read_valid_prefix, "ledger.jsonl"), _ledgers),
    "trace": Parser(lambda content: scrubbed_trace(content, _redactor()), _traces),
    "events of a trace": Parser(lambda content: scrubbed_trace(_zipped(content), _redactor()), _events),
    "HAR": Parser(lambda content: scrubbed_har(content, _redactor()), _hars),
    "Phoenix frame": Parser(_hear, _frames),
    "traffic of a surface": Parser(_traffic, _frames),
    "OpenMetrics": Parser(
        _from_file(lambda path: OpenMetricsFile(OpenMetricsSettings(kind="openmetrics", path=path)), "metrics.txt"),
        _expositions,
    ),
    "restore journal": Parser(from_lines, _journals),
    "lease": Parser(_from_file(read_record, "lease.json"), _leases),
    "picture": Parser(without_metadata, _pictures),
    "ready line of a staging": Parser(lambda content: read_ready(content.decode("utf-8", "replace")), _leases),
    "redactor": Parser(lambda content: _redactor().redact_bytes(content, "text/plain"), _hars),
    "last scan": Parser(lambda content: scan_files({"a": content}, _redactor().secrets), _traces),
}
