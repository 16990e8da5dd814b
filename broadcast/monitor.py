"""What the audio process lets be seen: how loud each zone is, how each loudspeaker does.

It counts how far an order's sound is known to have come, on the ladder of the loudspeakers that it
left to: sent, reachable, accepted, heard. Nothing is claimed that a loudspeaker has not shown.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from broadcast.engine import wire
from broadcast.speakers.contract import Rung

RUNGS = (Rung.SENT, Rung.REACHABLE, Rung.ACCEPTED, Rung.HEARD)
SILENT_DBFS = -60.0
"""What a meter shows as nothing."""

LEFT_MAX = 64
"""So many programmes are remembered; only those that sound are asked about."""


class Fault(NamedTuple):
    """Why a loudspeaker does not work: a text code and what fills it in."""

    code: str
    data: Mapping[str, Any]


class Monitor:
    """Hears every event of the engine, and its state at every connection."""

    def __init__(self, speakers: Collection[str]) -> None:
        """Of those loudspeakers; others (a listener's) are none."""
        self.speakers = frozenset(speakers)
        self.faults: dict[str, Fault] = {}
        self._rungs: dict[str, Rung] = {}
        self._levels: dict[str, float] = {}
        self._left: dict[str, frozenset[str]] = {}
        self._heard: dict[str, set[str]] = {}

    def heard(self, event: wire.Event) -> None:
        """The engine's listener."""
        if isinstance(event, wire.Meter):
            self._levels[event.zone] = event.dbfs
        elif isinstance(event, wire.Started):
            self._left[event.id] = self.speakers.intersection(event.speakers)
            while len(self._left) > LEFT_MAX:
                oldest = next(iter(self._left))
                del self._left[oldest]
                self._heard.pop(oldest, None)
        elif isinstance(event, wire.Heard):
            if event.speaker in self._left.get(event.id, ()):
                self._heard.setdefault(event.id, set()).add(event.speaker)
        elif isinstance(event, wire.Fault | wire.Well):
            code, data = (event.code, event.data) if isinstance(event, wire.Fault) else (None, {})
            rung = "unknown" if isinstance(event, wire.Fault) else event.rung
            self._speaker(wire.SpeakerState(event.speaker, rung, code, data))

    def reconcile(self, state: wire.State) -> None:
        """A process is there again: what it knows is all that is known."""
        self._levels.clear()
        self.faults.clear()
        self._rungs.clear()
        for speaker in state.speakers:
            self._speaker(speaker)

    def level(self, zone: str) -> float:
        """How loud it is there, in dBFS."""
        return max(SILENT_DBFS, self._levels.get(zone, SILENT_DBFS))

    def rung(self, speaker: str) -> Rung:
        """How far that loudspeaker is known to work."""
        return self._rungs.get(speaker, Rung.UNKNOWN)

    def reached(self, programme: str) -> tuple[int, ...]:
        """How many loudspeakers took it as far as each rung; empty before its first packet."""
        left = self._left.get(programme)
        if left is None:
            return ()
        # That a packet left is known of each of them, whatever is known of the loudspeaker; that
        # one was heard in a test says nothing of this sound.
        known = (self._rungs.get(each, Rung.SENT) for each in left)
        rungs = [min(Rung.ACCEPTED, max(Rung.SENT, rung)) for rung in known]
        heard = len(self._heard.get(programme, ()))
        return (*(sum(rung >= each for rung in rungs) for each in RUNGS[:-1]), heard)

    def _speaker(self, state: wire.SpeakerState) -> None:
        if state.id not in self.speakers:
            return
        self._rungs[state.id] = Rung[state.rung.upper()]
        self.faults.pop(state.id, None)
        if state.code is not None:
            self.faults[state.id] = Fault(state.code, state.data)
