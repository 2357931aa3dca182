"""What is done with this repository: one session for each habit. ``nox --list`` tells them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

import nox

nox.needs_version = ">=2026.4"
nox.options.sessions = ["staging_drill"]
nox.options.reuse_venv = "yes"
nox.options.error_on_external_run = True

ROOT = Path(__file__).parent
PROJECT = nox.project.load_toml(ROOT / "pyproject.toml")
LOCK_FILES = re.compile(r"(^|/)([^/]*\.lock|[^/]*-lock\.(json|yaml)|pylock[^/]*\.toml)$")
#: What a downloaded address, a machine's own set-up or a secret looks like in a tracked file.
UNWANTED = {
    "the address of a package index": re.compile(r"(index-url|find-links)\s*[= ]\s*\S*://|\"resolved\":\s*\"https?:"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s*\n\s*[A-Za-z0-9+/=]{16}"),
    "an access token": re.compile(r"\b(gh[pousr]_[A-Za-z0-9]{36}|glpat-[\w-]{20}|AKIA[0-9A-Z]{16})\b"),
    "a signed web token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{16,}"),
}
#: What kills, and what is killed beside a drill; the figures of docs/comparison.md are of this version.
KILLS, CHAOS_TOOLKIT = "tests.functional.restore.kills", "chaostoolkit==1.19.0"
#: The last line of Unleash that runs on the Node of Debian 12.
UNLEASH = "unleash-server@6.10.1"
PINNED = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+_-]+")


@nox.session
def staging_drill(session: nox.Session) -> None:
    """Run the staging drill; words after -- are passed on to `drill run`."""
    if install(session, package()):
        session.run("python", "-m", "drills.target.chromium")
    session.run("drill", "run", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and hold branch coverage to its limit; with words after --, only what they select."""
    install(session, [*package(), *group("tests")])
    if session.posargs:
        session.run("python", "-m", "pytest", *session.posargs)
        return
    session.run("coverage", "erase")
    session.run("coverage", "run", "-m", "pytest")
    session.run("coverage", "combine", "--quiet")
    session.run("coverage", "report")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style, floors, workflows, and that nothing slipped in that does not belong here."""
    install(session, group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("lint-imports", "--no-cache")
    session.run("check-jsonschema", "--builtin-schema", "vendor.github-workflows", *workflows())
    if found := list(unwanted_in_tree(tracked_files(session))):
        session.error("\n".join(found))


@nox.session
def types(session: nox.Session) -> None:
    """Check types, strictly, in the package, its tests and this file."""
    install(session, [*package(), *group("tests"), *group("types")])
    session.run("mypy")
    session.run("mypy", "noxfile.py")


@nox.session
def docs(session: nox.Session) -> None:
    """Run every example in the documentation, and hold every command it names against the real ones."""
    install(session, [*package(), *group("tests")])
    session.run("python", "-m", "pytest", "tests/docs", *session.posargs)


@nox.session(default=False)
def kill_drill(session: nox.Session) -> None:
    """Kill real drills in every way, at every step and at random moments; words after -- choose which kills."""
    if install(session, [*package(), *group("tests")]):
        session.run("python", "-m", "drills.target.chromium")
    session.run("python", "-m", KILLS, *session.posargs)


@nox.session(default=False)
def kill_comparison(session: nox.Session) -> None:
    """Die the same deaths with Chaos Toolkit and with a drill, on the same staging, and print both tables."""
    if install(session, [*package(), *group("tests"), CHAOS_TOOLKIT]):
        session.run("python", "-m", "drills.target.chromium")
    for product in ("chaos-toolkit", "drill"):
        words = ["--product", product, "--comparable", *session.posargs]
        session.run("python", "-m", KILLS, *words, success_codes=[0, 1])


@nox.session(default=False)
def real_staging(session: nox.Session) -> None:
    """Drill a staging of parts that nobody made for drills; the word after -- is where its report goes.

    It needs PostgreSQL, Prometheus, nginx, Chromium, and Node 18 to 20, on which Unleash runs.
    """
    install(session, [*package(), *group("tests")])
    environment = {"REAL_STAGING_UNLEASH": str(unleash(session)), "REAL_STAGING_PROFILES": session.create_tmp()}
    if session.posargs:
        environment["REAL_STAGING_OUT"] = session.posargs[0]
    session.run("python", "-m", "pytest", "tests/real_staging", env=environment)


@nox.session(default=False)
def fuzz(session: nox.Session) -> None:
    """Feed every parser far more inputs than the tests do, and print the figures; words after -- are pytest's."""
    install(session, [*package(), *group("tests")])
    session.env.setdefault("FUZZ_EXAMPLES", os.environ.get("FUZZ_EXAMPLES", "5000"))
    session.run("python", "-m", "pytest", "tests/functional/fuzz", "-q", *session.posargs)


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure beside what others do, each benchmark in a process of its own; words after -- name some of them."""
    install(session, [*package(), *group("tests"), *group("bench")])
    for name in session.posargs or sorted(path.stem for path in (ROOT / "tests" / "bench").glob("*.py")):
        session.run("python", "-m", f"tests.bench.{name}")


@nox.session(default=False, reuse_venv=False)
def constraints(session: nox.Session) -> None:
    """Write constraints.txt anew from what installs today."""
    groups = [one for name in ("tests", "bench", "lint", "types") for one in group(name)]
    session.install(*PROJECT["project"]["dependencies"], *groups)
    frozen = session.run("python", "-m", "pip", "freeze", silent=True) or ""
    path = ROOT / "constraints.txt"
    comments = [line for line in path.read_text().splitlines() if line.startswith("#")]
    path.write_text("\n".join([*comments, *(line for line in frozen.splitlines() if PINNED.fullmatch(line))]) + "\n")


def unleash(session: nox.Session) -> Path:
    """Install Unleash once, beside the session's Python and without a lock file, and return its folder."""
    folder = Path(session.virtualenv.location) / UNLEASH.replace("@", "-")
    installed = folder / "node_modules" / "unleash-server"
    if not installed.is_dir():
        folder.mkdir(exist_ok=True)
        words = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev"]
        session.run("npm", "install", "--prefix", str(folder), *words, UNLEASH, external=True)
    return installed


def package() -> list[str]:
    """Return the words that install this package from its checkout, so that an edit needs no new installation."""
    return ["--editable", "."]


def group(name: str) -> list[str]:
    """Return the requirements of one dependency group."""
    return list(nox.project.dependency_groups(PROJECT, name))


def install(session: nox.Session, requirements: list[str]) -> bool:
    """Install once, and again only when what is asked for has changed. Returns whether anything was installed."""
    stamp = Path(session.virtualenv.location) / "installed"
    wanted = fingerprint(requirements)
    if stamp.exists() and stamp.read_text() == wanted:
        return False
    session.install("--constraint", "constraints.txt", *requirements)
    stamp.write_text(wanted)
    return True


def fingerprint(requirements: list[str]) -> str:
    """Return a digest of everything that decides what gets installed, and where the checkout is."""
    facts = [requirements, PROJECT["project"], PROJECT["tool"]["hatch"], (ROOT / "constraints.txt").read_text()]
    return hashlib.sha256(json.dumps([str(ROOT), *facts], sort_keys=True).encode()).hexdigest()


def workflows() -> list[str]:
    """Return the workflow files."""
    return [str(path) for path in sorted(ROOT.glob(".github/workflows/*.yml"))]


def tracked_files(session: nox.Session) -> list[Path]:
    """Return the files that are, or would be, under version control."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = session.run(*words, external=True, silent=True) or ""
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def unwanted_in_tree(paths: list[Path]) -> Iterator[str]:
    """Yield what does not belong into the repository, file by file."""
    for path in paths:
        name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
        yield from (f"{name}: {what}" for what in unwanted(name, path.read_text(errors="replace")))


def unwanted(name: str, text: str) -> Iterator[str]:
    """Yield what a file called ``name`` with this ``text`` should not hold."""
    if LOCK_FILES.search(name):
        yield "a lock file, which records download addresses"
    for what, pattern in UNWANTED.items():
        if pattern.search(text):
            yield what
    if name == "constraints.txt":
        lines = (line for line in text.splitlines() if line and not line.startswith("#"))
        yield from (f"{line!r} is not a plain name==version" for line in lines if not PINNED.fullmatch(line))
