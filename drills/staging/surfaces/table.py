"""What each surface is: its name and the environment variable that its flag is read from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ON = "true"
OFF = "false"
PAGES = Path(__file__).parent / "pages"


@dataclass(frozen=True, slots=True)
class Surface:
    """One surface. ``flag`` names its environment variable; ``windowed`` says that a shell opens it by itself."""

    name: str
    flag: str
    title: str
    windowed: bool = False

    @property
    def pages(self) -> Path:
        """The folder of the surface's own static files."""
        return PAGES / self.name


SURFACES: Mapping[str, Surface] = {
    surface.name: surface
    for surface in (
        Surface("web", "VITE_KHALA_SYNC_ENABLED", "Web admin"),
        Surface("mobile", "EXPO_PUBLIC_KHALA_SYNC_ENABLED", "Mobile"),
        Surface("desktop", "OA_DESKTOP_KHALA_SYNC_ENABLED", "Desktop", windowed=True),
    )
}
