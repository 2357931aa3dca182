from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "drills", "report_templates")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the wheel of this checkout, built from a copy of only what a build may read."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        source, copy = ROOT / name, folder / "source" / name
        copy.parent.mkdir(exist_ok=True)
        _ = shutil.copytree(source, copy, ignore=_debris) if source.is_dir() else shutil.copy(source, copy)
    words: list[str | Path] = [
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
        "--wheel-dir",
        folder / "out",
    ]
    subprocess.run([sys.executable, "-m", "pip", *words, folder / "source"], check=True)
    (built,) = (folder / "out").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the programs of a fresh environment in which the wheel was installed.

    Its dependencies are those of this environment, by a path file. Path files inside that path are not followed, so an
    editable installation of the checkout stays out of sight.
    """
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    scheme = sysconfig.get_paths("venv", vars={"base": str(home), "platbase": str(home)})
    python = Path(scheme["scripts"]) / Path(sys.executable).name
    words: list[str | Path] = ["--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    (Path(scheme["purelib"]) / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return python.parent


def _debris(_folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "__pycache__"]


def packed(wheel: Path) -> set[str]:
    """Return the names of the files in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def files(folder: Path) -> list[Path]:
    """Return the files below ``folder`` that are somebody's work."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)


def run(program: Path, *words: str, cwd: Path) -> str:
    """Run an installed program outside of the checkout and return what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    told = subprocess.run([program, *words], cwd=cwd, env=environment, capture_output=True, text=True, check=True)
    return told.stdout.strip()


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    """Code, runbook, profiles, pages, styles and scripts all travel with the package."""
    expected = {path.relative_to(ROOT).as_posix() for path in files(ROOT / "drills")}

    assert "drills/runbook/khala_cutover.toml" in expected
    assert expected - packed(wheel) == set()


def test_the_report_templates_are_in_the_wheel(wheel: Path) -> None:
    """The templates at the top of the checkout are found inside the installed package."""
    templates = [path.relative_to(ROOT / "report_templates").as_posix() for path in files(ROOT / "report_templates")]

    assert templates != []
    assert {f"drills/report/templates/{name}" for name in templates} - packed(wheel) == set()


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    """Tests and the tools of the checkout stay at home."""
    folders = {name.partition("/")[0] for name in packed(wheel)}

    assert folders == {"drills", f"khala_drills-{VERSION}.dist-info"}


def test_the_installed_package_is_the_one_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    """The checks below look at the wheel and not, by accident, at the checkout."""
    place = run(installed / "python", "-c", "import drills; print(drills.__file__)", cwd=tmp_path)

    assert Path(place).is_relative_to(installed.parent)


def test_the_installed_package_loads_its_runbook(installed: Path, tmp_path: Path) -> None:
    """The runbook is read from the package, wherever it is installed."""
    program = "from drills.runbook.load import load_runbook; print(len(load_runbook().checklist))"

    assert run(installed / "python", "-c", program, cwd=tmp_path) == "6"


def test_the_installed_package_renders_its_templates(installed: Path, tmp_path: Path) -> None:
    """Documents are made from the templates inside the package."""
    program = "from drills.report.render import render_index; print(render_index([]))"

    assert run(installed / "python", "-c", program, cwd=tmp_path).startswith("# ")


@pytest.mark.skipif(importlib.util.find_spec("drills.cli") is None, reason="there is no command line yet")
def test_the_installed_command_tells_its_version(installed: Path, tmp_path: Path) -> None:
    """``drill`` starts outside of the checkout and names the version of the wheel."""
    assert VERSION in run(installed / "drill", "--version", cwd=tmp_path)
