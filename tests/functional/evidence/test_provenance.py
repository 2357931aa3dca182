"""Provenance is read from real repositories, and reading them runs nothing and reaches nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from drills.evidence.provenance import MOST_COMMITS, gather, previous_drill
from drills.evidence.records import CommitFacts, Provenance

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_AUTHOR_DATE": "2026-02-20T10:00:00+01:00",
    "GIT_COMMITTER_NAME": "Ada",
    "GIT_COMMITTER_EMAIL": "ada@example.org",
    "GIT_COMMITTER_DATE": "2026-02-20T10:00:00+01:00",
}
Git = Callable[..., str]


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    repo = tmp_path / "repo"
    repo.mkdir()
    return repo


@pytest.fixture
def git(repo: Path) -> Git:
    """Return a way to run git in a fresh repository, and return what it prints."""

    def run(*arguments: str, cwd: Path = repo) -> str:
        done = subprocess.run(["git", *arguments], cwd=cwd, env=ENVIRONMENT, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    run("init", "--quiet", "--initial-branch=main")
    return run


def _commit(git: Git, message: str, *options: str) -> str:
    git("commit", "--quiet", "--allow-empty", "-m", message, *options)
    return git("rev-parse", "HEAD")


def _messages(commits: Sequence[CommitFacts]) -> list[str]:
    return [commit.subject for commit in commits]


def test_the_commit_under_drill(git: Git, repo: Path) -> None:
    """Hash, subject, author, time in UTC, the link on the remote's forge and the issues of the whole message."""
    git("remote", "add", "origin", "git@github.com:openagents/runtime.git")
    sha = _commit(git, "Fan out to Khala (#12)\n\nCloses KHALA-022.")

    assert gather(repo) == Provenance(
        commit=CommitFacts(
            sha=sha,
            subject="Fan out to Khala (#12)",
            author="Ada",
            committed_at=datetime(2026, 2, 20, 9, tzinfo=UTC),
            url=f"https://github.com/openagents/runtime/commit/{sha}",
            issues=("#12", "KHALA-022"),
        ),
        branch="main",
        dirty=False,
        remote_url="https://github.com/openagents/runtime",
    )


def test_times_are_in_utc(git: Git, repo: Path) -> None:
    """Whatever the committer's zone, the record speaks one."""
    _commit(git, "One")

    assert '"committed_at":"2026-02-20T09:00:00Z"' in gather(repo).model_dump_json()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_another_user_is_read(git: Git, repo: Path) -> None:
    """In a CI container the checkout often belongs to somebody else, which git itself refuses to look at."""
    sha = _commit(git, "One")
    for path in (repo, *repo.rglob("*")):
        os.chown(path, 65534, 65534)
    refused = subprocess.run(["git", "status"], cwd=repo, env=ENVIRONMENT, check=False, capture_output=True)

    assert refused.returncode != 0
    assert getattr(gather(repo).commit, "sha", None) == sha
    assert gather(repo).dirty is False


def test_a_subfolder_belongs_to_its_repository(git: Git, repo: Path) -> None:
    """The drill may be started from anywhere in the tree."""
    sha = _commit(git, "One")
    (repo / "docs" / "deep").mkdir(parents=True)

    assert gather(repo / "docs" / "deep").commit == gather(repo).commit
    assert getattr(gather(repo).commit, "sha", None) == sha


def test_commits_since_the_previous_drill(git: Git, repo: Path) -> None:
    """Newest first, without the one that was drilled before."""
    first = _commit(git, "One")
    _commit(git, "Two")
    _commit(git, "Three")

    assert _messages(gather(repo, since=first).commits_since) == ["Three", "Two"]
    assert gather(repo, since=first).since == first
    assert gather(repo, since=git("rev-parse", "HEAD")).commits_since == ()


def test_many_commits_are_capped_and_counted(git: Git, repo: Path) -> None:
    """The report lists the newest and says how many there are."""
    first = _commit(git, "Start")
    for number in range(MOST_COMMITS + 3):
        _commit(git, f"Change {number}")
    provenance = gather(repo, since=first)

    assert len(provenance.commits_since) == MOST_COMMITS
    assert provenance.commits_since[0].subject == f"Change {MOST_COMMITS + 2}"
    assert f"{MOST_COMMITS} of {MOST_COMMITS + 3} commits" in provenance.note


@pytest.mark.parametrize("since", ["f" * 40, "--output=/tmp/x", "HEAD~1", "main", "", "v1..v2"])
def test_a_commit_that_is_not_here_is_noted_and_nothing_else_is_asked_for(git: Git, repo: Path, since: str) -> None:
    """A record is untrusted: only a commit's hash is ever handed to git."""
    _commit(git, "One")
    _commit(git, "Two")
    provenance = gather(repo, since=since)

    assert provenance.commits_since == ()
    assert ("previous drill is not in this repository" in provenance.note) == bool(since)


def test_the_target_may_run_another_commit(git: Git, repo: Path) -> None:
    """The commit that the target says it runs stands in for the one checked out; an unknown one is noted."""
    first = _commit(git, "One")
    second = _commit(git, "Two")
    _commit(git, "Three")
    provenance = gather(repo, drilled_sha=second, since=first)
    unknown = gather(repo, drilled_sha="e" * 40)

    assert getattr(provenance.commit, "sha", None) == second
    assert _messages(provenance.commits_since) == ["Two"]
    assert unknown.commit is None
    assert f"the drilled commit {'e' * 40} is not in this repository" in unknown.note


def _untracked(repo: Path) -> None:
    (repo / "new").write_text("x")


def _modified(repo: Path) -> None:
    (repo / "file").write_text("changed")


def _staged(repo: Path) -> None:
    (repo / "file").write_text("staged")
    subprocess.run(["git", "add", "file"], cwd=repo, env=ENVIRONMENT, check=True)


@pytest.mark.parametrize("change", [_untracked, _modified, _staged])
def test_a_dirty_tree_is_stated(git: Git, repo: Path, change: Callable[[Path], None]) -> None:
    """Untracked, modified or staged: the code is not what the commit says."""
    (repo / "file").write_text("one")
    git("add", "file")
    _commit(git, "One")
    assert gather(repo).dirty is False

    change(repo)
    assert gather(repo).dirty is True


def test_no_remote_is_noted(git: Git, repo: Path) -> None:
    """Without a remote there are no links, and the reader is told why."""
    _commit(git, "One")
    provenance = gather(repo)

    assert (provenance.remote_url, getattr(provenance.commit, "url", None)) == (None, None)
    assert provenance.note == "the repository has no remote"


def test_the_remote_is_origin_or_the_first(git: Git, repo: Path) -> None:
    """``origin`` goes first; credentials never come along; a path on a machine is not published."""
    _commit(git, "One")
    git("remote", "add", "backup", str(repo.parent / "bare.git"))
    assert gather(repo).remote_url is None
    assert gather(repo).note == "the remote is not on a network host"

    git("remote", "add", "origin", "https://me:canary@git.example.org/o/r.git")
    assert gather(repo).remote_url == "https://git.example.org/o/r.git"
    assert gather(repo, repository_url="https://canary@gitlab.com/o/r").remote_url == "https://gitlab.com/o/r"


def test_a_detached_head_has_no_branch(git: Git, repo: Path) -> None:
    """CI checks out commits, not branches."""
    sha = _commit(git, "One")
    git("checkout", "--quiet", "--detach")

    assert gather(repo).branch is None
    assert getattr(gather(repo).commit, "sha", None) == sha


def test_a_shallow_clone_is_noted(git: Git, repo: Path, tmp_path: Path) -> None:
    """History that is not there is not mistaken for history that did not happen."""
    first = _commit(git, "One")
    _commit(git, "Two")
    git("clone", "--quiet", "--depth=1", f"file://{repo}", str(tmp_path / "shallow"))
    provenance = gather(tmp_path / "shallow", since=first)

    assert "the clone is shallow" in provenance.note
    assert "previous drill is not in this repository" in provenance.note


def test_a_linked_worktree_is_a_repository_too(git: Git, repo: Path, tmp_path: Path) -> None:
    """The branch and the state are those of the worktree."""
    _commit(git, "One")
    git("worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    (tmp_path / "side" / "new").write_text("x")

    assert (gather(tmp_path / "side").branch, gather(tmp_path / "side").dirty) == ("side", True)
    assert (gather(repo).branch, gather(repo).dirty) == ("main", False)


def test_a_bare_repository_has_no_tree_to_be_dirty(git: Git, repo: Path, tmp_path: Path) -> None:
    """It has commits and nothing checked out."""
    sha = _commit(git, "One")
    git("clone", "--quiet", "--bare", str(repo), str(tmp_path / "bare.git"))
    provenance = gather(tmp_path / "bare.git")

    assert (getattr(provenance.commit, "sha", None), provenance.dirty) == (sha, None)


def test_what_is_no_repository_is_said_to_be_none(tmp_path: Path) -> None:
    """A drill from an unpacked archive goes on, and its report says that the code is not known."""
    assert gather(tmp_path) == Provenance(note="not a git repository: the code under drill is not known")
    assert gather(tmp_path / "nowhere") == Provenance(note="not a git repository: the code under drill is not known")


def test_a_repository_without_commits(git: Git, repo: Path) -> None:
    """The first minute of a repository is no error."""
    git("remote", "add", "origin", "https://github.com/o/r")

    assert gather(repo) == Provenance(note="the repository has no commit yet")


def test_a_broken_repository_is_noted(git: Git, repo: Path) -> None:
    """Damage is not hidden behind an empty answer."""
    sha = _commit(git, "One")
    shutil.rmtree(repo / ".git" / "objects" / sha[:2])

    assert gather(repo).commit is None
    assert gather(repo).note.startswith("the repository could not be read")


def test_text_of_commits_is_one_printable_line(git: Git, repo: Path) -> None:
    """Control characters, escape sequences and direction marks do not get into the record."""
    _commit(git, "Red \x1b[31mherring\u202e\x07 and\ttabs\r\n\nbody", "--author", "A\u200bda <a@example.org>")
    commit = gather(repo).commit

    assert commit is not None
    assert commit.subject == "Red herring and tabs"
    assert commit.author == "Ada"


def test_bytes_that_are_no_text_are_no_error(git: Git, repo: Path) -> None:
    """A message in an unknown encoding is read as far as it goes."""
    message = repo.parent / "message"
    message.write_bytes(b"caf\xe9 \xff")
    git("-c", "i18n.commitEncoding=utf-8", "commit", "--quiet", "--allow-empty", "-F", str(message))

    assert getattr(gather(repo).commit, "subject", "").startswith("caf")


TRAPS = {
    "core.fsmonitor": "{trap}",
    "core.hooksPath": "{hooks}",
    "core.pager": "{trap}",
    "core.sshCommand": "{trap}",
    "diff.external": "{trap}",
    "log.showSignature": "true",
    "gpg.program": "{trap}",
    "filter.trap.clean": "{trap}",
    "filter.trap.smudge": "{trap}",
    "filter.trap.required": "true",
    "filter.long.process": "{trap}",
    "diff.trap.textconv": "{trap}",
    "credential.helper": "!{trap}",
    "alias.status": "!{trap}",
    "uploadpack.packObjectsHook": "{trap}",
}


def test_nothing_that_a_repository_configures_is_run(git: Git, repo: Path, tmp_path: Path) -> None:
    """Hooks, monitors, filters, pagers, signature checkers: none of them starts; a plain status would start some."""
    trap, sprung, hooks = tmp_path / "trap", tmp_path / "sprung", tmp_path / "hooks"
    trap.write_text(f"#!/bin/sh\necho >> {sprung}\ncat\n")
    trap.chmod(0o755)
    hooks.mkdir()
    for hook in ("post-index-change", "reference-transaction", "post-checkout"):
        shutil.copy(trap, hooks / hook)
    (repo / ".gitattributes").write_text("a filter=trap diff=trap\nb filter=long\n")
    (repo / "a").write_text("one")
    (repo / "b").write_text("one")
    git("add", ".")
    first = _commit(git, "One")
    _commit(git, "Two")
    for key, value in TRAPS.items():
        git("config", key, value.format(trap=trap, hooks=hooks))
    (repo / "a").write_text("two")
    provenance = gather(repo, since=first)

    assert (provenance.dirty, _messages(provenance.commits_since)) == (True, ["Two"])
    assert not sprung.exists()
    subprocess.run(["git", "status"], cwd=repo, env=ENVIRONMENT, check=False, capture_output=True)
    assert sprung.exists()


def test_missing_objects_are_not_fetched(git: Git, repo: Path, tmp_path: Path) -> None:
    """In a partial clone what is not here stays away: the remote, which is within reach, is not asked."""
    (repo / "file").write_text("one")
    git("add", "file")
    first = _commit(git, "One")
    _commit(git, "Two")
    git("config", "uploadpack.allowFilter", "true")
    partial = tmp_path / "partial"
    git("clone", "--quiet", "--no-checkout", "--filter=tree:0", f"file://{repo}", str(partial))
    before = sorted((partial / ".git" / "objects").rglob("*"))
    provenance = gather(partial, since=first)

    assert _messages(provenance.commits_since) == ["Two"]
    assert provenance.dirty is None
    assert "git cannot tell whether files were changed" in provenance.note
    assert sorted((partial / ".git" / "objects").rglob("*")) == before


def test_a_hook_that_starts_a_drill_does_not_lead_it_astray(
    git: Git, repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables that git sets for its hooks point elsewhere; the drill reads the repository it was told to."""
    sha = _commit(git, "Here")
    other = tmp_path / "other"
    git("init", "--quiet", str(other))
    for name, value in {"GIT_DIR": other / ".git", "GIT_WORK_TREE": other, "GIT_INDEX_FILE": other / "index"}.items():
        monkeypatch.setenv(name, str(value))
    provenance = gather(repo)

    assert getattr(provenance.commit, "sha", None) == sha
    assert provenance.dirty is False


def test_reading_writes_nothing(git: Git, repo: Path) -> None:
    """The repository is byte for byte as it was, index included."""
    (repo / "file").write_text("one")
    git("add", "file")
    _commit(git, "One")
    os.utime(repo / "file", (1, 1))
    before = {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()}
    gather(repo)

    assert {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()} == before


def test_a_machine_without_git_is_no_error(git: Git, repo: Path, tmp_path: Path) -> None:
    """The drill goes on and says what it could not find out."""
    _commit(git, "One")
    program = """if True:
        import pathlib, sys
        from drills.evidence.provenance import gather
        print(gather(pathlib.Path(sys.argv[1])).note)
    """
    done = subprocess.run(
        [sys.executable, "-c", program, repo], env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )

    assert done.stdout == "git is not installed: the code under drill is not known\n"


def _record(folder: Path, finished_at: str, sha: str | None) -> None:
    folder.mkdir(parents=True)
    commit = {"sha": sha, "subject": "s", "author": "a", "committed_at": "2026-02-20T09:00:00Z"} if sha else None
    record = {"finished_at": finished_at, "provenance": {"commit": commit}, "verdict": "PASS"}
    (folder / "drill.json").write_bytes(orjson.dumps(record))


def test_the_previous_drill_is_the_newest_one_published(tmp_path: Path) -> None:
    """By when it finished, not by name; records that cannot be read count for nothing."""
    _record(tmp_path / "2026-02-20-a-2", "2026-02-20T12:00:00Z", "a" * 40)
    _record(tmp_path / "2026-02-20-a-10", "2026-02-20T13:00:00Z", "b" * 40)
    _record(tmp_path / "2026-02-19-a", "2026-02-19T12:00:00Z", "c" * 40)
    (tmp_path / "2026-03-01-broken").mkdir()
    (tmp_path / "2026-03-01-broken" / "drill.json").write_text("{")

    assert previous_drill(tmp_path) == "b" * 40


def test_there_may_be_no_previous_drill(tmp_path: Path) -> None:
    """An empty folder, none at all, or a drill outside a repository: no commit to start from."""
    assert previous_drill(tmp_path / "nowhere") is None
    _record(tmp_path / "2026-02-20-a", "2026-02-20T12:00:00Z", None)
    assert previous_drill(tmp_path) is None


def test_a_record_beyond_measure_is_not_read(tmp_path: Path) -> None:
    """Size is looked at before content."""
    _record(tmp_path / "2026-02-20-a", "2026-02-20T12:00:00Z", "a" * 40)
    _record(tmp_path / "2026-02-21-a", "2026-02-21T12:00:00Z", "b" * 40)
    os.truncate(tmp_path / "2026-02-21-a" / "drill.json", 40 * 1024 * 1024)

    assert previous_drill(tmp_path) == "a" * 40
