"""What the audio process lets be seen: how loud each zone is, how each loudspeaker does.

It counts how far an order's sound is known to have come, on the ladder of the loudspeakers that it
left to: sent, reachable, accepted, heard. Nothing is claimed that a loudspeaker has not shown.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from broadcast.audio_protocol import messages
from broadcast.orders.repository import SIREN, order_id_of
from broadcast.speakers.contract import REPORTED_LEVELS, ProofLevel

# What a meter shows as nothing.
SILENT_DBFS = -60.0

# Faults that a self-test's microphone finds.
UNHEARD = frozenset({"speaker.not-heard", "speaker.no-microphone"})

# So many programmes are remembered; only those that sound are asked about.
LEFT_MAX = 256


class SpeakerFault(NamedTuple):
    """Why a loudspeaker does not work: a text code and what fills it in."""

    code: str
    data: Mapping[str, Any]


class SpeakerMonitor:
    """Hears every event of the engine, and its state at every connection."""

    def __init__(self, speakers: Collection[str]) -> None:
        """Of those loudspeakers; others (a listener's) are none."""
        self.speakers = frozenset(speakers)
        self.faults: dict[str, SpeakerFault] = {}
        self._rungs: dict[str, ProofLevel] = {}
        self._levels: dict[str, float] = {}
        self._left: dict[str, frozenset[str]] = {}
        self._heard: dict[str, set[str]] = {}

    def handle_event(self, event: messages.AudioEvent) -> None:
        """The engine's listener."""
        if isinstance(event, messages.ZoneMeter):
            self._levels[event.zone] = event.dbfs
        elif isinstance(event, messages.ProgrammeStarted):
            self._took(event.id, event.speakers)
        elif isinstance(event, messages.ProgrammeFinished | messages.ProgrammeStopped):
            if event.speakers is not None:
                self._ended(event.id, event.speakers)
        elif isinstance(event, messages.ProgrammeHeard):
            if event.speaker in self._left.get(event.id, ()):
                self._heard.setdefault(event.id, set()).add(event.speaker)
        elif isinstance(event, messages.SpeakerFailed | messages.SpeakerWorks):
            code, data = (
                (event.code, event.data)
                if isinstance(event, messages.SpeakerFailed)
                else (None, {})
            )
            rung = "unknown" if isinstance(event, messages.SpeakerFailed) else event.rung
            self._speaker(messages.SpeakerState(event.speaker, rung, code, data))

    def reconcile(self, state: messages.AudioState) -> None:
        """A process is there again: what it knows is all that is known."""
        self._levels.clear()
        self.faults.clear()
        self._rungs.clear()
        for speaker in state.speakers:
            self._speaker(speaker)
        for ended in state.ended:
            if ended.speakers is not None:
                self._ended(ended.id, ended.speakers)
        for each in state.programmes:
            # one that does not work now may have taken some of it before
            if took := frozenset(each.speakers or ()) - self.broken:
                self._took(each.id, took)

    @property
    def broken(self) -> frozenset[str]:
        """Those that take no sound now; one that no microphone hears may take it all the same."""
        return frozenset(id_ for id_, fault in self.faults.items() if fault.code not in UNHEARD)

    def level(self, zone: str) -> float:
        """How loud it is there, in dBFS."""
        return max(SILENT_DBFS, self._levels.get(zone, SILENT_DBFS))

    def rung(self, speaker: str) -> ProofLevel:
        """How far that loudspeaker is known to work."""
        return self._rungs.get(speaker, ProofLevel.UNKNOWN)

    def reached(self, programme: str) -> tuple[int, ...]:
        """How many loudspeakers took its order as far as each rung; empty before its first packet.

        Each counts once, however many of the order's programmes it took.
        """
        of = order_id_of(programme)
        turns = [each for each in self._left if order_id_of(each) == of]
        if not turns:
            return ()
        left = frozenset().union(*(self._left[each] for each in turns))
        # That a packet left is known of each of them, whatever is known of the loudspeaker; that
        # one was heard in a test says nothing of this sound.
        known = (self._rungs.get(each, ProofLevel.SENT) for each in left)
        rungs = [min(ProofLevel.ACCEPTED, max(ProofLevel.SENT, rung)) for rung in known]
        heard = len(set().union(*(self._heard.get(each, ()) for each in turns)))
        return (*(sum(rung >= each for rung in rungs) for each in REPORTED_LEVELS[:-1]), heard)

    def is_complete(self, order_id: str) -> bool:
        """Whether the first programme of that order is remembered, and so all later ones."""
        return order_id in self._left or f"{order_id}{SIREN}" in self._left

    def note_joined(self, programme: str, speaker: str) -> None:
        """That loudspeaker came while it sounds there."""
        if programme in self._left:
            self._took(programme, (speaker,))

    def _ended(self, programme: str, speakers: Collection[str]) -> None:
        """They took some of it, and no other did: a horn may have been called, and not answered."""
        self._left.pop(programme, None)
        self._took(programme, speakers)

    def _took(self, programme: str, speakers: Collection[str]) -> None:
        """It left to them, and not yet or no more to others."""
        known = self._left.pop(programme, frozenset())
        self._left[programme] = known | self.speakers.intersection(speakers)
        while len(self._left) > LEFT_MAX:
            oldest = next(iter(self._left))
            del self._left[oldest]
            self._heard.pop(oldest, None)

    def _speaker(self, state: messages.SpeakerState) -> None:
        if state.id not in self.speakers:
            return
        self._rungs[state.id] = ProofLevel[state.rung.upper()]
        self.faults.pop(state.id, None)
        if state.code is not None:
            self.faults[state.id] = SpeakerFault(state.code, state.data)
