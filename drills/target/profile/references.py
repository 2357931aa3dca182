"""What a profile refers to: its secrets, and what its report has to say of it in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from drills.target.fields import SecretReference
from drills.target.profile.model import Profile
from drills.target.recipes import PageSwitchRecipe


def references(profile: Profile) -> Iterator[tuple[str, SecretReference]]:
    """Yield every secret that the profile names, with its place, such as ``switches-web-token``."""
    for place, reference in _references(profile, ()):
        yield "-".join(place), reference


def caveats(profile: Profile) -> Iterator[str]:
    """Yield what cannot be promised with this profile, as sentences for the report."""
    pages = [name for name, settings in profile.switches.items() if isinstance(settings, PageSwitchRecipe)]
    if pages:
        yield (
            f"Flags on an operator's page ({', '.join(pages)}) are put back by a browser without a window: if the "
            "drill dies where no browser can be started, they stay as they are until someone types `drill restore`."
        )


def _references(value: object, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], SecretReference]]:
    if isinstance(value, SecretReference):
        yield place, value
    elif isinstance(value, BaseModel):
        for name, part in value:
            yield from _references(part, (*place, name))
    elif isinstance(value, Mapping):
        for name, part in value.items():
            yield from _references(part, (*place, str(name)))
    elif isinstance(value, tuple):
        for part in value:
            yield from _references(part, place)
