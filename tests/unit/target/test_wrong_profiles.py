"""Wrong profiles: each mistake is told with its key and its line, before anything is touched."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from drills.cli import main
from drills.errors import ProfileInvalid
from drills.runbook.load import load_runbook
from drills.target.profile import demand_fit, load_profile
from drills.target.profile.lines import line_of, lines_of

REAL = Path(__file__).with_name("real_staging.toml").read_text(encoding="utf-8")
REFERENCE = 'a secret is never written here; name it: { env = "VARIABLE" } or { file = "path" }'
HTTP = "must be an address that begins with http:// or https://"
WORDS = 'a command is a list of words, such as ["kubectl", "get"]; no shell reads it'
ACTIONS = "goto, fill, select, click, check, uncheck, press, wait"

#: What stands in the profile, what stands there in its place, and the one mistake that is told.
MISTAKES = {
    "name with spaces": (
        'name = "real"',
        'name = "Real Staging"',
        "name (line 2): String should match pattern '^[a-z0-9]+(-[a-z0-9]+)*$'",
    ),
    "no name": ('name = "real"\n', "", "name: is missing"),
    "unknown environment": (
        '"staging"\nrepo',
        '"laptop"\nrepo',
        "environment (line 3): Input should be 'embedded', 'staging' or 'production'",
    ),
    "ssh repository": ('"https://git.example/team/app"', '"git@example:team"', f"repository_url (line 4): {HTTP}"),
    "credentials in an address": (
        '"https://git.example/team/app"',
        '"https://me:canary-password@git.example"',
        "repository_url (line 4): an address holds no user name or password; name them as a secret",
    ),
    "unknown key": ('operator = "runtime lane"', 'operater = "x"', "operater (line 5): is not known here"),
    "negative objective": (
        "lane_target_ms = 500",
        "lane_target_ms = -1",
        "objectives.lane_target_ms (line 8): Input should be greater than 0",
    ),
    "threshold that is a percentage": (
        "incident_threshold = 0.05",
        "incident_threshold = 5",
        "objectives.incident_threshold (line 9): Input should be less than or equal to 1",
    ),
    "text for a number": (
        "lane_target_ms = 500",
        'lane_target_ms = "fast"',
        "objectives.lane_target_ms (line 8): Input should be a valid number, unable to parse string as a number",
    ),
    "socket that is none": (
        '"wss://runtime.example/sync/socket/websocket"',
        '"https://runtime.example/"',
        "khala.socket_url (line 12): must be an address that begins with ws:// or wss://",
    ),
    "secret in the file": ('{ env = "STAGING_SESSION" }', '"canary-session"', f"khala.session (line 14): {REFERENCE}"),
    "secret in two places": (
        '{ env = "STAGING_SESSION" }',
        '{ env = "A", file = "b" }',
        "khala.session (line 14): a secret is found in one place: either env or file",
    ),
    "secret in no place": (
        '{ env = "STAGING_SESSION" }',
        "{}",
        "khala.session (line 14): a secret is found in one place: either env or file",
    ),
    "session without its address": (
        'token_url = "https://runtime.example/api/sync/token"\n',
        "",
        "khala (line 11): token_url and session go together: the session is what the token is asked for with",
    ),
    "unknown stimulus": (
        'kind = "http"\nurl = "https://runtime.example/int',
        'kind = "guess"\nurl = "https://runtime.example/int',
        "stimulus.kind (line 17): 'guess' is none of 'http', 'command', 'none'",
    ),
    "stimulus without a kind": (
        'kind = "http"\nurl = "https://runtime.example/int',
        'url = "https://runtime.example/int',
        "stimulus.kind (line 16): is missing",
    ),
    "half an event": (
        'sequence = "/data/seq"\n',
        "",
        "stimulus (line 16): worker and sequence go together: an event is a worker at a sequence number",
    ),
    "pointer without a slash": (
        'workers = "/data"',
        'workers = "data"',
        "authority.workers (line 26): a JSON pointer is empty or begins with /",
    ),
    "plain secret header": (
        '{ env = "STAGING_KEY", prefix = "Bearer " }',
        '"Bearer canary-key"',
        'stimulus.headers (line 19): Authorization is a secret; name it: { env = "VARIABLE", prefix = "Bearer " }',
    ),
    "cohort without a session": (
        'token_url = "https://runtime.example/api/sync/token"\nsession = { env = "STAGING_SESSION" }\n',
        "",
        "cohort.clients (line 32): needs khala.token_url and khala.session, with which its clients get in",
    ),
    "too many clients": (
        "clients = 10",
        "clients = 100000",
        "cohort.clients (line 34): Input should be less than or equal to 1000",
    ),
    "empty dashboard": ('"https://grafana.example/d/parity"', '""', f"links.dashboard (line 37): {HTTP}"),
    "unknown surface kind": (
        'kind = "browser"',
        'kind = "telnet"',
        "surfaces.web.kind (line 41): Input should be 'browser', 'cdp' or 'remote'",
    ),
    "surface without a title": ('title = "Web admin"\n', "", "surfaces.web.title (line 40): is missing"),
    "surface without its legacy lane": (
        (
            '[surfaces.web.legacy]\nrequest = "https://runtime.example/api/runtime/codex/workers"\n'
            "interval_seconds = 5\nallowed = 1\n"
        ),
        "",
        "surfaces.web.legacy (line 40): is missing",
    ),
    "pace of nothing": (
        "interval_seconds = 5",
        "interval_seconds = 0",
        "surfaces.web.legacy.interval_seconds (line 48): Input should be greater than 0",
    ),
    "remote surface without a place": (
        'endpoint = "ws://browsers.example:3000/"\n',
        "",
        "surfaces.mobile (line 51): a remote surface needs endpoint",
    ),
    "browser surface with a place": (
        'login = "login.toml"',
        'endpoint = "http://127.0.0.1:9222"',
        'surfaces.web (line 40): a browser surface has no endpoint; say kind = "cdp" or "remote"',
    ),
    "page without http": (
        '"https://admin.example/"',
        '"app://admin/"',
        "surfaces.web (line 40): url must begin with http:// or https://; other schemes are for cdp",
    ),
    "device for an application": (
        'url = "app://desktop/"',
        'url = "app://desktop/"\ndevice = "iPhone 15"',
        "surfaces.desktop (line 59): a cdp surface takes no device",
    ),
    "empty selector": (
        'login = "login.toml"',
        'selectors = { any_row = " " }',
        "surfaces.web.selectors.any_row (line 44): a selector says something, such as [data-worker-id]",
    ),
    "shell command": (
        'launch = ["/opt/desktop/app", "--remote-debugging-port=9222"]',
        'launch = "/opt/desktop/app --remote-debugging-port=9222"',
        f"surfaces.desktop.launch (line 64): {WORDS}",
    ),
    "unknown switch kind": (
        'kind = "unleash"',
        'kind = "unleesh"',
        (
            "switches.web.kind (line 68): 'unleesh' is none of 'http', 'command', 'file', 'process', 'page', "
            "'unleash', 'launchdarkly'"
        ),
    ),
    "flag without a name": ('feature = "khala-web"\n', "", "switches.web.feature (line 67): is missing"),
    "flag token in the file": (
        'token = { env = "UNLEASH_TOKEN" }',
        'token = "canary-token"',
        f"switches.web.token (line 73): {REFERENCE}",
    ),
    "command without words": (
        'set = ["eas-set-flag", "{value}"]',
        "set = []",
        "switches.mobile.set (line 78): Tuple should have at least 1 item after validation, not 0",
    ),
    "time that runs backwards": (
        "settle_seconds = 600",
        "settle_seconds = -1",
        "switches.mobile.settle_seconds (line 79): Input should be greater than 0",
    ),
    "status that is none": (
        'pointer = "/khala"',
        'pointer = "/khala"\nstatus = 20',
        "switches.mobile.ready.status (line 84): Input should be greater than or equal to 100",
    ),
    "variable that is none": (
        '"OA_DESKTOP_KHALA_SYNC_ENABLED"',
        '"OA DESKTOP"',
        "switches.desktop.variable (line 89): String should match pattern '^[A-Za-z_][A-Za-z0-9_]*$'",
    ),
    "file without a key": (
        'key = "SINK_PATH"\n',
        "",
        "switches.sink-path (line 93): a dotenv file needs key, and no pointer",
    ),
    "unknown format": (
        'format = "dotenv"',
        'format = "ini"',
        "switches.sink-path.format (line 96): Input should be 'dotenv', 'json' or 'yaml'",
    ),
    "step that does two things": (
        '{ click = "#save" }',
        '{ click = "#save", wait = "#done" }',
        f"switches.parity-auditor.steps.2 (line 103): a step does one thing: one of {ACTIONS}",
    ),
    "step without its text": (
        '{ select = "#parity", text = "{value}" }',
        '{ select = "#parity" }',
        "switches.parity-auditor.steps.1 (line 103): a step that says select needs one of text and secret",
    ),
    "page that cannot be read back": (
        '[switches.parity-auditor.read]\nkind = "http"',
        '[switches.parity-auditor.read]\nkind = "page"',
        "switches.parity-auditor.read.kind (line 110): 'page' is none of 'http', 'command', 'file'",
    ),
}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "staging.toml"
    path.write_text(text, encoding="utf-8")
    return path


def run(path: Path, *words: str) -> Result:
    """Run a drill on a profile; no address in it exists."""
    return CliRunner().invoke(main, ["run", "--target", str(path), *words])


def test_the_profile_without_a_mistake_is_a_profile(tmp_path: Path) -> None:
    """Everything below is told because of its one mistake; files are looked for beside the profile."""
    profile = load_profile(written(tmp_path, REAL))
    demand_fit(profile, load_runbook(), "staging.toml")
    assert profile.surfaces["web"].login == tmp_path / "login.toml"
    assert len(MISTAKES) >= 30


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_its_place(mistake: str, tmp_path: Path) -> None:
    """One line with key, line number and what is wrong; exit code 2, and no secret is repeated."""
    right, wrong, told = MISTAKES[mistake]
    assert REAL.count(right) >= 1
    result = run(written(tmp_path, REAL.replace(right, wrong, 1)))
    lines = [line.removeprefix("  - ") for line in result.output.splitlines() if line.startswith("  - ")]
    assert (result.exit_code, lines) == (2, [told])
    assert "canary" not in result.output


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    """Nobody has to mend a file one mistake at a time."""
    names = ("negative objective", "unknown surface kind", "unknown switch kind", "unknown format")
    text = REAL
    for right, wrong, _ in (MISTAKES[name] for name in names):
        text = text.replace(right, wrong, 1)
    with pytest.raises(ProfileInvalid) as caught:
        load_profile(written(tmp_path, text))
    assert list(caught.value.mistakes) == [MISTAKES[name][2] for name in names]


def test_a_mistake_in_the_environment_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is right, so the variable is named in place of a line."""
    monkeypatch.setenv("DRILL_TARGET_OBJECTIVES__LANE_TARGET_MS", "-5")
    with pytest.raises(ProfileInvalid) as caught:
        load_profile(written(tmp_path, REAL))
    assert list(caught.value.mistakes) == [
        "objectives.lane_target_ms (from DRILL_TARGET_OBJECTIVES__LANE_TARGET_MS): Input should be greater than 0"
    ]


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Told here by which of three wrong values is complained of."""
    path = written(tmp_path, REAL.replace("lane_target_ms = 500", "lane_target_ms = -1"))
    monkeypatch.setenv("DRILL_TARGET_OBJECTIVES__LANE_TARGET_MS", "nothing")
    assert "unable to parse" in run(path).output
    assert "greater than 0" in run(path, "--set", "objectives.lane_target_ms=-2").output
    assert "KEY=VALUE" in run(path, "--set", "objectives").output


def test_production_is_refused_unless_it_is_meant(tmp_path: Path) -> None:
    """Nothing else is looked at before someone says that production is meant."""
    path = written(tmp_path, REAL.replace('environment = "staging"\nrepo', 'environment = "production"\nrepo'))
    result = run(path)
    assert (result.exit_code, "--allow-production" in result.output) == (2, True)


def test_a_console_needs_its_api_and_someone_must_have_switches(tmp_path: Path) -> None:
    """Sections that are right by themselves can contradict each other."""
    head, _, tail = REAL.partition("[switches.web]")
    del tail
    with pytest.raises(ProfileInvalid) as caught:
        load_profile(written(tmp_path, head + '[console]\nurl = "https://runtime.example/operator"\n'))
    assert list(caught.value.mistakes) == [
        "switches: is missing: without an operator API each switch of the runbook needs a table",
        "console (line 67): needs [operator_api], over which its switches are read back",
    ]


def test_a_profile_that_does_not_fit_its_runbook_is_refused(tmp_path: Path) -> None:
    """Everything that the runbook flips and looks at must be there, under the runbook's names and values."""
    text = REAL.replace("[switches.web]", "[switches.wbe]").replace("[surfaces.desktop]", "[surfaces.laptop]")
    text = text.replace('kind = "file"', 'kind = "file"\nvalues = { dual = "both" }')
    with pytest.raises(ProfileInvalid) as caught:
        demand_fit(load_profile(written(tmp_path, text)), load_runbook(), "staging.toml")
    assert list(caught.value.mistakes) == [
        "switches.wbe: the runbook has no such switch; it has web, mobile, desktop, sink-path, parity-auditor",
        "switches.web: is missing: the runbook flips VITE_KHALA_SYNC_ENABLED",
        "switches.sink-path: has no value convex-only, which the runbook sets",
        "surfaces.desktop: is missing: the runbook looks at this surface",
    ]


def test_every_key_of_a_file_has_its_line() -> None:
    """Also in tables of an array, inside inline tables, and after values that take several lines."""
    text = 'a = """\nb = 1\n"""\n# c = 2\n[t."x.y"]\nd = { e = 3 }\n\n[[l]]\nf = [\n  1,\n]\n[[l]]\ng.h = 5\n'
    assert tomllib.loads(text)["l"][1] == {"g": {"h": 5}}
    lines = lines_of(text)
    assert {place: lines[place] for place in [("a",), ("t", "x.y", "d", "e"), ("l", 0, "f"), ("l", 1, "g", "h")]} == {
        ("a",): 1,
        ("t", "x.y", "d", "e"): 6,
        ("l", 0, "f"): 9,
        ("l", 1, "g", "h"): 13,
    }
    assert (line_of(("t", "x.y", "missing"), lines), line_of(("nowhere",), lines)) == (5, None)
