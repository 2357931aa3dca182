"""Programs whose coverage is not measured, because they are killed or struck by signals.

What measures coverage has a lock in every call, and a signal that raises there leaves it taken.
"""

from __future__ import annotations

import os


def unmeasured() -> dict[str, str]:
    """Return the environment of this process without what would measure a program that is started in it."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
