"""What the pages look at."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from broadcast.clips.store import ClipStore
from broadcast.material.presets import Presets
from broadcast.microphone.paging import Paging
from broadcast.options import KeyOptions
from broadcast.orders.schedules import Schedules
from broadcast.playback.service import BroadcastService
from broadcast.policy.quiet_hours import ClockReading
from broadcast.speaker_status.monitor import SpeakerMonitor
from broadcast.speaker_status.self_tests import DailySelfTests
from broadcast.speaker_status.zone_volume import ZoneVolumes
from broadcast.voice.voice import RenderProgress, Voice
from gateway.clock import Clock

PATH = "/desk/broadcast"


class BroadcastPageContext(NamedTuple):
    """What the pages show.

    `names` are people by account; `speakers` names of loudspeakers by id; `ready` how far
    prerendering has come; `connected` whether the audio process is there; `microphones` names of
    the station's own by id, which `paging` opens; `selftests` tests the loudspeakers.
    """

    room: BroadcastService
    presets: Presets
    schedules: Schedules
    volumes: ZoneVolumes
    shelf: ClipStore
    voice: Voice
    clock: Clock
    names: Callable[[], Mapping[str, str]]
    speakers: Mapping[str, str]
    keys: Mapping[str, KeyOptions]
    ready: Callable[[], RenderProgress | None]
    connected: Callable[[], bool]
    microphones: Mapping[str, str]
    paging: Paging
    selftests: DailySelfTests

    @property
    def monitor(self) -> SpeakerMonitor:
        return self.room.monitor

    def moment(self) -> ClockReading:
        """The current time."""
        return ClockReading.now(self.clock)
