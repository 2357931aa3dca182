"""Nothing leaks: a real drill that is told a secret in every channel publishes none of them."""

from __future__ import annotations

import http.server
import os
import re
import subprocess
import sys
import threading
import tomllib
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import httpx2
import pytest

from tests.functional.evidence.looking import words_in_folder

ROOT = Path(__file__).parents[3]
#: What the redactor is told of, by variables that are called like secrets.
TOLD = (
    "attribute", "attribute-base64", "base64", "base64-at-1", "base64-at-2", "base64-twice", "base64url", "body",
    "branch", "commit-author", "commit-subject", "console", "console-nested",
    "console-object", "cookie", "exception", "form", "frame", "frame-base64", "frame-document",
    "frame-percent", "header", "hex", "input", "issue", "local-storage", "metric-label", "operator", "page-error",
    "parameter-id", "path", "percent", "profile-note", "profile-secret", "query", "rejection", "runtime-log",
    "runtime-log-nested", "shadow", "stderr", "stdout", "style", "surface-title", "text",
    "text-area", "title", "traceback-local", "unicode", "user-property",
)  # fmt: skip
#: What nobody tells it of: known by where it stands.
UNTOLD = ("access-log", "bearer", "frame-password", "hidden-input", "password", "query-token", "remote-password")
CHANNELS = sorted([*TOLD, *UNTOLD])
TOKEN = re.compile(rb"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")


def _word(channel: str) -> str:
    """Return the word of a channel: unguessable as secrets are, and good for a file name, a branch and a URL."""
    return f"canary-{channel}-{zlib.crc32(channel.encode()):08x}x7"


WORDS = {channel: _word(channel) for channel in CHANNELS}


@dataclass(frozen=True)
class Leaked:
    """What a leaky drill left: how it ended, and where each secret was found, in what it kept and in what it gave."""

    output: str
    published: Path
    tokens: frozenset[str]
    raw: Mapping[str, list[str]]
    out: Mapping[str, list[str]]


@pytest.fixture(scope="module")
def leaked(staging: Any, tmp_path_factory: pytest.TempPathFactory) -> Leaked:
    """One drill with tracing on, in a repository with a secret in each part of it."""
    folder = tmp_path_factory.mktemp("leak")
    (folder / "private").mkdir()
    with _gossip(tomllib.loads(staging.profile.read_text(encoding="utf-8"))) as proxy:
        profile = folder / "leaky.toml"
        profile.write_text(_leaky(staging.profile.read_text(encoding="utf-8"), proxy), encoding="utf-8")
        options = {
            "--target": profile,
            "--out": folder / "published" / "status",
            "--publish-traces": folder / "published" / "traces",
            "--issue": WORDS["issue"],
            "--operator": WORDS["operator"],
            "-k": "web or artefacts",
        }
        done = subprocess.run(
            [sys.executable, "-m", "drills", "run", *(word for option in options.items() for word in map(str, option))],
            env=_environment(folder / "private"),
            cwd=_repository(folder / "private" / "repository"),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
    tokens = frozenset(_tokens(folder / "private"))
    secrets = [*WORDS.values(), *_secrets(staging.profile).values(), *tokens]
    published = folder / "published"
    found = (words_in_folder(folder / "private", secrets), words_in_folder(published, secrets))
    return Leaked(done.stdout + done.stderr, published, tokens, *found)


def test_no_word_is_in_the_published_bytes(leaked: Leaked, capsys: pytest.CaptureFixture[str]) -> None:
    """Each word was there to be seen before the redactor, and none is there behind it."""
    raw, out = leaked.raw, leaked.out
    with capsys.disabled():
        print(f"\n{'channel':<20} found raw  found published")  # noqa: T201 - the table is what is asked for
        for channel, word in WORDS.items():
            print(f"{channel:<20} {len(raw[word]):>9}  {len(out[word]):>15}")  # noqa: T201 - as above

    assert len(set(WORDS.values())) >= 40
    assert [channel for channel, word in WORDS.items() if not raw[word]] == []
    assert {channel: out[word] for channel, word in WORDS.items() if out[word]} == {}


def test_the_secrets_of_the_target_are_not_published(leaked: Leaked, staging: Any) -> None:
    """Its operator token and session were used, and every token that was minted: none is to be found."""
    secrets = _secrets(staging.profile)

    assert [name for name, secret in secrets.items() if not leaked.raw[secret]] == []
    assert [name for name, secret in secrets.items() if leaked.out[secret]] == []
    assert leaked.tokens != frozenset()
    assert [leaked.out[token] for token in leaked.tokens if leaked.out[token]] == []


def test_everything_was_published_all_the_same(leaked: Leaked) -> None:
    """A drill that publishes nothing leaks nothing: report, record, pictures, reports and traces are there."""
    names = {path.name for path in leaked.published.rglob("*") if path.is_file()}
    wanted = {"drill.json", "ledger.jsonl", "junit.xml", "pytest.html", "runtime-log.ndjson", "command-log.txt"}

    assert wanted | {"web.zip", "web.har", "console.zip", "web-after.png"} <= names, leaked.output


def test_redactions_are_counted_for_each_file(leaked: Leaked) -> None:
    """The record says of every file that held a word that something was taken out of it."""
    (path,) = leaked.published.glob("status/*/drill.json")
    record = httpx2.Response(200, content=path.read_bytes()).json()
    counts = {one["path"]: one["redactions"] for one in (*record["artefacts"], *record["recordings"])}

    assert [name for name in ("junit.xml", "pytest.html", "runtime-log.ndjson", "web.zip") if not counts[name]] == []
    assert record["canary"]["ledger_redactions"] > 0


def _secrets(profile: Path) -> dict[str, str]:
    """Return what opens the staging, by name."""
    document = tomllib.loads(profile.read_text(encoding="utf-8"))
    files = {"operator": document["operator_api"]["token"]["file"], "session": document["khala"]["session"]["file"]}
    return {name: Path(file).read_text(encoding="utf-8").strip() for name, file in files.items()}


def _tokens(private: Path) -> Iterator[str]:
    """Yield every sync token that a page used."""
    for path in private.rglob("*.har"):
        yield from (token.decode() for token in TOKEN.findall(path.read_bytes()))


def _environment(private: Path) -> dict[str, str]:
    told = {f"LEAK_{_variable(channel)}_SECRET": WORDS[channel] for channel in TOLD if channel != "profile-secret"}
    untold = {f"LEAK_{_variable(channel)}_WORD": WORDS[channel] for channel in UNTOLD}
    return {
        **os.environ,
        **told,
        **untold,
        "LEAK_PROFILE": WORDS["profile-secret"],
        "LEAK_CONTROL": str(private / "control.txt"),
        "XDG_STATE_HOME": str(private),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
        "PYTEST_ADDOPTS": "-p tests.functional.drill.leaky --showlocals",
    }


def _variable(channel: str) -> str:
    return channel.upper().replace("-", "_")


def _repository(folder: Path) -> Path:
    """Return a repository whose commit, branch and remote each hold a word."""
    folder.mkdir()
    author = f"{WORDS['commit-author']} <drill@staging.example>"
    message = ("-m", f"Say {WORDS['commit-subject']}")
    commands = (
        ("init", "--quiet", "--initial-branch", WORDS["branch"]),
        ("remote", "add", "origin", f"https://drill:{WORDS['remote-password']}@git.example/drills.git"),
        ("config", "user.name", "x"),
        ("config", "user.email", "x@staging.example"),
        ("commit", "--quiet", "--allow-empty", "--author", author, *message),
    )
    for words in commands:
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def _leaky(profile: str, proxy: str) -> str:
    """Return the profile of a staging with words in it, and with its metrics and logs read through ``proxy``."""
    document = tomllib.loads(profile)
    text = profile.replace(f'"{document["metrics"]["url"]}"', f'"{proxy}/metrics"')
    text = text.replace(f'"{document["links"]["logs"]}"', f'"{proxy}/logs"')
    text = text.replace("Web admin", f"Web admin {WORDS['surface-title']}")
    text = text.replace("notes = [", f'mask = ["[data-leak]"]\nnotes = [\n    "{WORDS["profile-note"]}",')
    return f'{text}\n[secrets]\nleak = {{ env = "LEAK_PROFILE" }}\n'


class _Gossip(http.server.BaseHTTPRequestHandler):
    """Hands on what the staging says, with words in it."""

    upstream: ClassVar[Mapping[str, str]] = {}

    def do_GET(self) -> None:
        said = httpx2.get(self.upstream[self.path], trust_env=False).text
        content = _labelled(said) if self.path == "/metrics" else said + _log_lines()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(content.encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name that http.server gives it
        """Say nothing on standard error."""


def _labelled(exposition: str) -> str:
    """Return an exposition in which one more series of a gate's metric holds a word in a label."""
    word = WORDS["metric-label"]
    pattern = re.compile(r"^(openagents_runtime_sync_parity_entity_count_total)\{(.+)\} .*$", re.MULTILINE)
    return pattern.sub(lambda line: f'{line[0]}\n{line[1]}{{{line[2]},leak="{word}"}} 0.0', exposition, count=1)


def _log_lines() -> str:
    nested = f'{{"component":"sync_parity_auditor","cause":"{{\\"word\\":\\"{WORDS["runtime-log-nested"]}\\"}}"}}'
    plain = f'{{"component":"sync_parity_auditor","message":"{WORDS["runtime-log"]} and {WORDS["profile-secret"]}"}}'
    return f"{nested}\n{plain}\n"


@contextmanager
def _gossip(profile: Mapping[str, Any]) -> Iterator[str]:
    upstream = {"/metrics": profile["metrics"]["url"], "/logs": profile["links"]["logs"]}
    handler = type("Handler", (_Gossip,), {"upstream": upstream})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
