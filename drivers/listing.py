"""`docs/devices.md`, written from the profiles: `python -m drivers.listing > docs/devices.md`."""

import sys
from collections.abc import Iterable
from itertools import groupby

from drivers.profile import Profile
from drivers.shelf import profiles

_HEAD = """\
# Device models · 设备型号

Written by `python -m drivers.listing` from `config/devices/`: change a profile, not this page.

Every model names a document that a stranger can open and quotes the rows it rests on; each is run
in the tests against registers or frames transcribed from that document before the profile was
written (`tests/golden/devices/`). None has been tried on hardware by us. A model marked
**unverified** rests on something that its document does not say; check the first readings against
the device's display.

{sourced} models rest on a document, {unverified} unverified.
A new model is a TOML file: copy the nearest one; the format stands in `drivers/profile.py`.
Try it without the device: `yizhan emulate <model> --pty`.
"""


def page(models: Iterable[Profile]) -> str:
    """The whole page, models in order of family and id."""
    ordered = sorted(models, key=lambda model: (model.family, model.id))
    unverified = sum(model.unverified for model in ordered)
    parts = [_HEAD.format(sourced=len(ordered) - unverified, unverified=unverified)]
    for family, members in groupby(ordered, key=lambda model: model.family):
        parts.append(f"## {family}\n")
        parts += map(_entry, members)
    return "\n".join(parts)


def _entry(model: Profile) -> str:
    facts = [f"{model.name.zh} · {model.name.en}"]
    if model.line:
        facts.append(f"line `{model.line}`")
    if model.unverified:
        facts.append("**unverified**")
    source = f"[{model.source.document}]({model.source.url})" if model.source else "none"
    points = ", ".join(
        f"`{spec.id}`" + (f" {spec.unit}" if spec.unit != "1" else "") for spec in model.point
    )
    return f"### `{model.id}`\n\n{'; '.join(facts)}.\n\nPoints: {points}.\n\nSource: {source}.\n"


if __name__ == "__main__":
    sys.stdout.write(page(profiles()))
