"""Which code was drilled, read from the local repository alone: nothing is fetched, written or executed.

This is the only module that imports GitPython. A repository's own configuration can name programs to run and hosts to
talk to; :data:`NEUTRAL` overrides all of that.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from drills.evidence.records import CommitFacts, Provenance
from drills.evidence.remotes import commit_address, issue_references, web_address, without_credentials

# GitPython looks for git while it is imported; a drill on a machine without git goes on and says so
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
import git

MOST_COMMITS = 50
MOST_RECORD_BYTES = 32 * 1024 * 1024
NO_REPOSITORY = "not a git repository: the code under drill is not known"
_SHA = re.compile(r"[0-9a-f]{7,64}")
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
#: Unicode categories that are not shown as they are: controls and line ends part words, format characters do not.
_SUBSTITUTES = {"Cc": " ", "Zl": " ", "Zp": " ", "Cf": ""}

#: Settings that make git run nothing and reach nobody, whatever the repository is configured to do.
NEUTRAL = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.sshCommand": "false",
    "core.askPass": "",
    "core.attributesFile": os.devnull,
    "credential.helper": "",
    "diff.external": "",
    "gc.auto": "0",
    "log.showSignature": "false",
    "maintenance.auto": "false",
    "protocol.allow": "never",
    "submodule.recurse": "false",
}


def gather(
    repo: Path,
    *,
    since: str | None = None,
    repository_url: str | None = None,
    drilled_sha: str | None = None,
) -> Provenance:
    """Return what is known of the code in ``repo``.

    ``since`` is the commit of the previous drill, ``repository_url`` stands in for the remote, ``drilled_sha`` for the
    checked-out commit when the target runs another one. What could not be found out is said in ``note``.
    """
    try:
        with git.Repo(repo, search_parent_directories=True) as repository:
            repository.git.update_environment(**_environment(repository))
            return _Reader(repository, repository_url).provenance(since, drilled_sha)
    except (git.NoSuchPathError, git.InvalidGitRepositoryError):
        return Provenance(note=NO_REPOSITORY)
    except git.GitCommandNotFound:
        return Provenance(note="git is not installed: the code under drill is not known")
    except (git.GitError, ValueError, OSError) as error:
        return Provenance(note=f"the repository could not be read: {type(error).__name__}")


def knows_commit(place: Path, sha: str, remote_url: str | None) -> bool | None:
    """Tell whether the repository around ``place`` has a commit.

    None where that says nothing: there is no repository, it has another remote than ``remote_url``, or its history is
    cut short.
    """
    try:
        with git.Repo(place, search_parent_directories=True) as repository:
            repository.git.update_environment(**_environment(repository))
            return _Reader(repository, None).knows(sha, remote_url)
    except (git.GitError, ValueError, OSError):
        return None


class _Past(BaseModel):
    """The part of an earlier ``drill.json`` that is needed here."""

    model_config = ConfigDict(frozen=True)

    finished_at: datetime
    provenance: Provenance


def previous_drill(status_dir: Path) -> str | None:
    """Return the commit of the newest drill published in ``status_dir``, if one is and says so."""
    drills = [past for path in status_dir.glob("*/drill.json") for past in _past(path)]
    newest = max(drills, key=lambda past: past.finished_at, default=None)
    return newest.provenance.commit.sha if newest and newest.provenance.commit else None


def _past(path: Path) -> Iterator[_Past]:
    """Yield the record at ``path``; one that cannot be read counts for nothing."""
    try:
        if path.stat().st_size <= MOST_RECORD_BYTES:
            yield _Past.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return


class _Reader:
    """Reads one repository. ``address`` is what links are made from."""

    def __init__(self, repository: git.Repo, repository_url: str | None) -> None:
        self.repository = repository
        self.address = repository_url or self._remote()
        self.notes: list[str] = []

    def provenance(self, since: str | None, drilled_sha: str | None) -> Provenance:
        if not self.repository.git.rev_parse("--verify", "--quiet", "HEAD", with_exceptions=False):
            return Provenance(note="the repository has no commit yet")
        if self._is_shallow():
            self.notes.append("the clone is shallow: older commits are not in it")
        commit = self._drilled(drilled_sha)
        return Provenance(
            commit=self._facts(commit) if commit else None,
            branch=None if self.repository.head.is_detached else self.repository.active_branch.name,
            dirty=self._dirty(),
            remote_url=self._remote_url(),
            commits_since=self._since(since, commit) if since and commit else (),
            since=since,
            note="; ".join(self.notes),
        )

    def knows(self, sha: str, remote_url: str | None) -> bool | None:
        if self._remote_url() != remote_url:
            return None
        return self._commit(sha) is not None or (None if self._is_shallow() else False)

    def _is_shallow(self) -> bool:
        return (Path(self.repository.common_dir) / "shallow").exists()

    def _drilled(self, sha: str | None) -> git.Commit | None:
        if sha is None:
            return self.repository.head.commit
        commit = self._commit(sha)
        if commit is None:
            self.notes.append(f"the drilled commit {_printable(sha)[:64]} is not in this repository")
        return commit

    def _commit(self, sha: str) -> git.Commit | None:
        """Return the commit of that hash, if it is one and is here; nothing else is ever handed to git."""
        if not _SHA.fullmatch(sha):
            return None
        try:
            return self.repository.commit(sha)
        except (git.GitError, git.BadName, ValueError, IndexError, OSError):
            return None

    def _since(self, since: str, commit: git.Commit) -> tuple[CommitFacts, ...]:
        """Return the commits after the previous drill, newest first."""
        start = self._commit(since)
        if start is None:
            self.notes.append("the commit of the previous drill is not in this repository")
            return ()
        span = f"{start.hexsha}..{commit.hexsha}"
        total = int(self.repository.git.rev_list("--count", span))
        if total > MOST_COMMITS:
            self.notes.append(f"{MOST_COMMITS} of {total} commits since the previous drill are listed")
        return tuple(map(self._facts, self.repository.iter_commits(span, max_count=MOST_COMMITS)))

    def _facts(self, commit: git.Commit) -> CommitFacts:
        message = commit.message if isinstance(commit.message, str) else commit.message.decode("utf-8", "replace")
        return CommitFacts(
            sha=commit.hexsha,
            subject=_printable(message.strip().partition("\n")[0]),
            author=_printable(commit.author.name or ""),
            committed_at=commit.committed_datetime.astimezone(UTC),
            url=commit_address(self.address, commit.hexsha) if self.address else None,
            issues=issue_references(message),
        )

    def _dirty(self) -> bool | None:
        """Tell whether files differ from the commit or are unknown to it; None where that cannot be known."""
        if self.repository.bare:
            return None
        try:
            return bool(
                self.repository.git.status("--porcelain", "--untracked-files=normal", "--ignore-submodules=all")
            )
        except git.GitCommandError:
            self.notes.append("git cannot tell whether files were changed")
            return None

    def _remote(self) -> str | None:
        """Return the address of ``origin``, else of the first remote, as it is configured."""
        names = sorted((remote.name for remote in self.repository.remotes), key=lambda name: (name != "origin", name))
        with self.repository.config_reader("repository") as config:
            addresses = (config.get_value(f'remote "{name}"', "url", default="") for name in names)
            return next((str(address) for address in addresses if address), None)

    def _remote_url(self) -> str | None:
        if self.address is None:
            self.notes.append("the repository has no remote")
            return None
        url = web_address(self.address) or without_credentials(self.address)
        if url is None:
            self.notes.append("the remote is not on a network host")
        return url


def _environment(repository: git.Repo) -> dict[str, str]:
    """Return variables under which git reads this repository and nothing else.

    The places are given so that a hook's ``GIT_DIR`` does not lead elsewhere. Filters are named one by one, because
    git runs those of a repository to tell whether a file was changed.
    """
    places = {"GIT_DIR": str(repository.git_dir), "GIT_INDEX_FILE": str(Path(repository.git_dir) / "index")}
    if repository.working_tree_dir:
        places["GIT_WORK_TREE"] = str(repository.working_tree_dir)
    return {
        **places,
        **_configured({**NEUTRAL, **dict(_filters(repository))}),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_EXTERNAL_DIFF": "",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
    }


def _configured(settings: Mapping[str, str]) -> dict[str, str]:
    """Return ``settings`` as the variables through which git lets them win over every file."""
    variables = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (key, value) in enumerate(settings.items()):
        variables |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return variables


def _filters(repository: git.Repo) -> Iterator[tuple[str, str]]:
    """Yield settings that turn off the filters which the repository's configuration defines."""
    with repository.config_reader("repository") as config:
        names = [match[1] for section in config.sections() if (match := re.fullmatch(r'filter "(.*)"', section))]
    for name in names:
        yield from ((f"filter.{name}.{program}", "") for program in ("clean", "process", "smudge"))
        yield f"filter.{name}.required", "false"


def _printable(text: str) -> str:
    """Return ``text`` on one line, without escape sequences, control characters and marks of direction."""
    plain = _ANSI.sub("", text.encode("utf-8", "replace").decode())
    shown = (_SUBSTITUTES.get(unicodedata.category(character), character) for character in plain)
    return " ".join("".join(shown).split())
