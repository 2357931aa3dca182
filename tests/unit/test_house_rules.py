from __future__ import annotations

import importlib.util
import os
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted(ROOT.glob(".github/workflows/*.yml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PINNED_ACTION = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def name(path: Path) -> str:
    """Return the name of a file without its folders."""
    return path.name


@pytest.fixture(scope="session")
def noxfile() -> ModuleType:
    """Return the noxfile, whose check of the tree is held against wrong files here."""
    spec = importlib.util.spec_from_file_location("noxfile", ROOT / "noxfile.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def unpinned(text: str) -> list[str]:
    """Return the lines of a workflow that use an action without naming its commit and release."""
    uses = (line.strip().removeprefix("- ") for line in text.splitlines() if re.match(r"\s*(- )?uses:", line))
    return [line for line in uses if not PINNED_ACTION.fullmatch(line)]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_actions_are_pinned_to_a_commit(workflow: Path) -> None:
    """A workflow runs the code that was looked at, whatever a tag points to tomorrow."""
    assert unpinned(workflow.read_text()) == []


@pytest.mark.parametrize("reference", ["actions/checkout@v7", "actions/checkout@main # v7.0.1", f"a/b@{'0' * 40}"])
def test_an_action_that_is_not_pinned_is_found(reference: str) -> None:
    """A tag, a branch, and a commit without its release fail the check above."""
    assert unpinned(f"      - uses: {reference}\n") == [f"uses: {reference}"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_no_workflow_writes_untrusted_words_into_a_script(workflow: Path) -> None:
    """Inputs reach scripts as environment variables: a script with an expression in it could be rewritten by one."""
    scripts = re.findall(r"^ +run: (?:\|\n((?: {10,}.*\n|\n)+)|(.*)\n)", workflow.read_text(), re.MULTILINE)

    assert scripts != []
    assert [script for pair in scripts for script in pair if "${{" in script] == []


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=name)
def test_workflows_start_with_no_more_than_reading(workflow: Path) -> None:
    """Rights beyond reading are given to the one job that needs them."""
    permissions = re.search(r"^permissions:(.*(?:\n  .*)*)", workflow.read_text(), re.MULTILINE)

    assert permissions is not None
    assert permissions[1].strip() in {"{}", "contents: read"}


def test_one_nightly_drill_runs_per_target_and_is_never_cancelled() -> None:
    """A drill that waits or runs to its end has put its switches back; a cancelled one may not have."""
    text = (ROOT / ".github/workflows/nightly-drill.yml").read_text()

    assert "group: drill-${{ inputs.target || 'embedded' }}\n  cancel-in-progress: false\n" in text


def test_the_nightly_drill_always_restores_and_always_uploads() -> None:
    """Whatever happened before, switches are put back and the evidence is kept."""
    text = (ROOT / ".github/workflows/nightly-drill.yml").read_text()
    steps = {step.partition("\n")[0].strip(): step for step in re.split(r"\n {6}- ", text)}

    assert [title for title, step in steps.items() if "drill restore" in step and "if: always()" in step] != []
    assert [title for title, step in steps.items() if "upload-artifact" in title and "if: always()" in step] != []


def test_the_ci_script_can_be_run() -> None:
    """CI starts the script as a program."""
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_every_requirement_is_pinned_by_the_constraints() -> None:
    """What the project asks for installs in one known version, and one that it can use."""
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    pins = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lines}
    groups = PROJECT["dependency-groups"].values()
    wanted = [Requirement(word) for words in [PROJECT["project"]["dependencies"], *groups] for word in words]

    assert [str(one) for one in wanted if not one.specifier.contains(pins.get(canonicalize_name(one.name), "0"))] == []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("uv.lock", ""),
        ("web/package-lock.json", "{}"),
        ("pylock.toml", ""),
        ("pip.conf", "extra-index-url = https" + "://packages.example/simple"),
        ("run.sh", "pip install --find-links https" + "://packages.example/ x"),
        ("notes.json", '"resolved": "https' + '://packages.example/x.tgz"'),
        ("key.pem", f"-----BEGIN {'PRIVATE KEY'}-----\n{'canary0' * 6}\n"),
        ("settings.toml", f"token = 'ghp_{'canary' * 6}'"),
        ("page.html", f"{'eyJ'}canary000.{'eyJ'}canary000.{'canary000' * 3}"),
        ("constraints.txt", "numpy>=2\n"),
        ("constraints.txt", "numpy @ https://packages.example/numpy.whl\n"),
    ],
)
def test_what_does_not_belong_into_the_repository_is_found(noxfile: ModuleType, file: str, text: str) -> None:
    """Lock files, addresses of package indexes, secrets and unpinned constraints fail the lint session."""
    assert list(noxfile.unwanted(file, text)) != []


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("constraints.txt", "# why\nnumpy==2.4.6\nscipy-stubs==1.17.1.5\n"),
        ("drills/restore/lease.py", "from filelock import FileLock"),
        ("README.md", "an access token, a private key: neither is written here"),
    ],
)
def test_ordinary_files_are_let_through(noxfile: ModuleType, file: str, text: str) -> None:
    """The check above speaks up for what it names and for nothing else."""
    assert list(noxfile.unwanted(file, text)) == []
