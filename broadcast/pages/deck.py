"""What the pages look at."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from broadcast.monitor import Monitor
from broadcast.options import KeyOptions
from broadcast.paging import Paging
from broadcast.prepare.shelf import Shelf
from broadcast.presets import Presets
from broadcast.quiet import Moment
from broadcast.room import Broadcast
from broadcast.schedule import Schedules
from broadcast.selftests import SelfTests
from broadcast.voice.voice import Progress, Voice
from broadcast.volume import Volumes
from gateway.clock import Clock

PATH = "/desk/broadcast"


class Deck(NamedTuple):
    """The rooms behind the pages.

    `names` are the people by account; `speakers` the loudspeakers' names by id; `ready` how far the
    voice has come with what is said again and again; `connected` whether the audio process is
    there; `microphones` the names of the station's own by id, and `paging` opens them;
    `selftests` tries the loudspeakers.
    """

    room: Broadcast
    presets: Presets
    schedules: Schedules
    volumes: Volumes
    shelf: Shelf
    voice: Voice
    clock: Clock
    names: Callable[[], Mapping[str, str]]
    speakers: Mapping[str, str]
    keys: Mapping[str, KeyOptions]
    ready: Callable[[], Progress | None]
    connected: Callable[[], bool]
    microphones: Mapping[str, str]
    paging: Paging
    selftests: SelfTests

    @property
    def monitor(self) -> Monitor:
        """What the audio process lets be seen."""
        return self.room.monitor

    def moment(self) -> Moment:
        """Now."""
        return Moment.now(self.clock)
