"""The first settings: an id and a name; the setup pages do the rest."""

import json
from pathlib import Path

from gateway.config.load import examine_text, load, salvage
from gateway.config.paths import FILE_NAME
from gateway.config.schema import Settings
from gateway.errors import SettingsError, UsageError
from gateway.toml import Mistake, settings_error

TEXT = """\
# 驿站的设置。其余的在网页 /setup/ 里填，或照 station.example.toml 手写；改完运行 yizhan check。
schema = 1

[station]
id = {id}      # 写进每一条事件，定了就永不更改
name = {name}
"""


def first_settings(station: str, name: str) -> bytes:
    """The file with that id and name; a JSON string is also a TOML string."""
    said = {"id": station, "name": name}
    return TEXT.format_map({k: json.dumps(v, ensure_ascii=False) for k, v in said.items()}).encode()


def settle_settings(
    config: Path, station: str | None, name: str | None
) -> tuple[Settings | None, bytes]:
    """The settings that will be in place, and their text if it has yet to be written.

    UsageError if another station's settings are there already, or a name comes without an id.
    """
    file = config / FILE_NAME
    if file.exists():
        settings = load(config)
        if station not in (None, settings.station.id):
            raise UsageError("install.other-station", present=settings.station.id, path=str(file))
        return settings, b""
    if station is None:
        if name is not None:
            raise UsageError("install.name-without-id")
        return None, b""
    fresh = first_settings(station, name or station)
    made, mistakes = examine_text(fresh, config)
    if made is None:
        raise settings_error(mistakes)
    return made, fresh


def usable_settings(config: Path) -> tuple[Settings | None, tuple[Mistake, ...]]:
    """What the station can start with of the present settings, and the mistakes in them.

    An upgrade never fails over settings that the version before accepted: the station reports them
    at its desk.
    """
    file = config / FILE_NAME
    try:
        return salvage(file.read_bytes(), config)
    except FileNotFoundError:
        return None, ()
    except SettingsError as error:
        return None, error.data["mistakes"]
