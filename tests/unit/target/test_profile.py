"""A target profile: all mistakes at once, secrets only by reference, production refused."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from drills.errors import ProductionRefused, ProfileInvalid, StagingFailed
from drills.target.embedded import StagingReady, read_ready
from drills.target.environment import target_facts
from drills.target.ports import SecretReference
from drills.target.profile import load_profile, parse_profile, read_secret

NAMES = (
    "operator",
    "console",
    "khala_socket",
    "runtime",
    "metrics",
    "dashboard",
    "logs",
    "web",
    "mobile",
    "desktop",
    "convex",
)


@pytest.fixture
def ready(tmp_path: Path) -> StagingReady:
    """What a staging says when it is up."""
    urls = {name: f"http://127.0.0.1:8000/{name}" for name in NAMES}
    urls["khala_socket"] = "ws://127.0.0.1:8000/sync/socket/websocket"
    return StagingReady(
        pid=1,
        urls=urls,
        operator_token=SecretStr("canary-operator"),
        session_secret=SecretStr("canary-session"),
        sync_token=SecretStr("canary-sync"),
        database_url=SecretStr("canary-database"),
        state_dir=tmp_path,
    )


@pytest.fixture
def document(ready: StagingReady) -> dict[str, Any]:
    """The profile of an embedded staging, parsed."""
    return tomllib.loads(ready.profile_text())


def test_the_profile_of_a_staging_is_a_profile(ready: StagingReady, tmp_path: Path) -> None:
    """What `drill staging up --profile` writes can be loaded, and holds no secret."""
    path = tmp_path / "staging.toml"
    path.write_text(ready.profile_text(), encoding="utf-8")
    profile = load_profile(path)
    assert sorted(profile.surfaces) == ["desktop", "mobile", "web"]
    assert "canary" not in ready.profile_text()


def test_facts_for_the_record_hold_figures_and_addresses(document: dict[str, Any]) -> None:
    """Settings go by the names that the runbook uses; a rehearsal says so."""
    document["links"]["logs"] += "?component=x"
    facts = target_facts(parse_profile(document, "p"))
    assert facts.settings["lane-target-ms"] == 500
    assert facts.rehearsal_window_seconds == 20
    assert facts.urls["logs"] == "http://127.0.0.1:8000/logs"


def test_the_environment_wins_over_the_file(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable changes one figure of a shared file."""
    monkeypatch.setenv("DRILL_TARGET_OBJECTIVES__LANE_TARGET_MS", "750")
    assert parse_profile(document, "p").objectives.lane_target_ms == 750


def drop(*path: str) -> Callable[[dict[str, Any]], None]:
    """Return an edit that removes a key."""

    def edit(document: dict[str, Any]) -> None:
        *parents, last = path
        for name in parents:
            document = document[name]
        del document[last]

    return edit


def put(value: object, *path: str) -> Callable[[dict[str, Any]], None]:
    """Return an edit that sets a key."""

    def edit(document: dict[str, Any]) -> None:
        *parents, last = path
        for name in parents:
            document = document[name]
        document[last] = value

    return edit


MISTAKES = {
    "name": put("Not A Slug", "name"),
    "environment": put("laptop", "environment"),
    "repository_url": put("git@example.com:a/b", "repository_url"),
    "objectives.lane_target_ms": put(-1, "objectives", "lane_target_ms"),
    "objectives.incident_threshold": put(2, "objectives", "incident_threshold"),
    "objectives.recovery_time_seconds": put(0, "objectives", "recovery_time_seconds"),
    "rehearsal.window_seconds": put(1, "rehearsal", "window_seconds"),
    "operator_api.url": put("ftp://x/", "operator_api", "url"),
    "operator_api.tokn": put("x", "operator_api", "tokn"),
    "console.url": drop("console", "url"),
    "khala.socket_url": put("http://not-a-socket/", "khala", "socket_url"),
    "khala": drop("khala", "session"),
    "metrics.kind": put("guess", "metrics", "kind"),
    "metrics.interval_seconds": put(0, "metrics", "interval_seconds"),
    "cohort.clients": put(-1, "cohort", "clients"),
    "links.dashboard": put("", "links", "dashboard"),
    "surfaces": put({}, "surfaces"),
    "surfaces.web.kind": put("telnet", "surfaces", "web", "kind"),
    "surfaces.web.legacy": drop("surfaces", "web", "legacy"),
    "surfaces.mobile.legacy.interval_seconds": put(-2, "surfaces", "mobile", "legacy", "interval_seconds"),
}


@pytest.mark.parametrize("place", MISTAKES)
def test_each_mistake_is_told_with_its_place(place: str, document: dict[str, Any]) -> None:
    """One wrong key gives one line that names it."""
    MISTAKES[place](document)
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile(document, "staging.toml")
    assert [mistake.split(":")[0] for mistake in caught.value.mistakes] == [place]
    assert caught.value.exit_code == 2


def test_all_mistakes_are_told_at_once(document: dict[str, Any]) -> None:
    """Nobody has to mend a file one mistake at a time."""
    for place in ("name", "metrics.kind", "cohort.clients"):
        MISTAKES[place](document)
    with pytest.raises(ProfileInvalid) as caught:
        parse_profile(document, "staging.toml")
    assert len(caught.value.mistakes) == 3


def test_production_is_refused_unless_it_is_meant(document: dict[str, Any]) -> None:
    """A file that says production needs a word from the caller."""
    document["environment"] = "production"
    with pytest.raises(ProductionRefused, match="production"):
        parse_profile(document, "p")
    assert parse_profile(document, "p", allow_production=True).environment == "production"


@pytest.mark.parametrize(
    ("content", "words"), [(b"a =", "is not TOML"), (b"\xff", "is not TOML"), (b"#" * 1_000_001, "is larger than")]
)
def test_files_that_hold_no_profile_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    """Whatever the file holds, the answer is one clear error."""
    path = tmp_path / "p.toml"
    path.write_bytes(content)
    with pytest.raises(ProfileInvalid, match=words):
        load_profile(path)


def test_a_profile_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The path is in the message."""
    with pytest.raises(ProfileInvalid, match="cannot be read"):
        load_profile(tmp_path / "absent.toml")


def test_secrets_are_read_from_where_the_profile_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file or a variable; what is not there is told without a guess."""
    (tmp_path / "token").write_text("canary-file\n", encoding="utf-8")
    monkeypatch.setenv("STAGING_TOKEN", "canary-variable")
    assert read_secret(SecretReference(file=tmp_path / "token")) == "canary-file"
    assert read_secret(SecretReference(env="STAGING_TOKEN")) == "canary-variable"
    with pytest.raises(ProfileInvalid, match="ABSENT_TOKEN is not set"):
        read_secret(SecretReference(env="ABSENT_TOKEN"))
    with pytest.raises(ProfileInvalid, match="secret file"):
        read_secret(SecretReference(file=tmp_path / "absent"))


def test_a_staging_that_says_it_failed_is_an_error() -> None:
    """Its own words are passed on."""
    with pytest.raises(StagingFailed, match="no browser was found"):
        read_ready('{"ready": false, "error": "no browser was found"}')
    with pytest.raises(StagingFailed, match="it ended"):
        read_ready("")


def test_the_secrets_of_a_staging_are_kept_in_private_files(ready: StagingReady, tmp_path: Path) -> None:
    """Only their owner can read what opens the environment."""
    line = ready.model_dump_json().replace("**********", "canary-hidden")
    read_ready(line)
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {"database-url": 0o600, "operator-token": 0o600, "session-secret": 0o600}
