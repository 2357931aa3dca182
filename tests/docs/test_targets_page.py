"""Every piece of a profile in docs/targets.md is right, and does what the page says, against stand-ins made here."""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import threading
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
from click.testing import CliRunner
from markdown_it import MarkdownIt

from drills.cli import main
from drills.runbook.load import load_runbook
from drills.target.profile import Profile, demand_fit, parse_profile
from drills.target.profile.switches import recipe_of
from drills.target.recipes import CommandSwitchRecipe, FileSwitchRecipe, HttpSwitchRecipe, ProcessSwitchRecipe
from drills.target.steps import Login
from drills.target.switches.build import build

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "targets.md").read_text(encoding="utf-8")
REAL = (ROOT / "tests" / "unit" / "target" / "real_staging.toml").read_text(encoding="utf-8")
BLOCKS = [token for token in MarkdownIt().parse(PAGE) if token.type == "fence"]
PIECES = [block.content for block in BLOCKS if block.info == "toml"]
LOGIN = [piece for piece in PIECES if piece.startswith("url = ")]
PARTS = [piece for piece in PIECES if piece not in LOGIN]


def laid_over(piece: str) -> Profile:
    """Return a whole profile with ``piece`` in the place of what it says; surfaces and switches by their names."""
    document: dict[str, Any] = tomllib.loads(REAL)
    for section, content in tomllib.loads(piece).items():
        by_name = section in {"surfaces", "switches"}
        document[section] = {**document[section], **content} if by_name else content
    return parse_profile(document, "docs/targets.md")


def switches() -> Iterator[Any]:
    """Yield every switch of the page with its name."""
    for number, piece in enumerate(PARTS):
        for name, settings in laid_over(piece).switches.items():
            if name in tomllib.loads(piece).get("switches", {}):
                yield pytest.param(recipe_of(name, settings), id=f"{number}-{name}-{settings.kind}")


@pytest.mark.parametrize("piece", PARTS)
def test_a_piece_is_part_of_a_profile_that_fits_the_runbook(piece: str) -> None:
    """Each piece can be put into a profile as it stands."""
    demand_fit(laid_over(piece), load_runbook(), "docs/targets.md")


def test_a_wrong_piece_would_be_found() -> None:
    """A mistyped key fails the check above."""
    with pytest.raises(Exception, match="is not known here"):
        laid_over('[links]\ndashbord = "https://grafana.example"\n')


def test_the_page_shows_every_kind() -> None:
    """Nobody has to guess how a kind is written."""
    sections = [tomllib.loads(piece) for piece in PARTS]
    for section, kinds in (
        ("surfaces", {"browser", "cdp", "remote"}),
        ("switches", {"command", "http", "file", "process", "page", "unleash", "launchdarkly"}),
    ):
        assert {one["kind"] for part in sections for one in part.get(section, {}).values()} == kinds
    assert {part["stimulus"]["kind"] for part in sections if "stimulus" in part} == {"http", "command", "none"}


def test_the_login_file_is_one() -> None:
    """Its steps can be read; tests/functional/target does them in a browser."""
    (login,) = LOGIN
    steps = Login.model_validate(tomllib.loads(login)).steps
    assert [step.action for step in steps] == ["fill", "fill", "click", "wait"]


STAND_IN = """#!{python}
import json, pathlib, sys
plan, state = json.loads(pathlib.Path({plan!r}).read_text()), pathlib.Path({state!r})
words = [pathlib.Path(sys.argv[0]).name, *sys.argv[1:]]
if words == plan["get"]:
    print(plan["print"].replace("VALUE", plan["reads"].get(state.read_text(), state.read_text())))
elif words in plan["sets"]:
    state.write_text(plan["values"][plan["sets"].index(words)])
elif words not in plan["waits"]:
    sys.exit(f"not asked for: {{words}}")
"""


@dataclass(frozen=True)
class Programs:
    """A folder of stand-ins for the programs of a recipe. They do only what the recipe says, word by word."""

    folder: Path

    def make(self, recipe: CommandSwitchRecipe, values: tuple[str, str]) -> None:
        """Write them; the first of ``values`` is the one in effect."""
        words = [recipe.get, recipe.set, *([recipe.wait] if recipe.wait else [])]
        plan, state = self.folder / "plan.json", self.folder / "state"
        state.write_text(values[0])
        shown = {} if recipe.pointer is None else {recipe.pointer.removeprefix("/"): "VALUE"}
        plan.write_text(
            json.dumps(
                {
                    "get": recipe.get,
                    "sets": [[word.replace("{value}", value) for word in recipe.set] for value in values],
                    "waits": [list(recipe.wait or ())],
                    "values": values,
                    "reads": recipe.reads,
                    "print": json.dumps(shown) if shown else "VALUE",
                }
            )
        )
        for name in {argv[0] for argv in words}:
            path = self.folder / name
            path.write_text(STAND_IN.format(python=sys.executable, plan=str(plan), state=str(state)))
            path.chmod(0o755)


def both_values(switch: str) -> tuple[str, str]:
    """Return the runbook's values of a switch, the old lane's first."""
    wanted = load_runbook().switch(switch)
    return wanted.old_lane, wanted.new_lane


@pytest.mark.parametrize("recipe", [one for one in switches() if "command" in one.id])
def test_commands_read_and_set(recipe: CommandSwitchRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each word reaches the program as it stands on the page; secrets are handed over by their names."""
    old, new = both_values(recipe.switch)
    Programs(tmp_path).make(recipe, (old, new))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for name in recipe.secrets:
        monkeypatch.setenv(name, "canary-token")
    one = build(recipe.model_copy(update={"ready": None}))
    assert one.read() == old
    one.ask(new)
    assert one.read() == new


class Api(BaseHTTPRequestHandler):
    """An admin API with one setting, in whatever place and shape a recipe expects it."""

    pointer: ClassVar[str]
    reads: ClassVar[str]
    value: ClassVar[object]

    def do_GET(self) -> None:
        """Tell the setting."""
        document: object = self.value
        for part in reversed(self.pointer.split("/")[1:]):
            document = {part: document}
        self._answer(document)

    def do_POST(self) -> None:
        """Set it as Unleash does, or tell it as an OpenFeature provider does."""
        content = self._content()
        word = self.path.rpartition("/")[2]
        type(self).value = {"on": True, "off": False}.get(word, self.value)
        assert word in {"on", "off"} or content == {"context": {"targetingKey": "drill"}}
        self.do_GET()

    def do_PUT(self) -> None:
        """Set it."""
        content = self._content()
        type(self).value = content[0]["value"] if isinstance(content, list) else content["value"]
        self._answer({})

    def do_PATCH(self) -> None:
        """Set it."""
        self.do_PUT()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        """Say nothing."""

    def _content(self) -> Any:
        sent = self.rfile.read(int(self.headers["content-length"] or 0))
        return json.loads(sent) if sent else None

    def _answer(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def address() -> Iterator[str]:
    """Where an admin API answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


HTTP_KINDS = ("http", "unleash", "launchdarkly")


@pytest.mark.parametrize("recipe", [one for one in switches() if one.id and one.id.split("-")[-1] in HTTP_KINDS])
def test_requests_read_and_set(recipe: HttpSwitchRecipe, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """An API that takes what the recipe sends shows what the recipe reads."""
    for name in ("UNLEASH_ADMIN_TOKEN", "LAUNCHDARKLY_TOKEN", "ADMIN_KEY", "FLAGS_TOKEN"):
        monkeypatch.setenv(name, "canary-token")
    old, new = both_values(recipe.switch)
    Api.pointer, Api.value = recipe.pointer, (recipe.reads or recipe.values).get(old, old)
    local = re.sub(r"https://[\w.]+", address, recipe.model_dump_json())
    one = build(HttpSwitchRecipe.model_validate_json(local).model_copy(update={"poll_seconds": 0}))
    assert one.read() == old
    one.ask(new)
    assert one.read() == new


@pytest.mark.parametrize("recipe", [one for one in switches() if "-file" in str(one.id)])
def test_files_are_edited(recipe: FileSwitchRecipe, tmp_path: Path) -> None:
    """The place that the recipe names is read and set."""
    old, new = both_values(recipe.switch)
    path = tmp_path / recipe.path.name
    path.write_text(
        {"dotenv": f"SINK_PATH={old}\n", "yaml": f"runtime:\n  parity:\n    enabled: {old}\n"}[recipe.format]
    )
    one = build(recipe.model_copy(update={"path": path, "reload": ("true",) if recipe.reload else None}))
    assert one.read() == old
    one.ask(new)
    assert one.read() == new


@pytest.mark.parametrize("recipe", [one for one in switches() if "-process" in str(one.id)])
def test_processes_are_started_again(recipe: ProcessSwitchRecipe, tmp_path: Path) -> None:
    """A stand-in for the application runs with the variable that the recipe names."""
    program = tmp_path / "app"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(600)\n")
    program.chmod(0o755)
    pid_file = tmp_path / "pid"
    one = build(recipe.model_copy(update={"argv": (str(program), *recipe.argv[1:]), "pid_file": pid_file}))
    try:
        for value in ("false", "true"):
            one.ask(value)
            assert one.read() == value
    finally:
        psutil.Process(int(pid_file.read_text())).kill()


@pytest.mark.parametrize("block", [block.content for block in BLOCKS if block.info == "text"])
def test_what_the_page_says_is_printed_is_printed(block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the doctor for a secret that is not there, and by a drill on a profile with two mistakes."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("STAGING_SESSION", raising=False)
    monkeypatch.chdir(tmp_path)
    right = "MISS" in block
    text = REAL if right else REAL.replace("= 500", "= -1", 1).replace('"unleash"', '"unleesh"')
    Path("staging.toml").write_text(text)
    done = CliRunner().invoke(main, [*shlex.split("doctor" if right else "run"), "--target", "staging.toml"])
    assert done.exit_code == 2
    assert block in done.output
