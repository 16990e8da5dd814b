"""What the gateway knows of the audio process, enough to restore it after a crash. Pure."""

from collections.abc import Collection
from typing import NamedTuple

import msgspec

from broadcast.audio_protocol.messages import (
    AudioEvent,
    AudioState,
    EndedProgramme,
    Programme,
    ProgrammeFinished,
    ProgrammeRefused,
    ProgrammeStarted,
    ProgrammeStopped,
    SpeakerFailed,
)

FRAME_NS = 20_000_000


class HeldProgramme(NamedTuple):
    """A programme that was given to the process; `frames` is 0 for live sound.

    It was stopped in the zones that it has `left`. The speakers `had` all of it so far, as far as
    it was reported; None: it has not begun.
    """

    programme: Programme
    frames: int
    left: frozenset[str] = frozenset()
    asked: bool = False
    start: int = 0
    at_ns: int | None = None
    had: frozenset[str] | None = None

    @property
    def takers(self) -> tuple[str, ...] | None:
        """The speakers that had it, in the form of the protocol."""
        return None if self.had is None else tuple(sorted(self.had))

    def frame(self, now_ns: int) -> int:
        """How far it had come by that instant."""
        if self.at_ns is None:
            return self.start
        return self.start + max(0, now_ns - self.at_ns) // FRAME_NS


class ProgrammeRestart(NamedTuple):
    """What a new process must be given; `start` is None if it had only been prepared.

    It is stopped in the zones that it has `left` before it plays. Only the speakers `had` have had
    what came before; None: every speaker has.
    """

    programme: Programme
    start: int | None
    left: tuple[str, ...] = ()
    had: tuple[str, ...] | None = None


class ProcessShadow:
    """Programmes by id, from our commands and the process's events."""

    def __init__(self) -> None:
        self._held: dict[str, HeldProgramme] = {}

    def note_prepared(self, programme: Programme, frames: int) -> None:
        """Note that the process holds it."""
        self._held[programme.id] = HeldProgramme(programme, frames)

    def note_played(self, id_: str, start: int, zones: Collection[str] = ()) -> None:
        """Note that the process accepted our command to play it, in these zones again, too."""
        held = self._held.get(id_)
        if held is None:
            return
        if not held.asked:
            held = held._replace(asked=True, start=start)
        more = tuple(zone for zone in zones if zone not in held.programme.zones)
        meant = msgspec.structs.replace(held.programme, zones=(*held.programme.zones, *more))
        self._held[id_] = held._replace(programme=meant, left=held.left.difference(zones))

    def note_left(self, id_: str, zones: Collection[str]) -> None:
        """Note that it was stopped there."""
        if held := self._held.get(id_):
            self._held[id_] = held._replace(left=held.left.union(zones))

    def forget(self, id_: str) -> None:
        """Forget a programme that is not wanted any more."""
        self._held.pop(id_, None)

    def handle_event(self, event: AudioEvent) -> None:
        if isinstance(event, ProgrammeStarted):
            if held := self._held.get(event.id):
                works = frozenset(event.speakers)
                had = works if held.had is None else works & held.had
                self._held[event.id] = held._replace(
                    asked=True, start=event.start, at_ns=event.at_ns, had=had
                )
        elif isinstance(event, SpeakerFailed):
            for id_, held in self._held.items():
                if held.had is not None:
                    self._held[id_] = held._replace(had=held.had - {event.speaker})
        elif isinstance(event, ProgrammeFinished | ProgrammeStopped | ProgrammeRefused):
            self._held.pop(event.id, None)

    def missed_events(self, state: AudioState) -> list[AudioEvent]:
        """What ended while the connection to the same process was lost."""
        there = {each.id for each in state.programmes}
        ended = {each.id: each for each in state.ended}
        events: list[AudioEvent] = [
            _event(ended.get(id_) or EndedProgramme(id_, "lost", 0))
            for id_ in self._held
            if id_ not in there
        ]
        for event in events:
            self.handle_event(event)
        return events

    def plan_restart(
        self, lost_ns: int, now_ns: int
    ) -> tuple[list[ProgrammeRestart], list[AudioEvent]]:
        """What a new process must be given, and what is over, after the old one died at `lost_ns`.

        Nothing is played late: what expired meanwhile is dropped, and live sound is lost. Urgent
        programmes come first, so that they wait for nothing else to be read.
        """
        again: list[ProgrammeRestart] = []
        over: list[AudioEvent] = []
        for held in sorted(self._held.values(), key=lambda held: not held.programme.urgent):
            verdict = _verdict(held, lost_ns, now_ns)
            if isinstance(verdict, ProgrammeRestart):
                again.append(verdict)
            else:
                over.append(verdict)
        for event in over:
            self.handle_event(event)
        return again, over


def _verdict(held: HeldProgramme, lost_ns: int, now_ns: int) -> ProgrammeRestart | AudioEvent:
    programme, frame = held.programme, held.frame(lost_ns)
    if not programme.files:
        return ProgrammeStopped(programme.id, "lost", frame, held.takers)
    if held.asked and frame >= held.frames:
        return ProgrammeFinished(programme.id, held.frames, held.takers, held.takers)
    if programme.expires_ns is not None and now_ns >= programme.expires_ns:
        return ProgrammeStopped(programme.id, "expired", frame if held.asked else 0, held.takers)
    start = frame if held.asked else None
    return ProgrammeRestart(programme, start, tuple(sorted(held.left)), held.takers)


def _event(ended: EndedProgramme) -> AudioEvent:
    if ended.how == "finished":
        return ProgrammeFinished(ended.id, ended.frames, ended.speakers, ended.whole)
    return ProgrammeStopped(ended.id, ended.how, ended.frames, ended.speakers)
