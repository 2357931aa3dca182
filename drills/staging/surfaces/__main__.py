"""``python -m drills.staging.surfaces NAME``: one surface in a process of its own, started by the supervisor."""

from __future__ import annotations

import os
import sys

from drills.errors import ConfigurationError
from drills.staging import settings
from drills.staging.process import STARTED_AT, serve
from drills.staging.surfaces.app import Shell, build
from drills.staging.surfaces.plan import flag_value, make_plan
from drills.staging.surfaces.table import SURFACES, Surface
from drills.staging.surfaces.watermarks import WatermarkFile
from drills.staging.surfaces.window import Window


def main(name: str) -> None:
    """Serve the surface ``name``; its flag is read here, once.

    Raises:
        ConfigurationError: there is no such surface, or the supervisor did not say what it must know.
    """
    if name not in SURFACES:
        raise ConfigurationError(f"there is no surface {name!r}", remedy=f"choose from {', '.join(SURFACES)}")
    surface, config = SURFACES[name], settings.from_environment()
    value = flag_value(surface, os.environ)
    faults = frozenset(filter(None, os.environ.get(settings.FAULTS_VARIABLE, "").split(",")))
    plan = make_plan(surface, value, faults, config, build=f"{os.getpid()}@{STARTED_AT.isoformat()}")
    serve(build(surface, value, plan, config, open_shell(surface, config)))


def open_shell(surface: Surface, config: settings.StagingConfig) -> Shell | None:
    """Return the shell of a surface that opens its own window, None for the others.

    Raises:
        ConfigurationError: the window needs a browser and the supervisor named none.
    """
    if not surface.windowed:
        return None
    if config.browser_executable is None:
        raise ConfigurationError("the desktop surface has no browser", remedy="set DRILL_BROWSER to a Chromium")
    watermarks = WatermarkFile(config.state_dir / f"{surface.name}-watermarks.sqlite")
    return Shell(Window(config.browser_executable, config.state_dir), watermarks)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:2] or ("",))
    except ConfigurationError as error:
        sys.exit(str(error))
