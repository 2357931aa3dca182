"""Makes screenshots small enough to be kept for years."""

from __future__ import annotations

import io

from PIL import Image

#: Pages have few colours; with this many a reader sees no difference and a year of nightly drills stays cloneable.
COLOURS = 128


def small_png(picture: bytes) -> bytes:
    """Return a PNG with a palette of at most :data:`COLOURS` colours, of the same size in pixels."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    smaller = io.BytesIO()
    # the octree takes a fifth of the time of a median cut, and leaves no more bytes
    palette = image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    palette.save(smaller, "PNG")
    return min(smaller.getvalue(), picture, key=len)
