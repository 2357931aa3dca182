"""The escaper against two referees that are not ours: GitHub's own cmark and markdown-it."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser

import cmarkgfm  # type: ignore[import-untyped]  # it ships none
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from drills.report.markdown import Markdown, bold, code, fence, html, image, inert, join, link, plain, text

GITHUB = ["table", "autolink", "strikethrough", "tasklist"]
HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a | b | c",
    "[click](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "https://evil.example/path?q=1 and www.evil.example and me@evil.example",
    "**bold** _em_ ~~gone~~ `code` $x^2$",
    "# heading",
    "1. list",
    "- list",
    "+ list",
    "> quote",
    "---",
    "===",
    ":-",
    "&lt;b&gt; &amp; &copy; &#64;",
    "[^1] [ref]: /x",
    "- [x] done",
    "a\n\n| b |\n|---|\n",
    "back\\slash \\* and trailing \\",
    "```\nfence\n```",
    "<!-- comment",
    "xmpp:a@b.example mailto:a@b.example",
    "snake_case_name and *.py and 2*3*4",
)


class _Page(HTMLParser):
    """Collects the elements and the text of a rendered fragment."""

    def __init__(self, rendered: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words = ""
        self.feed(rendered)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - its signature
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words += data


def by_github(source: str) -> _Page:
    """Return what GitHub's own parser makes of ``source``, raw HTML let through."""
    options = cmarkgfm.cmark.Options.CMARK_OPT_UNSAFE
    return _Page(cmarkgfm.markdown_to_html_with_extensions(source, options=options, extensions=GITHUB))


def by_markdown_it(source: str) -> _Page:
    """Return what a second, independent parser makes of ``source``."""
    return _Page(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(source))


def visible(page: _Page) -> str:
    """Return the text that a reader sees."""
    return page.words.replace("\u200b", "").strip("\n")


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("render", [by_github, by_markdown_it])
def test_hostile_text_is_one_paragraph_of_its_own_characters(hostile: str, render: Callable[[str], _Page]) -> None:
    """What a stranger wrote is shown letter by letter, with no element but the paragraph around it."""
    page = render(text(hostile))
    assert (page.tags, visible(page)) == (["p"], plain(hostile))


@given(st.text(max_size=80))
@example("\\|")
@example("&#x41;")
@example("`|`")
def test_any_text_survives_in_a_paragraph(anything: str) -> None:
    """No text at all becomes markup, for either referee."""
    shown = plain(anything)
    for render in (by_github, by_markdown_it):
        page = render(f"x{text(anything)}x")
        assert (page.tags, visible(page)) == (["p"], f"x{shown}x")


@given(st.text(max_size=80))
@example("a | b")
@example("a \\| b")
@example("`a | b`")
def test_any_text_stays_in_its_table_cell(anything: str) -> None:
    """A table keeps its columns, whether a cell holds text, code or a link."""
    cells = (text(anything), code(anything), link(anything, "a/b.png"))
    for render in (by_github, by_markdown_it):
        page = render("| a | b | c |\n|---|---|---|\n| " + " | ".join(cells) + " |\n")
        assert [tag for tag in page.tags if tag in {"td", "th", "tr"}] == ["tr", *["th"] * 3, "tr", *["td"] * 3]
        assert set(page.tags) <= {"table", "thead", "tbody", "tr", "th", "td", "code", "a"}
        assert page.tags.count("a") == 1


@given(st.text(max_size=80))
def test_any_text_is_itself_in_a_summary(anything: str) -> None:
    """In an HTML block, where Markdown is not read, text is escaped as HTML."""
    page = by_github(f"<details>\n<summary>x{html(anything)}x</summary>\n\nbody\n\n</details>\n")
    assert page.tags == ["details", "summary", "p"]
    assert f"x{plain(anything)}x" in page.words.replace("\u200b", "")


@given(st.text(max_size=80))
@example("`")
@example("a`` b")
@example("x|y")
def test_any_text_is_itself_in_code(anything: str) -> None:
    """Code shows its characters, backticks and pipes included."""
    page = by_github(f"x{code(anything)}x")
    assert (page.tags, page.words.strip("\n")) == (["p", "code"], f"x{plain(anything)}x")


@pytest.mark.parametrize("reference", ["@user", "#12", "GH-12", "https://x", "www.x.org", ":tada:", "a@b.org"])
def test_references_are_broken_for_what_github_does_later(reference: str) -> None:
    """Mentions, issues, links and emoji that GitHub makes after Markdown find a zero width space in their way."""
    assert "\u200b" in by_github(text(reference)).words


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x07link\x1b]8;;\x07", "link"),
        ("\x9b1mbold", "bold"),
        ("abc\u202edcba", "abcdcba"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("nul\x00bel\x07", "nulbel"),
        ("two\r\nlines\u2028three", "two lines three"),
        ("lone\ud800surrogate", "lonesurrogate"),
        ("  much   space ", "much space"),
    ],
)
def test_what_a_terminal_or_an_eye_would_be_fooled_by_is_gone(dirty: str, clean: str) -> None:
    """Terminal sequences, control, bidirectional and invisible characters do not reach a report."""
    assert plain(dirty) == clean


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "//evil.example/x",
        "/etc/passwd",
        "../../x",
        "a/../x",
        "ftp://x",
        "",
        "a\nb",
    ],
)
def test_only_web_and_relative_addresses_become_links(url: str) -> None:
    """Any other address leaves the label as text; a scheme inside a relative path is no scheme."""
    page = by_github(link("label", url))
    assert page.tags in (["p"], ["p", "a"])
    assert "javascript:" not in link("label", url)
    assert ("a" in page.tags) == (link("label", url) != "label")


@pytest.mark.parametrize("url", ["../../x", "//evil.example/x", "/etc/passwd", "a/../x", ""])
def test_an_address_outside_the_folder_is_no_link(url: str) -> None:
    """A link never leads out of the folder of the report, but to the web."""
    assert (link("label", url), image("label", url)) == ("label", "label")


def test_an_address_cannot_end_its_link() -> None:
    """Parentheses, spaces, quotes and angle brackets in an address are encoded."""
    assert link("x", "https://h.example/a)b<c>\"d'?e=1&f=2") == ("[x](https://h.example/a%29b%3Cc%3E%22d'?e=1&amp;f=2)")
    assert link("x", "a (1).png") == "[x](a%20%281%29.png)"


def test_a_fence_outlasts_the_backticks_in_it() -> None:
    """A command with a fence in it stays in its block."""
    page = by_github(fence("echo a\n````\n<b>", "sh"))
    assert (page.tags, page.words.strip()) == (["pre", "code"], "echo a\n````\n<b>")


def test_markdown_is_escaped_once_and_data_always() -> None:
    """What is Markdown already stays; what was put together from it without saying so is data again."""
    ready = bold("a*b")
    assert (inert(ready), inert(ready + "x"), inert(12)) == ("**a\\*b**", "\\*\\*a\\\\\\*b\\*\\*x", "12")
    assert join(["a|b", Markdown("**c**")]) == "a\\|b<br>**c**"


def test_none_is_never_printed() -> None:
    """A page says in words what is not known."""
    with pytest.raises(TypeError, match="None"):
        inert(None)


def test_a_line_cannot_begin_with_a_workflow_command() -> None:
    """A report that is printed in a GitHub job commands nothing."""
    assert not text("::error file=x::boom").startswith("::")
