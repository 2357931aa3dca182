"""Pictures keep every pixel and lose everything that is not one."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import image
from PIL import Image, PngImagePlugin

from drills.errors import PublicationRefused
from drills.evidence.png import with_text
from drills.evidence.redaction import Redactor
from drills.evidence.scan import scan_files

CANARY = "canary-planted-in-every-channel"
REDACTOR = Redactor(CANARY)


def _picture(mode: str) -> tuple[bytes, bytes]:
    """Return a picture full of texts, and its pixels."""
    picture = Image.effect_noise((17, 9), 90).convert("RGB").convert(mode)
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", CANARY)
    texts.add_text("Description", CANARY, zip=True)
    texts.add_itxt("XML:com.adobe.xmp", CANARY, zip=True)
    camera = Image.Exif()
    camera[0x010E] = CANARY
    file = io.BytesIO()
    picture.save(file, "PNG", pnginfo=texts, exif=camera, dpi=(144, 144), icc_profile=CANARY.encode())
    return file.getvalue() + CANARY.encode(), picture.tobytes()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
def test_pixels_stay_and_texts_go(mode: str) -> None:
    """Every kind of picture has the same pixels afterwards; text, camera data, profile and tail are gone."""
    content, pixels = _picture(mode)
    stripped, _ = REDACTOR.redact_bytes(content, "image/png")

    assert scan_files({"a.png": content}, REDACTOR.secrets) != ()
    assert scan_files({"a.png": stripped}, REDACTOR.secrets) == ()
    with Image.open(io.BytesIO(stripped)) as picture:
        assert picture.tobytes() == pixels
        assert set(picture.info) <= {"dpi"}


def test_a_text_can_be_put_in_and_read_by_others() -> None:
    """What is planted in a picture is really there: Pillow finds it."""
    content, pixels = _picture("RGB")
    planted = with_text(REDACTOR.redact_bytes(content, "image/png")[0], "canary", CANARY)

    with Image.open(io.BytesIO(planted)) as picture:
        assert (picture.tobytes(), picture.info["canary"]) == (pixels, CANARY)


def test_the_plot_library_reads_the_same_picture() -> None:
    """An independent reader agrees."""
    content, _ = _picture("RGBA")
    stripped, _ = REDACTOR.redact_bytes(content, "image/png")

    assert (image.imread(io.BytesIO(stripped)) == image.imread(io.BytesIO(content))).all()


@given(st.data())
def test_a_torn_or_altered_picture_is_refused(data: st.DataObject) -> None:
    """A picture that is cut anywhere, or has a flipped bit anywhere before its end, is refused, not repaired."""
    content, _ = _picture("L")
    whole = content.removesuffix(CANARY.encode())
    place = data.draw(st.integers(0, len(whole) - 1))
    flipped = bytearray(whole)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))

    for broken in (whole[:place], bytes(flipped)):
        with pytest.raises(PublicationRefused):
            REDACTOR.redact_bytes(broken, "image/png")
