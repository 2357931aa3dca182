"""What a target profile says, and how it is read."""

from __future__ import annotations

from drills.target.fields import read_secret
from drills.target.profile.agreement import demand_fit
from drills.target.profile.load import load_profile, parse_profile
from drills.target.profile.model import Profile
from drills.target.profile.sections import Console, Khala, Links, Objectives
from drills.target.profile.surfaces import Surface

__all__ = [
    "Console",
    "Khala",
    "Links",
    "Objectives",
    "Profile",
    "Surface",
    "demand_fit",
    "load_profile",
    "parse_profile",
    "read_secret",
]
