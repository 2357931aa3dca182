"""What a drill needs and whether it is there."""

from __future__ import annotations

from drills.plugin.doctor.examination import examine
from drills.plugin.doctor.finding import Finding

__all__ = ["Finding", "examine"]
