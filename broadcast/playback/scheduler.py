"""Decides whose turn it is, loudspeaker by loudspeaker: an order contends, plays, gives way.

What becomes of an order is decided at once, in memory; writing and playing follow, and check again
before they make a sound.
"""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

from broadcast.audio_protocol.messages import CUT, URGENT_MAX, EndedProgramme
from broadcast.material.sequence import RenderedOrder
from broadcast.orders.repository import Airing, OrderRecord, order_id_of
from broadcast.orders.store import OrderStore
from broadcast.orders.transitions import WAITING, OrderEvent, OrderState
from broadcast.playback.outcomes import OrderOutcomes
from broadcast.playback.playout import FINISHED, PLAYING, Cue, Playout
from broadcast.playback.preparation import OrderPreparation
from broadcast.playback.recovery import OrderRecovery
from broadcast.policy import arbiter, guard
from broadcast.policy.arbiter import AFTER, AfterInterrupt, Contender
from broadcast.policy.guard import GuardAnswer, Ruling
from broadcast.policy.quiet_hours import ClockReading
from gateway.audit.events import Actor
from gateway.errors import StationError, Unavailable
from gateway.faults import OnFault, log_fault

# Delay before an order tries again after the audio process was full, an emergency if it was away.
RETRY_S = 0.5

# Airings of one order at once, below the emergency and from it on: later horns wait until one ends.
AIRINGS_MAX, URGENT_AIRINGS_MAX = 8, 4

# Airings of all emergencies before one of them begins again: the first of another one finds a
# place.
URGENT_SHARED_MAX = URGENT_MAX - 4

FULL = "audio.full"

# The audio process has played it before we were killed, or still does.
BEFORE = frozenset({"audio.played", "audio.in-use"})

READY = WAITING | {OrderState.PREPARING, OrderState.PLAYING}


class PlaybackScheduler:
    """Gives turns to orders; calls `moved` when the next look may be due earlier.

    `beginning` are programmes that are about to play. `orphans` are emergencies that play although
    a kill took their record: they go on to their end.
    """

    def __init__(
        self,
        store: OrderStore,
        playout: Playout,
        outcomes: OrderOutcomes,
        preparation: OrderPreparation,
        recovery: OrderRecovery,
        *,
        moved: Callable[[], None],
        on_fault: OnFault = log_fault,
    ) -> None:
        """An order that cannot be settled ends alone."""
        self.beginning: set[str] = set()
        self.orphans: dict[str, Contender] = {}
        self._store = store
        self._playout = playout
        self._outcomes = outcomes
        self._preparation = preparation
        self._recovery = recovery
        self._moved = moved
        self._on_fault = on_fault

    def settle(self) -> None:
        """Decide all that can be decided now.

        What is over, what must be silent, whose turn it is.
        """
        moment = ClockReading.now(self._store.clock)
        for kept in self._store.book.open():
            self._contained(kept, partial(self._over, kept, moment))
        self._part()
        for kept in sorted(self._ready(), key=self._precedence):
            self._contained(kept, partial(self._try, kept.order.id, moment))
        low = arbiter.ducked(self._store.contenders())
        orders = {name: self._store.book.by_programme(name) for name in low}
        self._playout.duck({name: kept for name, kept in orders.items() if kept is not None})
        self._moved()

    def _contained(self, kept: OrderRecord, do: Callable[[], None]) -> None:
        """The edge: what cannot be done with one order ends that order, and no other."""
        try:
            do()
        except Exception as error:  # noqa: BLE001  # see above
            self._on_fault("broadcast.order", error)
            found = self._store.book.get(kept.order.id)
            if found is not None and found.open:
                self._playout.silence(found)
                self._store.end(found, OrderEvent.FAIL, "broadcast.failed")

    def _over(self, kept: OrderRecord, moment: ClockReading) -> None:
        """End what must be silent or has expired; resume what lay dormant since a power cut."""
        if self._recovery.is_dormant(kept):
            self._recovery.resume(kept)
        elif kept.state is OrderState.PLAYING:
            self._hush(kept, moment)
        elif self.may_expire(kept) and (
            kept.order.expires.passed(self._store.clock)
            or (not kept.order.class_.urgent and self._outcomes.is_idle(kept))
        ):
            self._outcomes.expire(kept)

    def may_expire(self, kept: OrderRecord) -> bool:
        """Whether it ends when its time is up: it does not play, and cannot have played."""
        return kept.state is not OrderState.PLAYING and not self._recovery.is_undecided(kept)

    def _hush(self, kept: OrderRecord, moment: ClockReading) -> None:
        code = guard.judge_playing(kept.order, self._store.house, moment, self._store.clock.boot)
        if code is not None:
            self._playout.silence(kept)
            self._store.end(kept, OrderEvent.DROP, code)

    def _ready(self) -> Iterator[OrderRecord]:
        """Orders that could begin somewhere, and are rendered; the others are being rendered."""
        for kept in self._store.book.open():
            if kept.state not in READY or self._recovery.is_dormant(kept):
                continue
            if not self._outcomes.speakers_owed(kept):
                continue
            if kept.order.id in self._store.made:
                yield kept
            else:
                self._preparation.request(kept.order.id)

    def _precedence(self, kept: OrderRecord) -> tuple[int, int, int]:
        """The most urgent first; of emergencies the most local, then the newest; else in order."""
        if kept.order.class_.urgent:
            return -kept.order.class_, len(self._store.speakers(kept)), -kept.asked_ns
        return -kept.order.class_, 0, kept.asked_ns

    def _try(self, order_id: str, moment: ClockReading) -> None:
        """Let it play where its turn has come."""
        kept, made = self._store.book.require(order_id), self._store.made.get(order_id)
        if made is None or kept.state not in READY:
            return
        ruling = self._may_begin(kept, made, moment)
        if ruling.answer is GuardAnswer.GO:
            self._contend(kept, made)
        elif kept.state is OrderState.PLAYING:
            return  # it plays to its end where it does, and begins nowhere else
        elif ruling.answer is GuardAnswer.EXPIRED:
            self._outcomes.expire(kept)
        elif ruling.answer is GuardAnswer.REFUSE:
            self._store.end(kept, OrderEvent.REFUSE, ruling.code, ruling.detail)
        else:
            self._hold(kept, ruling.code)

    def _may_begin(self, kept: OrderRecord, made: RenderedOrder, moment: ClockReading) -> Ruling:
        lasts_s = self._playout.lasts_s(kept, made, moment)
        return guard.judge_start(
            kept.order, self._store.house, moment, self._store.clock.boot, lasts_s
        )

    def _contend(self, kept: OrderRecord, made: RenderedOrder) -> None:
        comes = self._store.contender(kept, kept.order.id, self._outcomes.speakers_owed(kept))
        own = kept.programmes
        others = [*self._store.contenders(), *self.orphans.values()]
        decision = arbiter.decide(comes, [each for each in others if each.id not in own])
        if decision.dropped and AFTER[kept.order.class_] is AfterInterrupt.NEVER:
            lost = tuple(sorted({*kept.lost, *decision.dropped}))
            kept = self._store.book.update(kept, lost=lost)
        if decision.begins and not self._full(kept):
            for name, where in decision.cut.items():
                self._cut(name, where)
            self._begin(kept, made, decision.begins)
        elif decision.dropped and not self._store.speakers_left(kept) and not kept.airings:
            self._store.end(kept, OrderEvent.DROP, "broadcast.busy")
        else:
            self._hold(kept, "broadcast.behind")

    def _full(self, kept: OrderRecord) -> bool:
        """Whether one more airing of it would keep another order out."""
        airings = len(kept.airings)
        if not kept.order.class_.urgent:
            return airings >= AIRINGS_MAX
        urgent = [each for each in self._store.book.playing() if each.order.class_.urgent]
        shared = sum(len(each.airings) for each in urgent) + len(self.orphans)
        return airings >= URGENT_AIRINGS_MAX or (airings > 0 and shared >= URGENT_SHARED_MAX)

    def _begin(self, kept: OrderRecord, made: RenderedOrder, where: frozenset[str]) -> None:
        """Begin at these loudspeakers."""
        order_id, sounding = kept.order.id, kept.airings
        if sounding and AFTER[kept.order.class_] is AfterInterrupt.ONWARD:
            first = sounding[0]  # music is the same everywhere: they join in where it is
            self._playout.join(first.programme_id(order_id), where)
            joined = first.at_only(where.union(first.at))
            self._store.book.update(kept, airings=(joined, *sounding[1:]))
            return
        number = kept.turn + 1 if sounding else kept.turn
        airing = Airing(number, tuple(sorted(where)), siren=made.siren)
        self._store.apply(
            kept,
            OrderEvent.PLAY,
            "broadcast.words-ready" if kept.wordless else None,
            turn=number,
            airings=(*sounding, airing),
            seconds=made.seconds,
            clips=made.clips,
            siren=made.siren,
            lasts_s=self._playout.lasts_s(kept, made, ClockReading.now(self._store.clock)),
        )
        self._playout.start(self.start_airing(order_id, airing.programme_id(order_id)))

    def _part(self) -> None:
        """Separate two orders that a kill between two transitions left at one loudspeaker."""
        for one, other in combinations([*self._store.contenders(), *self.orphans.values()], 2):
            if one.speakers.isdisjoint(other.speakers) or order_id_of(one.id) == order_id_of(
                other.id
            ):
                continue
            shared = self._where(one.id) & self._where(other.id)
            if shared and (loser := arbiter.loser(one, other)) is not None:
                self._cut(loser.id, shared)

    def _where(self, name: str) -> frozenset[str]:
        airing, orphan = self._store.airing(name), self.orphans.get(name)
        return frozenset(airing.at) if airing else orphan.speakers if orphan else frozenset()

    def _cut(self, name: str, where: frozenset[str]) -> None:
        """Cut it off where something more urgent plays; elsewhere it goes on."""
        kept = self._store.book.by_programme(name)
        airing = None if kept is None else kept.airing(name)
        if kept is None or airing is None:
            self._cut_orphan(name, where)
            return
        left = frozenset(airing.at) - where
        self._playout.cut(name, CUT, where if left else ())
        rest = (airing.at_only(left),) if left else ()
        never = AFTER[kept.order.class_] is AfterInterrupt.NEVER
        lost = tuple(sorted({*kept.lost, *where})) if never else kept.lost
        noted = self._store.book.update(kept, airings=(*rest, *kept.without(name)), lost=lost)
        self._outcomes.settle(noted)

    def _cut_orphan(self, name: str, where: frozenset[str]) -> None:
        orphan = self.orphans.pop(name)
        left = orphan.speakers - where
        self._playout.cut(name, CUT, where if left else ())
        if left:
            self.orphans[name] = orphan._replace(speakers=left)

    def silence_orphans(self, wanted: Callable[[Contender], bool]) -> bool:
        """Fade out `wanted` sounds without a record; returns whether there were any."""
        found = [name for name, orphan in self.orphans.items() if wanted(orphan)]
        for name in found:
            del self.orphans[name]
            self._playout.cut(name)
        return bool(found)

    async def start_airing(self, order_id: str, name: str) -> None:
        """Play that airing; unless it is urgent or waited for, only after its record is stored."""
        kept = self._store.book.require(order_id)
        self.beginning.add(name)
        try:
            stored = kept.order.beside or await self._store.records.written(order_id)
            while self._store.airing(name) is not None:
                if not stored:
                    self._give_up(
                        name, OrderEvent.FAIL, Ruling(GuardAnswer.REFUSE, "broadcast.unrecorded")
                    )
                elif await self._sound(name):
                    break
                else:
                    await asyncio.sleep(RETRY_S)
        finally:
            self.beginning.discard(name)
        if self._store.airing(name) is None:
            self.settle()

    async def _sound(self, name: str) -> bool:
        """Let the audio process play it; False if that should be tried again."""
        kept = self._store.book.by_programme(name)
        assert kept is not None
        made = self._store.made.get(kept.order.id) or await self._preparation.make(kept)
        kept, airing = self._store.book.require(kept.order.id), self._store.airing(name)
        if made is None or airing is None:
            return True
        moment = ClockReading.now(self._store.clock)
        ruling = self._may_begin(kept, made, moment)  # time has passed
        if ruling.answer is not GuardAnswer.GO:
            expired = ruling.answer is GuardAnswer.EXPIRED
            self._give_up(name, OrderEvent.EXPIRE if expired else OrderEvent.DROP, ruling)
            return True
        if not airing.has_words and not made.siren:  # its words are ready: they play at once
            self._outcomes.end_airing(kept, airing, EndedProgramme(name, CUT, 0))
            return True
        programme = self._playout.programme(kept, airing, made, moment)
        try:
            if await self._playout.begin(kept, programme, partial(self._cue, name)):
                self._begun(name)
            else:
                self._give_up(
                    name, OrderEvent.EXPIRE, Ruling(GuardAnswer.EXPIRED, "broadcast.expired")
                )
        except Unavailable as error:
            if kept.order.class_.urgent:
                return False
            self._give_up(name, OrderEvent.FAIL, Ruling(GuardAnswer.REFUSE, error.code, error.data))
        except StationError as error:
            return await self._refused(name, error)
        return True

    def _cue(self, name: str) -> Cue | None:
        """Where it is to play by now; None if it is not wanted any more, or would be late."""
        kept, airing = self._store.book.by_programme(name), self._store.airing(name)
        now = ClockReading.now(self._store.clock)
        if kept is None or airing is None:
            return None
        if not guard.is_on_time(kept.order, now, self._store.clock.boot):
            return None
        if not airing.has_words and not kept.wordless:
            return None  # the words were faster
        return Cue(frozenset(airing.at), tuple(_sirens(kept, airing)))

    def _begun(self, name: str) -> None:
        """Note that it plays, in place of the siren that preceded it there."""
        kept, airing = self._store.book.by_programme(name), self._store.airing(name)
        if kept is None or airing is None:
            return
        replaced, rest = set(_sirens(kept, airing)), list[Airing]()
        for each in kept.airings:
            siren, at = each.programme_id(kept.order.id), frozenset(each.at)
            if siren in replaced:
                continue
            shared = (
                at.intersection(airing.at)
                if airing.has_words and not each.has_words
                else frozenset()
            )
            if shared:
                self._playout.cut(siren, CUT, shared)
            rest.append(each.at_only(at - shared) if shared else each)
        self._store.book.update(kept, airings=tuple(rest))

    async def _refused(self, name: str, error: StationError) -> bool:
        """Handle a refusal; False if it is to be tried again."""
        kept = self._store.book.by_programme(name)
        assert kept is not None
        if error.code == FULL and AFTER[kept.order.class_] is not AfterInterrupt.NEVER:
            return False
        if error.code not in BEFORE:
            self._give_up(name, OrderEvent.FAIL, Ruling(GuardAnswer.REFUSE, error.code, error.data))
            return True
        try:
            past = await self._playout.fetch_ended(name)
        except StationError:
            return False
        airing, kept = self._store.airing(name), self._store.book.by_programme(name)
        if kept is not None and airing is not None and (past is None or past.how != PLAYING):
            ended = past or EndedProgramme(name, FINISHED, 0)  # longer ago than it remembers
            self._outcomes.end_airing(kept, airing, ended, "broadcast.played-before")
        return True

    def _give_up(self, name: str, act: OrderEvent, ruling: Ruling) -> None:
        kept, airing = self._store.book.by_programme(name), self._store.airing(name)
        if kept is not None and airing is not None:
            self._outcomes.abandon_airing(kept, airing, act, ruling.code, ruling.detail)

    def halt(self, kept: OrderRecord, actor: Actor, why: str = "broadcast.by-hand") -> OrderRecord:
        """Stop an order."""
        self._playout.silence(kept)
        return self._store.end(kept, OrderEvent.STOP, why, by=actor)

    def _hold(self, kept: OrderRecord, why: str | None) -> None:
        if kept.state is OrderState.PREPARING:
            self._store.apply(kept, OrderEvent.HOLD, why)


def _sirens(kept: OrderRecord, words: Airing) -> Iterator[str]:
    """The sirens of that order that give way to these words."""
    if words.has_words:
        for each in kept.airings:
            if not each.has_words and set(each.at).issubset(words.at):
                yield each.programme_id(kept.order.id)
