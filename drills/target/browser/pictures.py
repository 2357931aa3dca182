"""Screenshots: every picture of a drill is taken here, so that none is taken without its masks."""

from __future__ import annotations

from collections.abc import Sequence

from playwright.sync_api import Page

from drills.target.pictures import small_png

#: Masked in every picture of every page, whatever the profile says.
ALWAYS_MASKED = ("input[type=password]",)


def masked_picture(page: Page, masks: Sequence[str], *, full_page: bool = False) -> bytes:
    """Return a PNG of ``page`` in which nothing shows that one of the selectors ``masks`` finds, in any frame.

    The masks are laid over the page before the picture is taken. What appears under a selector in between is made
    invisible by a stylesheet, which the page holds for as long as the picture takes.
    """
    selectors = [*ALWAYS_MASKED, *masks]
    places = [frame.locator(selector) for frame in page.frames for selector in selectors]
    hidden = "".join(f":is({one}), :is({one}) * {{ visibility: hidden !important; }}\n" for one in selectors)
    return small_png(
        page.screenshot(mask=places, style=hidden, full_page=full_page, animations="disabled", scale="css")
    )
