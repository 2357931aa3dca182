"""What a profile refers to: its secrets, and what its report has to say of it in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pydantic import BaseModel

from drills.target.fields import SecretReference, read_secret
from drills.target.profile.model import Profile
from drills.target.recipes import PageSwitchRecipe
from drills.target.sessions import read_login, stored_secrets


def references(profile: Profile) -> Iterator[tuple[str, SecretReference]]:
    """Yield every secret that the profile names, with its place, such as ``switches-web-token``."""
    for place, reference in _references(profile, ()):
        yield "-".join(place), reference


def secrets_of(profile: Profile) -> Iterator[tuple[str, str]]:
    """Yield every secret with which the target is drilled, and its place; those of login files and sessions too.

    Raises:
        ProfileInvalid: one of them is not there.
    """
    for place, reference in references(profile):
        yield place, read_secret(reference)
    for name, surface in profile.surfaces.items():
        if surface.login:
            for _, reference in _references(read_login(surface.login), ()):
                yield f"login-{name}", read_secret(reference)
        if surface.storage_state:
            yield from ((f"session-{name}", secret) for secret in stored_secrets(surface.storage_state))


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
