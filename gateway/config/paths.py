"""Default folders of the settings and of the state."""

import os
from pathlib import Path

FILE_NAME = "station.toml"


def config_default() -> Path:
    """The folder that systemd names, else `/etc/yizhan`."""
    return Path(os.environ.get("CONFIGURATION_DIRECTORY") or "/etc/yizhan")


def config_here() -> Path:
    """This folder if it has a settings file, else the default: for commands that change nothing."""
    here = Path()
    return here if (here / FILE_NAME).is_file() else config_default()


def state_default(config: Path) -> Path:
    """The folder that systemd names, else `state` beside the settings."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else config / "state"
