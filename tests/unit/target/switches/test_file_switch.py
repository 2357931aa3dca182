"""The file switch: one value changes, in one step, and everything else stays as it was."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from drills.errors import SwitchFailed, TargetUnreachable
from drills.target.ports import Switch
from drills.target.recipes import FileSwitchRecipe
from drills.target.switches.build import build

DOTENV = "# flags\nOTHER='it is'\n  export KHALA=false   # set by the drill\nLAST=1"
JSON = '{\n  "flags": {\n    "khala": false,\n    "list": [1, 2]\n  },\n  "name": "ä"\n}\n'
YAML = "flags:\n  khala: false  # set by the drill\n  \"quoted\": 'as it is'\nlist:\n- 1\n"


def switch(path: Path, **fields: object) -> Switch:
    return build(FileSwitchRecipe.model_validate({"switch": "web", "path": path, **fields}))


@pytest.mark.parametrize(
    ("name", "content", "fields", "changed"),
    [
        ("flags.env", DOTENV, {"format": "dotenv", "key": "KHALA"}, DOTENV.replace("KHALA=false", "KHALA=true")),
        (
            "flags.json",
            JSON,
            {"format": "json", "pointer": "/flags/khala", "values": {"true": True, "false": False}},
            JSON.replace('"khala": false', '"khala": true').replace("[1, 2]", "[\n      1,\n      2\n    ]"),
        ),
        (
            "flags.yaml",
            YAML,
            {"format": "yaml", "pointer": "/flags/khala", "values": {"true": True, "false": False}},
            YAML.replace("khala: false ", "khala: true  "),
        ),
    ],
)
def test_one_value_changes(tmp_path: Path, name: str, content: str, fields: dict[str, object], changed: str) -> None:
    """The value is read, set and read back; comments, order, quotes and permissions stay; no other file is left."""
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    path.chmod(0o640)
    one = switch(path, **fields)
    assert one.read() == "false"
    one.ask("true")
    assert (one.read(), path.read_text(encoding="utf-8")) == ("true", changed)
    assert (path.stat().st_mode & 0o777, [found.name for found in tmp_path.iterdir()]) == (0o640, [name])


def test_a_yaml_or_dotenv_file_is_the_same_again_when_it_is_put_back(tmp_path: Path) -> None:
    """There and back again leaves not a byte changed."""
    for name, content, fields in (
        ("a.env", DOTENV, {"format": "dotenv", "key": "KHALA"}),
        ("a.yaml", YAML, {"format": "yaml", "pointer": "/flags/khala", "values": {"true": True, "false": False}}),
    ):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        one = switch(path, **fields)
        one.ask("true")
        one.ask("false")
        assert path.read_text(encoding="utf-8") == content


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("KHALA='false'\n", "KHALA='it\\'s true'\n"),
        ('KHALA = "false"\r\n', 'KHALA = "it\'s true"\r\n'),
        ("KHALA=\n", "KHALA='it\\'s true'\n"),
        ("KHALA\n", "KHALA='it\\'s true'\n"),
        ("", "KHALA='it\\'s true'\n"),
        ("A=1", "A=1\nKHALA='it\\'s true'\n"),
    ],
)
def test_a_dotenv_value_keeps_its_quotes_and_gets_them_where_it_needs_them(
    tmp_path: Path, before: str, after: str
) -> None:
    """Whatever the value is, it is read back as it was set."""
    path = tmp_path / "a.env"
    path.write_text(before, newline="")
    one = switch(path, format="dotenv", key="KHALA")
    one.ask("it's true")
    with path.open(newline="") as stream:
        assert (stream.read(), one.read()) == (after, "it's true")


def test_what_reads_the_file_is_told_to_look_again(tmp_path: Path) -> None:
    """The reload command runs after the edit, and its failure is one of the switch."""
    path, seen = tmp_path / "a.env", tmp_path / "seen"
    path.write_text("KHALA=false\n")
    look = [sys.executable, "-c", f"open({str(seen)!r}, 'w').write(open({str(path)!r}).read())"]
    switch(path, format="dotenv", key="KHALA", reload=look).ask("true")
    assert seen.read_text() == "KHALA=true\n"
    with pytest.raises(SwitchFailed, match="switch web, reload"):
        switch(path, format="dotenv", key="KHALA", reload=[sys.executable, "-c", "raise SystemExit(1)"]).ask("false")


def test_a_key_that_is_not_there_has_its_default(tmp_path: Path) -> None:
    """Without a default it has no value; asking adds it."""
    path = tmp_path / "a.env"
    path.write_text("OTHER=1\n")
    with pytest.raises(TargetUnreachable, match="holds no value at KHALA"):
        switch(path, format="dotenv", key="KHALA").read()
    one = switch(path, format="dotenv", key="KHALA", default="false")
    assert one.read() == "false"
    one.ask("true")
    assert (one.read(), path.read_text()) == ("true", "OTHER=1\nKHALA=true\n")


def test_a_file_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    """Absent, another format, a link, or no such place: a line each, and nothing is written."""
    path = tmp_path / "a.json"
    with pytest.raises(TargetUnreachable, match="cannot be read"):
        switch(path, format="json", pointer="/a").read()
    path.write_text("{")
    with pytest.raises(TargetUnreachable, match="is not JSON"):
        switch(path, format="json", pointer="/a").read()
    with pytest.raises(TargetUnreachable, match="is not YAML"):
        switch(path, format="yaml", pointer="/a").read()
    path.write_text('{"a": [1]}')
    with pytest.raises(SwitchFailed, match="has no place /b/c"):
        switch(path, format="json", pointer="/b/c").ask("x")
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(SwitchFailed, match="is not an ordinary file"):
        switch(link, format="json", pointer="/a").ask("x")
    assert path.read_text() == '{"a": [1]}'


def test_an_item_of_a_list_can_be_the_value(tmp_path: Path) -> None:
    """A pointer may lead into a list."""
    path = tmp_path / "a.json"
    path.write_text('{"a":["x","y"]}')
    one = switch(path, format="json", pointer="/a/1")
    one.ask("z")
    assert (one.read(), path.read_text()) == ("z", '{\n  "a": [\n    "x",\n    "z"\n  ]\n}')
