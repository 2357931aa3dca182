"""A trace is rebuilt member by member; what cannot be searched is left out."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping

import pytest

from drills.errors import PublicationRefused
from drills.evidence import trace
from drills.evidence.redaction import Redactor
from drills.evidence.trace import scrubbed_trace

TOLD = "canary-told-of-by-name"
BODY = "resources/0123456789012345678901234567890123456789.html"


def _packed(members: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _unpacked(content: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.register(TOLD, "told")
    return redactor


def test_a_body_gets_the_name_of_its_new_content(redactor: Redactor) -> None:
    """The digest in a name is no longer that of the secret content, and what refers to it follows."""
    event = {"type": "resource-snapshot", "snapshot": {"response": {"content": {"_file": BODY}}}}
    override = {"type": "frame-snapshot", "snapshot": {"resourceOverrides": [{"url": "x", "sha1": BODY.split("/")[1]}]}}
    raw = {"trace.network": json.dumps(event), "0-trace.trace": json.dumps(override), BODY: f"<p>{TOLD}</p>"}
    members = _unpacked(scrubbed_trace(_packed(raw), redactor).content)
    (name,) = (name for name in members if name.startswith("resources/"))

    assert members[name] == "<p>«redacted:told»</p>"
    assert name != BODY
    assert json.loads(members["trace.network"])["snapshot"]["response"]["content"]["_file"] == name
    assert json.loads(members["0-trace.trace"])["snapshot"]["resourceOverrides"][0]["sha1"] == name.split("/")[1]


def test_what_cannot_be_searched_is_left_out_and_counted(redactor: Redactor) -> None:
    """Sources, stacks, the screencast, pictures, fonts and members that no trace has."""
    left_out: Mapping[str, str | bytes] = {
        "src/a.py": "x", "trace.stacks": "{}", "screencast/page@1.jpeg": b"\xff\xd8\xff",
        "resources/a.png": b"\x89PNG\xff", "resources/a.bin": b"a\0b", "other.txt": "x", "resources/../up.txt": "x",
    }  # fmt: skip
    frame = json.dumps({"type": "screencast-frame", "file": "screencast/page@1.jpeg"})
    scrubbed = scrubbed_trace(_packed({"trace.trace": frame, **left_out}), redactor)

    assert _unpacked(scrubbed.content) == {"trace.trace": ""}
    assert (scrubbed.redactions, scrubbed.dropped) == (0, len(left_out))


def test_the_same_trace_gives_the_same_bytes(redactor: Redactor) -> None:
    """No clock and no order of a folder is in an archive."""
    first = scrubbed_trace(_packed({"trace.trace": "{}", BODY: "a"}), redactor)
    second = scrubbed_trace(_packed({BODY: "a", "trace.trace": "{}"}), redactor)

    assert first == second


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read"),
        (_packed({"a.txt": "x"}), "it has no events"),
        (_packed({"trace.trace": "{"}), "line 1 of trace.trace is not JSON"),
        (_packed({"trace.trace": "{}"})[:-30], "cannot be read"),
    ],
)
def test_what_is_no_trace_is_refused(content: bytes, message: str, redactor: Redactor) -> None:
    """The message says what is wrong with it; nothing is handed out."""
    with pytest.raises(PublicationRefused, match=message):
        scrubbed_trace(content, redactor)


def test_a_bomb_is_not_unpacked(redactor: Redactor, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would fill the memory is refused by the sizes that the archive tells, and by what it really holds."""
    bomb = _packed({"trace.trace": "{}", BODY: bytes(50_000)})
    monkeypatch.setattr(trace, "MOST_BYTES", 10_000)

    with pytest.raises(PublicationRefused, match="unpacks to more"):
        scrubbed_trace(bomb, redactor)
