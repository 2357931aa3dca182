"""Remotes become links people can follow, and never carry a credential."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drills.evidence.remotes import commit_address, issue_references, web_address, without_credentials

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/o/r.git", f"https://github.com/o/r/commit/{SHA}"),
        ("https://user:canary@github.com/o/r", f"https://github.com/o/r/commit/{SHA}"),
        ("https://canary@github.com/o/r.git?x=canary#canary", f"https://github.com/o/r/commit/{SHA}"),
        ("git@github.com:o/r.git", f"https://github.com/o/r/commit/{SHA}"),
        ("github.com:o/r", f"https://github.com/o/r/commit/{SHA}"),
        ("ssh://git@github.com:22/o/r.git/", f"https://github.com/o/r/commit/{SHA}"),
        ("git://github.com/o/r.git", f"https://github.com/o/r/commit/{SHA}"),
        ("https://github.example.org:8443/o/r", f"https://github.example.org:8443/o/r/commit/{SHA}"),
        ("git@gitlab.com:group/sub/r.git", f"https://gitlab.com/group/sub/r/-/commit/{SHA}"),
        ("http://gitlab.example.org/o/r.git", f"http://gitlab.example.org/o/r/-/commit/{SHA}"),
        ("git@bitbucket.org:o/r.git", f"https://bitbucket.org/o/r/commits/{SHA}"),
        ("https://me@bitbucket.org/o/r.git", f"https://bitbucket.org/o/r/commits/{SHA}"),
        ("https://git.example.org/o/r.git", None),
        ("https://notgithub.com/o/r", None),
        ("git@git.example.org:r.git", None),
        ("/srv/git/r.git", None),
        ("../r", None),
        ("file:///srv/git/r.git", None),
        ("C:\\git\\r", None),
        ("https://[bad/o/r", None),
        ("ssh://github.com:port/o/r", None),
        ("", None),
    ],
)
def test_a_commit_has_an_address_where_it_is_known(remote: str, expected: str | None) -> None:
    """GitHub, GitLab and Bitbucket in every form of remote; others, and paths, have none."""
    assert commit_address(remote, SHA) == expected


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://user:canary@git.example.org:8443/o/r.git?t=canary", "https://git.example.org:8443/o/r.git"),
        ("user:canary@git.example.org:o/r.git", None),
        ("me@git.example.org:o/r.git", "ssh://git.example.org/o/r.git"),
        ("git+ssh://me:canary@git.example.org:2222/o/r", "ssh://git.example.org:2222/o/r"),
        ("git://git.example.org/r", "git://git.example.org/r"),
        ("/home/canary/r", None),
    ],
)
def test_credentials_are_left_out(remote: str, expected: str | None) -> None:
    """User, password and query go; a path on someone's machine is not an address."""
    assert without_credentials(remote) == expected


@given(st.from_regex(r"[A-Za-z0-9]{1,12}", fullmatch=True), st.from_regex(r"[!-~]{0,20}", fullmatch=True))
def test_no_form_of_password_gets_through(user: str, noise: str) -> None:
    """Whatever stands in the user part of a URL is not in any address made from it."""
    remote = f"https://{user}:canary{noise.replace('/', '').replace('@', '')}@github.com/o/r"

    assert "canary" not in f"{web_address(remote)} {without_credentials(remote)} {commit_address(remote, SHA)}"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Fix the lane (#123)", ("#123",)),
        ("GH-12: mend; closes KHALA-022, ABC-123", ("GH-12", "KHALA-022", "ABC-123")),
        ("KHALA-022 and again KHALA-022", ("KHALA-022",)),
        ("See openagents/runtime#7 and #8", ("openagents/runtime#7", "#8")),
        ("Merge pull request #5 from x/KHALA-1-y", ("#5", "KHALA-1")),
        ("Hash with SHA-256 in UTF-8 as RFC-8785 and ISO-8601 say, CVE-2024-1234", ()),
        ("page.html#4 and colour &#39; and x#1y and a-B-2", ()),
        ("", ()),
    ],
)
def test_issue_references_are_found_in_messages(message: str, expected: tuple[str, ...]) -> None:
    """Numbers with a hash, trackers' keys, other repositories' issues; not standards, anchors or entities."""
    assert issue_references(message) == expected
