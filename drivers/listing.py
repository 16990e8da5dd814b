"""`docs/devices.md`, written from the profiles: `python -m drivers.listing > docs/devices.md`."""

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

from drivers.emulate.player import can_play
from drivers.profile import Profile
from drivers.shelf import profiles

_ROOT = Path(__file__).parent

_HEAD = """\
# Device models · 设备型号

Written by `python -m drivers.listing` from `config/devices/`: change a profile, not this page.

Every model names a document that a stranger can open and quotes the rows it rests on; each is run
in the tests against registers or frames transcribed from that document before the profile was
written (`tests/golden/devices/`). None has been tried on hardware by us. A model marked
**unverified** rests on something that its document does not say; check the first readings against
the device's display.

{sourced} models rest on a document, {unverified} unverified. {twice} were held against a second,
independent document; what it says of their points stands in the profile, and a profile that differs
from it cannot be used.

## Adding a model · 增加一个型号

One file. An installer puts it into `devices/` beside `station.toml`, where it stands before a
shipped one of the same name; for everybody it belongs into `config/devices/`.

1. Copy the nearest profile; the format stands in `drivers/profile.py`. The file's name is its `id`.
   The first `[[point]]` is the one that people look for: a device's line on the live page shows it.
2. `[source]` names the document and quotes the rows that the points rest on. Without one the model
   says `unverified = true`, and is shown so. Look for a second document that does not go back to
   the first, and add it with what it `says`: one that was copied cannot find the other's mistake.
3. For a shipped model, transcribe registers or frames and the values they mean from the document
   into `tests/golden/devices/<id>.toml` first, in a commit of its own: the tests find both by name.
4. `yizhan emulate <id> --pty` plays it, `yizhan profile check <id> --port … --address …` reads it
   with bytes and values side by side, and `yizhan scan` recognises it.

## Adding a protocol family · 增加一个协议

One folder of `drivers/`, found by its `driver.py`; no list is edited. It holds `codec.py` (pure),
`driver.py` (`DRIVER`, in one of the shapes of `drivers/family.py`), `emulator.py` (the device's
side, which never imports the codec), `vectors.toml` (published frames with their sources, one of
them an error reply) and `README.md`. A polled family adds `specimen.py`, and the conformance suite
takes it over every hostile wire; `player.py`, and its profiles can be played; `finder.py`, and
`yizhan scan` searches for it. What its errors mean to people stands in `gateway/texts`.
"""


def page(models: Iterable[Profile]) -> str:
    """The whole page, models in order of family and id."""
    ordered = sorted(models, key=lambda model: (model.family, model.id))
    unverified = sum(model.unverified for model in ordered)
    twice = sum(len(model.sources) > 1 for model in ordered)
    sourced = len(ordered) - unverified
    parts = [_HEAD.format(sourced=sourced, unverified=unverified, twice=twice)]
    for family, members in groupby(ordered, key=lambda model: model.family):
        parts.append(f"## {family}\n\n{_wiring(family)}\n")
        parts += map(_entry, members)
    return "\n".join(parts)


def _wiring(family: str) -> str:
    """How devices of the family are connected: the first paragraph of its own page."""
    readme = (_ROOT / family / "README.md").read_text("utf-8")
    return readme.split("\n\n")[1].strip()


def _entry(model: Profile) -> str:
    facts = [f"{model.name.zh} · {model.name.en}"]
    if model.line:
        facts.append(f"line `{model.line}`")
    if model.unverified:
        facts.append("**unverified**")
    source = "; ".join(f"[{each.document}]({each.url})" for each in model.sources) or "none"
    points = ", ".join(
        f"`{spec.id}`" + (f" {spec.unit}" if spec.unit != "1" else "") for spec in model.point
    )
    emulated = f"Emulated: {_played(model)}.\n\n"
    return (
        f"### `{model.id}`\n\n{'; '.join(facts)}.\n\nPoints: {points}.\n\n{emulated}"
        f"{'Sources' if len(model.sources) > 1 else 'Source'}: {source}.\n"
    )


def _played(model: Profile) -> str:
    """How the device's side is played without the device."""
    if can_play(model):
        return f"`yizhan emulate {model.id} --pty`"
    return f"`python -m drivers.{model.family}.emulator`, in the air of the demo"


if __name__ == "__main__":
    sys.stdout.write(page(profiles()))
