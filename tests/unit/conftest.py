from __future__ import annotations

from hypothesis import settings

# Machines that share their cores make any deadline a coin toss; examples stay few because most tests have real work.
settings.register_profile("drills", deadline=None, max_examples=50)
settings.load_profile("drills")
