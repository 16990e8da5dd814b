"""Prepared announcements: names for words or clips, with their history.

A preset of staff's has precedence over the settings', and that over a shipped one
(`config/voices`). Staff's are kept in the journal's state: each change keeps the version before, so
that it can be undone.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec

from broadcast.options import PresetOptions
from broadcast.ports import OrderJournal
from gateway.audit.events import Actor
from gateway.errors import NotFound, StateConflict, UsageError
from gateway.event import ID_PATTERN
from gateway.journal import StateChange, load_state
from gateway.journal.stored_state import json_decoder, lenient_json_decoder, require_readable

ROOM = "broadcast-presets"
ORDER = "=order"
PRESETS_MAX = 100
HISTORY_MAX = 10


class PresetVersion(msgspec.Struct, frozen=True):
    """One version of a preset; None if it was removed."""

    preset: PresetOptions | None
    by: Actor
    wall_ns: int | None = None


def shipped_presets(file: Path) -> dict[str, PresetOptions]:
    """Read the shipped presets from that file."""
    return msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, PresetOptions])


_Versions = Annotated[tuple[PresetVersion, ...], msgspec.Meta(min_length=1)]


def _decoded(key: str, body: bytes) -> tuple[PresetVersion, ...] | tuple[str, ...]:
    """Decode a row of the state; ValueError if it is invalid."""
    if key == ORDER:
        order: tuple[str, ...] = json_decoder(tuple[str, ...])(key, body)
        return order
    if not ID_PATTERN.fullmatch(key):
        raise ValueError
    versions: tuple[PresetVersion, ...] = lenient_json_decoder(_Versions)(key, body)
    return versions


class Presets:
    """All presets; `load` before use."""

    def __init__(self, journal: OrderJournal, ready: Mapping[str, PresetOptions]) -> None:
        """`ready` are those of the settings over the shipped ones."""
        self._journal = journal
        self._ready = dict(ready)
        self._history: dict[str, tuple[PresetVersion, ...]] = {}
        self._order: tuple[str, ...] = ()

    async def load(self) -> None:
        """Load what staff made."""
        kept: dict[str, Any] = await load_state(self._journal, ROOM, _decoded)
        self._order = kept.pop(ORDER, ())
        self._history = kept

    def all(self) -> dict[str, PresetOptions]:
        """All presets by id: first as staff have arranged them, then the others."""
        found = dict(self._ready)
        for preset_id, versions in self._history.items():
            latest = versions[-1].preset
            if latest is not None:
                found[preset_id] = latest
            else:
                found.pop(preset_id, None)
        first = {preset_id: found[preset_id] for preset_id in self._order if preset_id in found}
        return first | found

    def get(self, preset_id: str) -> PresetOptions:
        """Get a preset; UsageError if there is none."""
        found = self.all().get(preset_id)
        if found is None:
            raise NotFound("broadcast.unknown-preset", preset=preset_id)
        return found

    def history(self, preset_id: str) -> tuple[PresetVersion, ...]:
        """Staff's versions of it, the oldest first."""
        return self._history.get(preset_id, ())

    async def put(
        self, preset_id: str, preset: PresetOptions | None, by: Actor, wall_ns: int | None
    ) -> None:
        """Create, change or (None) remove a preset; stored when this returns."""
        if not ID_PATTERN.fullmatch(preset_id):
            raise UsageError("broadcast.bad-preset", preset=preset_id[:60])
        if preset_id not in self._history and len(self._history) >= PRESETS_MAX:
            raise UsageError("broadcast.too-many-presets", max=PRESETS_MAX)
        versions = (*self.history(preset_id), PresetVersion(preset, by, wall_ns))[-HISTORY_MAX:]
        await self._keep(preset_id, versions)

    async def arrange(self, order: Sequence[str]) -> None:
        """Set the order of presets; stored when this returns."""
        known = self.all()
        kept = tuple(preset_id for preset_id in order if preset_id in known)
        await self._journal.append((), [StateChange(ROOM, ORDER, msgspec.json.encode(kept))])
        self._order = kept

    async def undo(self, preset_id: str) -> PresetOptions | None:
        """Undo the last change; returns the preset as it is then (None: it does not exist)."""
        versions = self.history(preset_id)
        if not versions:
            raise StateConflict("broadcast.nothing-to-undo", preset=preset_id)
        await self._keep(preset_id, versions[:-1])
        return self.all().get(preset_id)

    async def _keep(self, preset_id: str, versions: tuple[PresetVersion, ...]) -> None:
        body = None
        if versions:
            body = require_readable(_decoded, preset_id, msgspec.json.encode(versions))
        await self._journal.append((), [StateChange(ROOM, preset_id, body)])
        if versions:
            self._history[preset_id] = versions
        else:
            self._history.pop(preset_id, None)
