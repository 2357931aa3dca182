"""Clients of the Khala lane that are no browser: a cohort that gives it load, and a probe that measures it."""

from __future__ import annotations

from drills.target.khala.cohort import Cohort
from drills.target.khala.figures import Figures, Kind
from drills.target.khala.probe import Probe
from drills.target.khala.token import TOKEN_RENEWAL_SECONDS, mint_token

__all__ = ["TOKEN_RENEWAL_SECONDS", "Cohort", "Figures", "Kind", "Probe", "mint_token"]
