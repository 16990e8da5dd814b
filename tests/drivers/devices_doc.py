"""Writes `docs/devices.md` from the profiles: `python -m tests.drivers.devices_doc`."""

from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from drivers import profile
from drivers.emulate.device import can_emulate
from drivers.profile import Order, Profile, Type
from drivers.profiles import load_profiles
from drivers.units import USUAL_UNITS

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "devices.md"

_HEAD = """\
# Device models · 设备型号

Written by `python -m tests.drivers.devices_doc` from `config/devices/`: change a profile, not this
page.

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

1. Copy the nearest profile; [the format](#the-format--格式) stands below. The file's name is its
   `id`. The first `[[point]]` is the one that people look for: a device's line on the live page
   shows it.
2. `[source]` names the document and quotes the rows that the points rest on. Without one the model
   says `unverified = true`, and is shown so. Look for a second document that does not go back to
   the first, and add it with what it `says`: one that was copied cannot find the other's mistake.
3. For a shipped model, transcribe registers or frames and the values they mean from the document
   into `tests/golden/devices/<id>.toml` first, in a commit of its own: the tests find both by name.
4. Play it and read it, bytes and values side by side; here a model of one's own, `acme-m1`, beside
   `station.toml` (`--config DIR` where that is elsewhere). `yizhan scan` recognises it, too.

```console
$ yizhan profile show acme-m1
$ yizhan emulate acme-m1 --pty --link ./line
$ yizhan profile check acme-m1 --port ./line --address 1
$ yizhan check --config .
```

What is wrong is said with the line and what to write; `yizhan check` looks at models that no device
uses, too.

## The format · 格式

```toml
{format}```

Only `schema`, `id`, `name`, `family`, `point` and of a point `id`, `name`, `address` are needed;
one of `[source]` and `unverified = true`.

| key of `[[point]]` | what |
|---|---|
| `kind` | Modbus: `coil`, `discrete`, `input` or `holding`; elsewhere the family's own word |
| `address` | as on the wire, counted from 0: a manual's 30013 is `input` 12, 40001 `holding` 0 |
| `type` | {types} |
| `order` | of the bytes of two registers: {orders}; four registers continue the pattern |
| `size`, `at`, `bit` | how many registers, bits or bytes; where in a longer answer; which bit |
| `scale`, `offset` | value = count × `scale` + `offset` |
| `unit`, `decimals` | a code of UCUM, see below; digits that are shown |
| `counter` | `true`: it only grows, and starts again at 0 when it is full |
| `range` | what lies outside is `out_of_range` and not believed |
| `writable` | what may be written: `{{ min = …, max = … }}`, `read_back = false` |
| `priority`, `every_s` | 1 alarm input … 9 history; its own period |

| unit | 单位 | |
|---|---|---|
{units}

## Adding a protocol family · 增加一个协议

One folder of `drivers/`, found by itself. [CONTRIBUTING.md](CONTRIBUTING.md#recipes) has a
checklist for each of the four shapes: polled, listening, measured, acting.
"""


def devices_doc(models: Iterable[Profile]) -> str:
    """The whole page, models in order of family and id."""
    ordered = sorted(models, key=lambda model: (model.family, model.id))
    unverified = sum(model.unverified for model in ordered)
    twice = sum(len(model.sources) > 1 for model in ordered)
    sourced = len(ordered) - unverified
    written = {"format": _format(), "types": _choices(Type), "orders": _choices(Order)}
    head = _HEAD.format(
        sourced=sourced, unverified=unverified, twice=twice, units=_units(), **written
    )
    parts = [head]
    for family, members in groupby(ordered, key=lambda model: model.family):
        parts.append(f"## {family}\n\n{_wiring(family)}\n")
        parts += map(_entry, members)
    return "\n".join(parts)


def _format() -> str:
    """The commented profile of `drivers/profile.py`."""
    return (profile.__doc__ or "").partition("```toml\n")[2].partition("```")[0]


def _choices(type_: Any) -> str:
    literal = get_args(type_)[0] if get_origin(type_) is Annotated else type_
    return ", ".join(f"`{each}`" for each in get_args(literal))


def _units() -> str:
    return "\n".join(f"| `{code}` | {zh} | {en} |" for code, (zh, en) in USUAL_UNITS.items())


def _wiring(family: str) -> str:
    """How devices of the family are connected: the first paragraph of its own page."""
    readme = (ROOT / "drivers" / family / "README.md").read_text("utf-8")
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
    if can_emulate(model):
        return f"`yizhan emulate {model.id} --pty`"
    return f"`python -m drivers.{model.family}.emulator`, in the air of the demo"


if __name__ == "__main__":
    DOC.write_text(devices_doc(load_profiles()), "utf-8")
