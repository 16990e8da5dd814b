"""Whether the installed units still fit the settings, or `yizhan install` must run again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from gateway.config.load import settings_file
from gateway.config.schema import Settings
from gateway.install.exposure import with_dropin
from gateway.install.plan import AUDIO, DROPINS, GATEWAY, SETTINGS, UNITS
from gateway.install.sandbox import audio_dropin, gateway_dropin, is_tighter
from gateway.toml import Phrase

# `tight` forbids what the settings need, `loose` allows what they do not name.
SandboxFit = Literal["fits", "loose", "tight"]


def sandbox_fits(settings: Settings, root: Path = Path("/")) -> Iterator[tuple[str, SandboxFit]]:
    """How each installed unit compares with what these settings need."""
    needed = {GATEWAY: gateway_dropin(settings).text, AUDIO: audio_dropin(settings).text}
    for name, dropin in DROPINS.items():
        unit, present = _read(root / UNITS / name), _read(root / dropin)
        if unit is None:  # nothing is installed here
            continue
        if is_tighter(with_dropin(unit, present or ""), with_dropin(unit, needed[name])):
            yield name, "tight"
        else:
            yield name, "fits" if present == needed[name] else "loose"


def worst_fit(settings: Settings, config: Path, root: Path = Path("/")) -> SandboxFit:
    """The worst fit of all units; settings of another station always fit."""
    if config.resolve() != (root / SETTINGS).resolve():
        return "fits"
    found = {how for _, how in sandbox_fits(settings, root)}
    return "tight" if "tight" in found else "loose" if "loose" in found else "fits"


def install_due(settings: Settings, config: Path) -> Iterator[Phrase]:
    """A remark if the installed sandbox does not fit these settings."""
    if (fit := worst_fit(settings, settings_file(config).parent)) != "fits":
        yield Phrase(f"install.due-{fit}")


def _read(path: Path) -> str | None:
    try:
        return path.read_text("utf-8")
    except OSError:
        return None
