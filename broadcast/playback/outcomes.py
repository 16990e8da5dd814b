"""What becomes of an order when one of its airings has ended, or its time is up.

An order is over when each of its loudspeakers has had it whole. One that reached nobody has had no
turn: it waits, and begins again until it expires. Below the emergency it is enough that one
loudspeaker was reached, and broken ones are not waited for.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from broadcast.audio_protocol.messages import CUT, EndedProgramme
from broadcast.orders.repository import SIREN, Airing, OrderRecord
from broadcast.orders.store import OrderStore
from broadcast.orders.transitions import TABLE, WAITING, OrderEvent, OrderState
from broadcast.playback.playout import FINISHED, STOPPED, Playout
from broadcast.policy.arbiter import AFTER, AfterInterrupt
from broadcast.policy.quiet_hours import S

EXPIRED = "expired"

# A loudspeaker that took nothing is tried again after this time, which doubles with each attempt.
#
# A switch is up a minute after the power returns; an evacuation waits for half of that at most.
REST_MIN_S, REST_MAX_S = 2.0, 30.0


# Horns behind one switch come back within moments: they then play together what they missed.
GATHER_S = 1.0


class SpeakerBackoff(NamedTuple):
    """These loudspeakers took nothing, and are left alone until then."""

    at: frozenset[str]
    until_ns: int
    tries: int


class OrderOutcomes:
    """How orders end, and what is left of them."""

    def __init__(
        self, store: OrderStore, playout: Playout, broken: Callable[[], Collection[str]] = frozenset
    ) -> None:
        """`broken` gives the loudspeakers that take no sound now."""
        self._store = store
        self._playout = playout
        self._broken = broken
        self._rests: dict[str, SpeakerBackoff] = {}
        self._back: set[str] = set()
        self._gathered_ns = 0

    def speakers_owed(self, kept: OrderRecord) -> frozenset[str]:
        """The loudspeakers where it could begin now, if its turn has come there."""
        made = self._store.made.get(kept.order.id)
        siren = made is not None and made.siren
        if siren and kept.airings:
            return frozenset()  # its words continue
        owed = self._store.speakers_left(kept).difference(
            *(airing.at for airing in kept.airings if siren or airing.has_words)
        )
        rest, now_ns = self._rests.get(kept.order.id), self._store.clock.now_ns()
        if rest is not None and now_ns < rest.until_ns:
            owed -= rest.at
        if kept.had:
            owed = owed.difference(self._broken())  # their recovery is reported
        if kept.turn and not kept.wordless and now_ns < self._gathered_ns:
            owed -= self._back
        return owed

    def is_idle(self, kept: OrderRecord) -> bool:
        """Whether it only waits for broken loudspeakers, and was heard at the others."""
        return (
            kept.state in WAITING
            and bool(kept.had)
            and self._store.speakers_left(kept).issubset(self._broken())
        )

    def is_spent(self, kept: OrderRecord) -> bool:
        """Whether it was heard, and remains only where nothing takes it, by a known fault or not.

        Such an emergency stays open for these loudspeakers alone.
        """
        rest = self._rests.get(kept.order.id)
        mute = frozenset(self._broken()).union(() if rest is None else rest.at)
        return bool(kept.had) and self._store.speakers_left(kept) <= mute

    def retry_delays_s(self) -> list[float]:
        """How long until each loudspeaker that is left alone is tried again."""
        now_ns = self._store.clock.now_ns()
        for order_id in self._rests.keys() - {kept.order.id for kept in self._store.book.open()}:
            del self._rests[order_id]
        until_ns = [self._gathered_ns, *(rest.until_ns for rest in self._rests.values())]
        return [(at_ns - now_ns) / S for at_ns in until_ns if at_ns > now_ns]

    def retry(self, kept: OrderRecord) -> None:
        """Try at once what took nothing: it was pressed again."""
        self._rests.pop(kept.order.id, None)

    def note_recovered(self, speaker: str) -> None:
        """Try a loudspeaker that works again, once its neighbours had time to follow."""
        now_ns = self._store.clock.now_ns()
        if now_ns >= self._gathered_ns:
            self._back, self._gathered_ns = set(), now_ns + round(GATHER_S * S)
        self._back.add(speaker)
        for order_id, rest in self._rests.items():
            self._rests[order_id] = rest._replace(at=rest.at - {speaker})

    def end_airing(
        self, kept: OrderRecord, airing: Airing, ended: EndedProgramme, why: str | None = None
    ) -> None:
        """Handle the end of an airing; `why` is the reason of an order that ends with it."""
        at = frozenset(airing.at)
        unsaid = (
            frozenset() if kept.order.class_.urgent else at
        )  # an emergency rather twice than not at all
        took = unsaid if ended.speakers is None else at.intersection(ended.speakers)
        whole = took
        if ended.whole is not None:  # speakers may have joined without a record of it
            whole = self._store.speakers(kept).intersection(ended.whole)
            took |= whole
        onward = AFTER[kept.order.class_] is AfterInterrupt.ONWARD
        if onward and not took:
            took = self._store.speakers(kept).intersection(ended.speakers or ())
        frame = ended.frames if took else kept.frame  # what was not taken has not advanced
        kept = self._store.book.update(
            kept,
            airings=kept.without(airing.programme_id(kept.order.id)),
            frame=frame if onward else 0,
        )
        if ended.how == FINISHED and not airing.has_words:
            self.settle(kept, "broadcast.words-awaited")
        elif ended.how == FINISHED:
            self._finished(kept, at, took, whole, why)
        elif ended.how == CUT:
            self.settle(kept)
        elif ended.how == EXPIRED:
            self._ran_out(kept, at, took, ended.frames)
        elif ended.how == STOPPED:
            self._playout.silence(kept)
            self._store.end(kept, OrderEvent.STOP, "broadcast.by-hand")
        elif kept.order.class_.urgent:
            self._let_be(kept, at)
            self.settle(kept, "broadcast.lost")
        else:
            self._lose(kept, at, OrderEvent.FAIL, "broadcast.lost")

    def _finished(
        self,
        kept: OrderRecord,
        at: frozenset[str],
        took: frozenset[str],
        whole: frozenset[str],
        why: str | None,
    ) -> None:
        urgent, never = kept.order.class_.urgent, AFTER[kept.order.class_] is AfterInterrupt.NEVER
        if not took and not kept.had and not never:
            self._let_be(kept, at)
            self.settle(kept, "broadcast.reached-nobody")
            return
        if not took and never:
            why = "unknown" if kept.unsure else "reached-nobody"
            act, why = (OrderEvent.DROP, "cut-off") if kept.was_heard else (OrderEvent.FAIL, why)
            self._lose(kept, at, act, f"broadcast.{why}")
            return
        if urgent and not took:
            self._let_be(kept, at)
        else:
            self._rests.pop(kept.order.id, None)
        had = whole if urgent else took | whole
        kept = self._store.book.update(
            kept, had=_with(kept.had, had), lost=kept.lost if urgent else _with(kept.lost, at - had)
        )
        if why is None and not kept.airings and (left := self._store.speakers_left(kept)):
            awaited = left.issubset(self._broken())
            why = "broadcast.speakers-awaited" if awaited else "broadcast.behind"
        self.settle(kept, why)

    def settle(self, kept: OrderRecord, why: str | None = None) -> None:
        """End the order if nothing is left of it; otherwise it waits."""
        if kept.airings:
            return
        left = self._store.speakers_left(kept)
        if left and kept.had and not kept.order.class_.urgent and left.issubset(self._broken()):
            self._store.end(kept, OrderEvent.FINISH, "broadcast.partly")
        elif left:
            self.interrupt(kept, why or "broadcast.cut-off")
        elif kept.had:
            self._store.end(kept, OrderEvent.FINISH, why)
        else:
            self._store.end(kept, OrderEvent.DROP, "broadcast.cut-off")

    def interrupt(self, kept: OrderRecord, why: str) -> None:
        """Let it wait for another turn: it plays nowhere any more."""
        onward = AFTER[kept.order.class_] is AfterInterrupt.ONWARD
        made = self._store.made.get(kept.order.id)
        if made is not None and made.siren:
            del self._store.made[kept.order.id]  # its words are on their way
        self._store.apply(
            kept,
            OrderEvent.INTERRUPT,
            why,
            turn=kept.turn + 1,
            frame=kept.frame if onward else 0,
            siren=False,
            airings=(),
        )

    def handle_late_end(self, ended: EndedProgramme) -> None:
        """Handle an end that came after all: the stop was too late, or the connection was lost."""
        kept = self._store.book.by_programme(ended.id)
        if kept is None or not kept.open or ended.id in kept.programmes:
            return
        if ended.id.endswith(SIREN):
            return  # the words are to be heard all the same
        everywhere = self._store.speakers(kept)
        unsaid = frozenset() if kept.order.class_.urgent else everywhere
        got = unsaid if ended.whole is None else everywhere.intersection(ended.whole)
        if not got.difference(kept.had):
            return
        airings = tuple(filter(None, (self._spared(kept, each, got) for each in kept.airings)))
        kept = self._store.book.update(kept, airings=airings, had=_with(kept.had, got))
        if (
            not airings
            and not self._store.speakers_left(kept)
            and (kept.state, OrderEvent.FINISH) in TABLE
        ):
            cut = kept.state in (OrderState.PLAYING, OrderState.INTERRUPTED)
            self._store.end(kept, OrderEvent.FINISH, None if cut else "broadcast.played-before")
        elif not airings and kept.state is OrderState.PLAYING:
            self.settle(kept, "broadcast.behind")

    def _spared(self, kept: OrderRecord, airing: Airing, had: frozenset[str]) -> Airing | None:
        """What is left of an airing without the loudspeakers that have had the order."""
        left = frozenset(airing.at) - had
        if len(left) == len(airing.at):
            return airing
        name = airing.programme_id(kept.order.id)
        if not left:
            self._playout.cut(name)
            return None
        self._playout.cut(name, CUT, had.intersection(airing.at))
        return airing.at_only(left)

    def expire(self, kept: OrderRecord) -> None:
        """End a waiting order whose time is up, by what was heard of it."""
        if kept.order.class_.urgent and kept.was_heard:
            self._store.end(kept, OrderEvent.DROP, "broadcast.ran-out")
        elif kept.unsure:
            self._store.end(kept, OrderEvent.FAIL, "broadcast.unknown")
        elif kept.reached and not kept.was_heard:
            self._store.end(kept, OrderEvent.FAIL, "broadcast.reached-nobody")
        else:
            self._store.end(kept, OrderEvent.EXPIRE, "broadcast.expired")

    def abandon_airing(
        self,
        kept: OrderRecord,
        airing: Airing,
        act: OrderEvent,
        why: str | None = None,
        detail: Mapping[str, Any] = {},
    ) -> None:
        """Give up an airing that was refused, or may not play any more."""
        kept = self._store.book.update(
            kept, airings=kept.without(airing.programme_id(kept.order.id))
        )
        if airing.has_words:
            self._lose(kept, frozenset(airing.at), act, why, detail)
        else:  # its words are to be heard there all the same
            self.settle(kept, "broadcast.words-awaited")

    def _ran_out(
        self, kept: OrderRecord, where: frozenset[str], took: frozenset[str], frames: int
    ) -> None:
        """The audio process ended it, because its time was up."""
        if kept.airings or kept.had:
            self._lose(kept, where, OrderEvent.DROP, "broadcast.ran-out")
        elif frames and not took and not kept.was_heard:
            why = "unknown" if kept.unsure else "reached-nobody"
            self._store.end(kept, OrderEvent.FAIL, f"broadcast.{why}")
        elif frames or kept.was_heard or not kept.order.class_.urgent:
            self._store.end(kept, OrderEvent.DROP, "broadcast.ran-out")
        else:
            self._store.end(kept, OrderEvent.EXPIRE, "broadcast.expired")

    def _lose(
        self,
        kept: OrderRecord,
        where: frozenset[str],
        act: OrderEvent,
        why: str | None,
        detail: Mapping[str, Any] = {},
    ) -> None:
        """Nothing more of it plays there; if nothing else is left of it, it ends."""
        kept = self._store.book.update(kept, lost=_with(kept.lost, where))
        if kept.airings:
            return
        if act is OrderEvent.EXPIRE:
            self.expire(kept)
        else:
            self._store.end(kept, act, why, detail)

    def _let_be(self, kept: OrderRecord, where: frozenset[str]) -> None:
        """Leave these alone: they took nothing. The delay grows with each attempt."""
        now_ns = self._store.clock.now_ns()
        known = self._rests.get(kept.order.id, SpeakerBackoff(frozenset(), now_ns, 0))
        wait_s = min(REST_MAX_S, REST_MIN_S * 2**known.tries)
        if known.until_ns > now_ns:
            where |= known.at
        until_ns = now_ns + round(wait_s * S)
        self._rests[kept.order.id] = SpeakerBackoff(where, until_ns, min(known.tries + 1, 8))


def _with(known: tuple[str, ...], more: Collection[str]) -> tuple[str, ...]:
    return tuple(sorted({*known, *more}))
