"""The volume that staff set in each zone: steps of 3 dB below the installer's level.

A loudspeaker in several zones is lowered by all of them. Emergencies ignore it.
"""

from collections.abc import Sequence

import msgspec

from broadcast.audio_protocol.messages import SpeakerSetting
from broadcast.ports import OrderJournal
from gateway.journal import StateChange, load_state
from gateway.journal.stored_state import parse_number

ROOM = "broadcast-volume"
STEP_MAX = 10
STEP_DB = 3.0
VOLUME_DB_MIN = -40.0


class ZoneVolumes:
    """Volumes by zone; `load` before use."""

    def __init__(self, journal: OrderJournal) -> None:
        self._journal = journal
        self._steps: dict[str, int] = {}

    async def load(self) -> None:
        """Load the stored volumes."""
        self._steps = await load_state(
            self._journal, ROOM, lambda _, body: parse_number(body, STEP_MAX)
        )

    def step(self, zone: str) -> int:
        """The step of a zone; 10 is the installer's level."""
        return self._steps.get(zone, STEP_MAX)

    async def step_by(self, zone: str, by: int) -> int:
        """Change by that many steps; stored when this returns."""
        step = _bounded(self.step(zone) + by)
        body = None if step == STEP_MAX else str(step).encode()
        await self._journal.append((), [StateChange(ROOM, zone, body)])
        self._steps[zone] = step
        return step

    def apply_to(self, speakers: Sequence[SpeakerSetting]) -> tuple[SpeakerSetting, ...]:
        """The settings of the loudspeakers with staff's volume on top of their own."""
        return tuple(self._lowered(each) for each in speakers)

    def _lowered(self, speaker: SpeakerSetting) -> SpeakerSetting:
        steps = sum(STEP_MAX - self.step(zone) for zone in speaker.options.zones)
        volume_db = max(VOLUME_DB_MIN, speaker.options.volume_db - steps * STEP_DB)
        options = msgspec.structs.replace(speaker.options, volume_db=volume_db)
        return msgspec.structs.replace(speaker, options=options)


def _bounded(step: int) -> int:
    return max(0, min(STEP_MAX, step))
