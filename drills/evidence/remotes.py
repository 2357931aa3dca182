"""Where commits can be looked at: web addresses for the remotes of a repository, and the issues a message names."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

#: The path under which each kind of forge shows a commit; others have no address that could be known.
COMMIT_PATHS = {"github": "commit", "gitlab": "-/commit", "bitbucket": "commits"}
WEB_SCHEMES = ("http", "https")
SSH_SCHEMES = ("ssh", "git+ssh", "ssh+git", "git")
#: ``user@host:path``, the form of remote that is no URL (git-clone(1)).
_SCP = re.compile(r"(?:[^@/\s:]+@)?(?P<host>[A-Za-z0-9.-]{2,}|\[[0-9A-Fa-f:]+\]):(?P<path>(?!/{2})[^\s@]+)")
_ISSUE = re.compile(
    r"(?<![\w/&#.-])(?:[\w.-]{1,100}/[\w.-]{1,100})?#\d{1,9}\b|(?<![\w-])[A-Z][A-Z0-9]{1,9}-\d{1,9}\b(?!-\d)"
)
#: Standards and encodings that are written as issues are.
NOT_PROJECTS = frozenset(
    {"AES", "CVE", "ED", "HTTP", "IEC", "IEEE", "ISO", "MD", "PEP", "RFC", "RSA", "SHA", "TLS", "UTF"}
)


def without_credentials(remote: str) -> str | None:
    """Return the remote's address without user, password, query and fragment; None for a path on some machine."""
    parts = _parts(remote)
    if parts is None:
        return None
    scheme = "ssh" if parts.scheme in SSH_SCHEMES and parts.scheme != "git" else parts.scheme
    return f"{scheme}://{_host(parts)}{parts.path.rstrip('/')}"


def web_address(remote: str) -> str | None:
    """Return where people look at the repository, without ``.git``; None for a forge whose addresses are unknown."""
    parts = _parts(remote)
    if parts is None or _forge(parts) is None:
        return None
    # an SSH port says nothing about the web server
    host = _host(parts) if parts.scheme in WEB_SCHEMES else parts.hostname
    scheme = parts.scheme if parts.scheme in WEB_SCHEMES else "https"
    return f"{scheme}://{host}/{parts.path.strip('/').removesuffix('.git')}"


def commit_address(remote: str, sha: str) -> str | None:
    """Return where the commit can be looked at on GitHub, GitLab or Bitbucket; None elsewhere."""
    web, parts = web_address(remote), _parts(remote)
    forge = _forge(parts) if parts else None
    return f"{web}/{COMMIT_PATHS[forge]}/{sha}" if web and forge else None


def issue_references(message: str) -> tuple[str, ...]:
    """Return the issues that a message names, in order, once: ``#12``, ``GH-12``, ``KHALA-022``, ``owner/name#12``."""
    found = (match[0] for match in _ISSUE.finditer(message))
    return tuple(dict.fromkeys(name for name in found if name.partition("-")[0] not in NOT_PROJECTS))


def _parts(remote: str) -> SplitResult | None:
    """Return the remote as a URL of a network host, if it is one."""
    scp = _SCP.fullmatch(remote) if "://" not in remote else None
    try:
        parts = urlsplit(f"ssh://{scp['host']}/{scp['path'].lstrip('/')}" if scp else remote)
        known = parts.scheme in WEB_SCHEMES + SSH_SCHEMES and parts.hostname and (parts.port or True)
    except ValueError:
        return None
    return parts if known else None


def _host(parts: SplitResult) -> str:
    """Return host and port without what stands before them."""
    return parts.netloc.rpartition("@")[2].lower()


def _forge(parts: SplitResult) -> str | None:
    """Return the kind of forge, told from a label of the host's name: ``github.com``, ``gitlab.example.org``."""
    labels = (parts.hostname or "").split(".")
    return next((forge for forge in COMMIT_PATHS if forge in labels), None)
