"""What is known of loudspeakers and zones from the audio process: levels, faults, and proof.

It counts how far an order's sound is known to have come at the loudspeakers that it was sent to:
sent, reachable, accepted, heard. Nothing is claimed that a loudspeaker has not shown.
"""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from broadcast.audio_protocol import messages
from broadcast.orders.repository import SIREN, order_id_of
from broadcast.speakers.contract import REPORTED_LEVELS, ProofLevel

# What a meter shows as silence.
SILENT_DBFS = -60.0

# Faults that a self-test's microphone finds.
UNHEARD = frozenset({"speaker.not-heard", "speaker.no-microphone"})

# How many programmes are remembered; only those that play are asked about.
LEFT_MAX = 256


class SpeakerFault(NamedTuple):
    """Why a loudspeaker does not work: a text code and its data."""

    code: str
    data: Mapping[str, Any]


class SpeakerMonitor:
    """Gets every event of the audio process, and its state at every connection."""

    def __init__(self, speakers: Collection[str]) -> None:
        """Track only `speakers`; the desk's temporary listening speaker is ignored."""
        self.speakers = frozenset(speakers)
        self.faults: dict[str, SpeakerFault] = {}
        self._rungs: dict[str, ProofLevel] = {}
        self._levels: dict[str, float] = {}
        self._left: dict[str, frozenset[str]] = {}
        self._heard: dict[str, set[str]] = {}

    def handle_event(self, event: messages.AudioEvent) -> None:
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
        """Start anew from the state of a process that is there again."""
        self._levels.clear()
        self.faults.clear()
        self._rungs.clear()
        for speaker in state.speakers:
            self._speaker(speaker)
        for ended in state.ended:
            if ended.speakers is not None:
                self._ended(ended.id, ended.speakers)
        for each in state.programmes:
            # One that does not work now may have taken some of it before.
            if took := frozenset(each.speakers or ()) - self.broken:
                self._took(each.id, took)

    @property
    def broken(self) -> frozenset[str]:
        """Those that take no sound now.

        One that a microphone does not hear may take it all the same.
        """
        return frozenset(id_ for id_, fault in self.faults.items() if fault.code not in UNHEARD)

    def level(self, zone: str) -> float:
        """The level of a zone, in dBFS."""
        return max(SILENT_DBFS, self._levels.get(zone, SILENT_DBFS))

    def rung(self, speaker: str) -> ProofLevel:
        """How far that loudspeaker is known to work."""
        return self._rungs.get(speaker, ProofLevel.UNKNOWN)

    def reached(self, programme: str) -> tuple[int, ...]:
        """How many loudspeakers took its order as far as each level; empty before its first packet.

        Each counts once, however many of the order's programmes it took.
        """
        of = order_id_of(programme)
        turns = [each for each in self._left if order_id_of(each) == of]
        if not turns:
            return ()
        left = frozenset().union(*(self._left[each] for each in turns))
        # That a packet was sent is known of each of them, whatever is known of the loudspeaker;
        # that one was heard in a test says nothing of this sound.
        known = (self._rungs.get(each, ProofLevel.SENT) for each in left)
        rungs = [min(ProofLevel.ACCEPTED, max(ProofLevel.SENT, rung)) for rung in known]
        heard = len(set().union(*(self._heard.get(each, ()) for each in turns)))
        return (*(sum(rung >= each for rung in rungs) for each in REPORTED_LEVELS[:-1]), heard)

    def is_complete(self, order_id: str) -> bool:
        """Whether the first programme of that order is remembered, and so all later ones."""
        return order_id in self._left or f"{order_id}{SIREN}" in self._left

    def note_joined(self, programme: str, speaker: str) -> None:
        """Note that a loudspeaker came while the programme plays there."""
        if programme in self._left:
            self._took(programme, (speaker,))

    def _ended(self, programme: str, speakers: Collection[str]) -> None:
        """Only these took some of it: a horn may have been called without an answer."""
        self._left.pop(programme, None)
        self._took(programme, speakers)

    def _took(self, programme: str, speakers: Collection[str]) -> None:
        """Note that these took some of it."""
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
