"""Follows what the audio process reports, and corrects our picture of it after a restart."""

from collections.abc import Collection

from broadcast.audio_protocol import messages
from broadcast.audio_protocol.messages import CUT
from broadcast.order import OrderClass
from broadcast.orders.repository import OrderRecord, parse_airing
from broadcast.orders.store import OrderStore
from broadcast.orders.transitions import OrderEvent, OrderState
from broadcast.playback.outcomes import OrderOutcomes
from broadcast.playback.playout import FINISHED, STOPPED, Playout
from broadcast.playback.scheduler import FULL, PlaybackScheduler
from broadcast.policy.arbiter import AFTER, AfterInterrupt, Contender
from broadcast.speaker_status.monitor import SpeakerMonitor


class PlaybackReconciler:
    """Keeps orders in step with the audio process."""

    def __init__(
        self,
        store: OrderStore,
        playout: Playout,
        scheduler: PlaybackScheduler,
        outcomes: OrderOutcomes,
        monitor: SpeakerMonitor,
    ) -> None:
        """The monitor must get every event before this."""
        self._monitor = monitor
        self._store = store
        self._playout = playout
        self._scheduler = scheduler
        self._outcomes = outcomes

    def reconcile(self, state: messages.AudioState) -> None:
        """Compare with what the audio process plays, and correct what we believe."""
        sounds = {each.id: each for each in state.programmes if each.state != "ready"}
        ended = {each.id: each for each in state.ended}
        self._scheduler.orphans.clear()
        for name in (*ended, *sounds):
            self._count(name)
        for past in state.ended:
            self._end_said(past.id, past.speakers)
            if past.how == FINISHED:
                self._outcomes.handle_late_end(past)
        for name in [name for kept in self._store.book.playing() for name in kept.programmes]:
            self._believed(name, sounds.get(name), ended.get(name))
        for each in state.programmes:
            self._foreign(each)
        ordinary = [kept for kept in self._store.book.playing() if not kept.order.class_.urgent]
        self._playout.doubt({name: kept for kept in ordinary for name in kept.programmes})
        self._scheduler.settle()

    def _believed(
        self,
        name: str,
        sounds: messages.ProgrammeState | None,
        ended: messages.EndedProgramme | None,
    ) -> None:
        """An airing that we believe to play: it does, has ended, or is begun again."""
        kept = self._store.book.by_programme(name)
        if kept is None or (airing := kept.airing(name)) is None:
            return
        if sounds is not None:
            self._place(kept, name, sounds)
        elif name in self._scheduler.beginning:
            return
        elif ended is not None:
            self._outcomes.end_airing(kept, airing, ended)
        elif kept.order.class_.urgent:
            self._playout.start(self._scheduler.start_airing(kept.order.id, name))
        else:
            self._outcomes.abandon_airing(kept, airing, OrderEvent.FAIL, "broadcast.unknown")

    def _count(self, name: str) -> None:
        """Use no turn's number again, and count the speakers that took it as reached."""
        kept = self._store.book.by_programme(name)
        if kept is None or not kept.open:
            return
        number = parse_airing(name, frozenset()).number
        if kept.airing(name) is None:
            number += kept.state is not OrderState.PLAYING
        self._store.book.update(
            kept, turn=max(kept.turn, number), reached=_most(kept, self._monitor.reached(name))
        )

    def _place(self, kept: OrderRecord, name: str, each: messages.ProgrammeState) -> None:
        """Let it play where it should, and nowhere else."""
        airing = kept.airing(name)
        if each.speakers is None or airing is None:
            return
        there = frozenset(each.speakers)
        wanted = there & self._store.speakers_left(kept)
        if there - wanted:
            self._playout.cut(name, CUT, there - wanted)
        if wanted:
            placed = airing.at_only(wanted)
            airings = tuple(placed if each is airing else each for each in kept.airings)
            self._store.book.update(kept, airings=airings)

    def _foreign(self, each: messages.ProgrammeState) -> None:
        """A sound without a known order: a kill takes an emergency's record, not its sound."""
        kept = self._store.book.by_programme(each.id)
        if each.id in self._scheduler.beginning or (kept is not None and kept.airing(each.id)):
            return
        silent = each.state == "ready"
        if kept is None and each.rank >= OrderClass.EMERGENCY:
            if not silent:
                where = self._where(each)
                cls = OrderClass(each.rank)
                self._scheduler.orphans[each.id] = Contender(each.id, cls, where, len(where))
        elif kept is not None and kept.open and kept.order.class_.urgent and not silent:
            self.adopt(kept, each.id, self._where(each))
        else:
            self._playout.cut(each.id, CUT if kept is not None and kept.open else STOPPED)

    def _where(self, each: messages.ProgrammeState) -> frozenset[str]:
        if each.speakers is None:
            return self._playout.speakers(each.zones)
        return self._monitor.speakers.intersection(each.speakers)

    def adopt(self, kept: OrderRecord, name: str, there: frozenset[str]) -> None:
        """Take over a programme whose record was lost with a gateway.

        It is stopped where its words play already, or where another order has its turn.
        """
        sirens = {a.programme_id(kept.order.id) for a in kept.airings if not a.has_words}
        taken = (each.speakers for each in self._store.contenders() if each.id not in sirens)
        where = (there & self._store.speakers_left(kept)).difference(*taken)
        if not where:
            self._playout.cut(name, CUT)
            return
        if there - where:
            self._playout.cut(name, CUT, there - where)
        airing = parse_airing(name, where)
        airings, turn = (*kept.airings, airing), max(kept.turn, airing.number)
        if kept.state is OrderState.PLAYING:
            self._store.book.update(kept, airings=airings, turn=turn)
            return
        if kept.state is OrderState.ACCEPTED:
            kept = self._store.apply(kept, OrderEvent.PREPARE)
        self._store.apply(kept, OrderEvent.PLAY, siren=airing.siren, airings=airings, turn=turn)

    def claim(self, kept: OrderRecord) -> None:
        """Take over the sounds of an order that was ordered again after a kill took its record."""
        for name in [*self._scheduler.orphans]:
            if self._store.book.by_programme(name) is kept:
                orphan = self._scheduler.orphans.pop(name)
                self.adopt(kept, name, orphan.speakers)
                kept = self._store.book.require(kept.order.id)

    def handle_event(self, event: messages.AudioEvent) -> None:
        """Handle a report of what began or ended."""
        if isinstance(event, messages.ProgrammeHeard):
            self._listened(event)
        elif isinstance(event, messages.SpeakerWorks | messages.SpeakerFailed):
            self._changed(event)
        if not isinstance(
            event,
            messages.ProgrammeStarted
            | messages.ProgrammeFinished
            | messages.ProgrammeStopped
            | messages.ProgrammeRefused,
        ):
            return
        ends = not isinstance(event, messages.ProgrammeStarted)
        orphan = self._scheduler.orphans.pop(event.id, None) if ends else None
        kept = self._store.book.by_programme(event.id)
        if kept is not None:
            self._matches(kept, event)
        if orphan is not None:
            self._scheduler.settle()

    def _matches(
        self,
        kept: OrderRecord,
        event: messages.ProgrammeStarted
        | messages.ProgrammeFinished
        | messages.ProgrammeStopped
        | messages.ProgrammeRefused,
    ) -> None:
        """Whether the event is about an airing of this order."""
        if isinstance(event, messages.ProgrammeFinished | messages.ProgrammeStopped):
            kept = self._end_said(event.id, event.speakers) or kept
        elif reached := self._monitor.reached(event.id):
            kept = self._store.book.update(kept, reached=_most(kept, reached))
        if event.id in self._scheduler.beginning and isinstance(event, messages.ProgrammeRefused):
            return
        if kept.open and kept.airing(event.id) is not None:
            self._moved(kept, event)
        else:
            self._overheard(kept, event)

    def _end_said(self, name: str, speakers: Collection[str] | None) -> OrderRecord | None:
        """At the end, the reported speakers replace those reported at the beginning."""
        kept = self._store.book.by_programme(name)
        if kept is None or speakers is None:
            return kept
        reached = self._monitor.reached(name)
        if not self._monitor.is_complete(kept.order.id):  # what came before is not known any better
            reached = _most(kept, reached)
        elif kept.reached:
            reached = (*reached[:-1], max(kept.reached[-1], reached[-1]))
        return self._store.book.update(kept, reached=reached)

    def _moved(self, kept: OrderRecord, event: messages.AudioEvent) -> None:
        """Handle the begin or end of an expected airing."""
        if isinstance(event, messages.ProgrammeStarted):
            if kept.waited_ms is None:
                waited_ms = (event.at_ns - kept.asked_ns) // 1_000_000
                self._store.book.update(kept, waited_ms=waited_ms)
            return
        assert isinstance(
            event,
            messages.ProgrammeFinished | messages.ProgrammeStopped | messages.ProgrammeRefused,
        )
        airing = kept.airing(event.id)
        assert airing is not None
        if not isinstance(event, messages.ProgrammeRefused):
            self._outcomes.end_airing(kept, airing, _ended(event))
        elif event.code == FULL and AFTER[kept.order.class_] is not AfterInterrupt.NEVER:
            self._playout.start(self._scheduler.start_airing(kept.order.id, event.id))
        else:
            self._outcomes.abandon_airing(kept, airing, OrderEvent.FAIL, event.code)
        self._scheduler.settle()

    def _overheard(self, kept: OrderRecord, event: messages.AudioEvent) -> None:
        """Note how far a cut-off programme had come: music continues from there."""
        if isinstance(event, messages.ProgrammeFinished):
            self._outcomes.handle_late_end(_ended(event))
            self._scheduler.settle()
            return
        onward = AFTER[kept.order.class_] is AfterInterrupt.ONWARD
        if kept.state is not OrderState.INTERRUPTED or not onward:
            return
        if isinstance(event, messages.ProgrammeStopped) and event.speakers != ():
            self._store.book.update(kept, frame=event.frames)

    def _changed(self, event: messages.SpeakerWorks | messages.SpeakerFailed) -> None:
        """Handle a speaker that works again or failed."""
        if isinstance(event, messages.SpeakerWorks):
            self._outcomes.note_recovered(event.speaker)
            self._joins(event.speaker)
        if any(kept.order.class_.urgent for kept in self._store.book.open()):
            self._scheduler.settle()

    def _joins(self, speaker: str) -> None:
        """Note that what plays there reaches the speaker from now on."""
        for kept in self._store.book.playing():
            for airing in kept.airings:
                name = airing.programme_id(kept.order.id)
                if speaker in airing.at and name not in self._scheduler.beginning:
                    self._monitor.note_joined(name, speaker)
                    reached = _most(kept, self._monitor.reached(name))
                    self._store.book.update(kept, reached=reached)

    def _listened(self, event: messages.ProgrammeHeard) -> None:
        """Note that a microphone has heard it, perhaps after its end."""
        kept, reached = self._store.book.by_programme(event.id), self._monitor.reached(event.id)
        if kept is None or not kept.reached or not reached:
            return
        reached = (*kept.reached[:-1], max(kept.reached[-1], reached[-1]))
        if reached != kept.reached:
            self._store.record_reach(kept, reached)


def _ended(
    event: messages.ProgrammeFinished | messages.ProgrammeStopped,
) -> messages.EndedProgramme:
    if isinstance(event, messages.ProgrammeFinished):
        return messages.EndedProgramme(
            event.id, FINISHED, event.frames, event.speakers, event.whole
        )
    return messages.EndedProgramme(event.id, event.why, event.frames, event.speakers)


def _most(kept: OrderRecord, reached: tuple[int, ...]) -> tuple[int, ...]:
    """What is known of all its airings; what was known before a restart still holds."""
    if not reached or not kept.reached:
        return reached or kept.reached
    return tuple(map(max, kept.reached, reached))
