"""``python -m drills.staging``: the whole embedded staging, until it is told to end."""

from __future__ import annotations

import asyncio
import logging
import sys

from drills.staging.supervisor.launch import parse
from drills.staging.supervisor.run import run

if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    sys.exit(asyncio.run(run(parse(sys.argv[1:]))))
