"""Where the settings and the state are when nothing else was said."""

import os
from pathlib import Path

FILE_NAME = "station.toml"


def config_default() -> Path:
    """Where the settings are when nothing else was said."""
    return Path(os.environ.get("CONFIGURATION_DIRECTORY") or "/etc/yizhan")


def config_here() -> Path:
    """The same, but this folder where it holds the settings: for commands that change nothing."""
    here = Path()
    return here if (here / FILE_NAME).is_file() else config_default()


def state_default(config: Path) -> Path:
    """Where systemd says, else beside the settings."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    return Path(given) if given else config / "state"
