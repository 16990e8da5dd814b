"""Whose turn it is: an order is made ready, contends for its loudspeakers, sounds, gives way.

What becomes of an order is decided at once, in memory; writing and sounding follow, and look again
before they make a sound.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from broadcast import arbiter, guard
from broadcast.arbiter import AFTER, After
from broadcast.book import Kept
from broadcast.guard import Answer, Ruling
from broadcast.life import WAITING, Act, State
from broadcast.order import Order
from broadcast.ports import Made, Studio
from broadcast.progress import Progress
from broadcast.quiet import Moment
from broadcast.stage import CUT, Stage
from gateway.audit.events import Who
from gateway.errors import StationError, Unavailable
from gateway.faults import OnFault, log_fault

RETRY_S = 0.5
"""An emergency tries again so long after the audio process was not there."""

WORDS_S = 0.1
"""An emergency waits so long for its words; then its siren begins without them."""

BEFORE = frozenset({"audio.played", "audio.in-use"})
"""The audio process has sounded it before we were killed, or still does."""


class Turns:
    """`moved` is called whenever time may matter anew; `beginning` are programmes on their way."""

    def __init__(
        self,
        progress: Progress,
        stage: Stage,
        studio: Studio,
        moved: Callable[[], None],
        on_fault: OnFault = log_fault,
    ) -> None:
        """For those orders, on that stage; an order that cannot be settled ends alone."""
        self._on_fault = on_fault
        self.beginning: set[str] = set()
        self._all = progress
        self._stage = stage
        self._studio = studio
        self._moved = moved
        self._asking: set[str] = set()

    def settle(self) -> None:
        """Whatever can be decided now: what is over, what must be silent, whose turn it is."""
        moment = Moment.of(self._all.clock)
        for kept in [k for k in self._all.book.open() if self.asleep(k)]:
            self._contained(kept, partial(self._wake, kept))
        for kept in self._all.book.open():
            self._contained(kept, partial(self._over, kept, moment))
        for kept in sorted(self._ready(), key=_turn):
            self._contained(kept, partial(self._try, kept, moment))
        sounding = {kept.order.id: kept for kept in self._all.book.playing()}
        low = arbiter.ducked(map(self._all.sounding, sounding.values()))
        self._stage.lower({sounding[id_].programme: sounding[id_] for id_ in low})
        self._moved()

    def _contained(self, kept: Kept, do: Callable[[], None]) -> None:
        """The edge: what cannot be done with one order ends that order, and no other."""
        try:
            do()
        except Exception as error:  # noqa: BLE001  # see above
            self._on_fault("broadcast.order", error)
            found = self._all.book.get(kept.order.id)
            if found is not None and found.open:
                self._stage.cut(found.programme)
                self._all.end(found, Act.FAIL, "broadcast.failed")

    def _over(self, kept: Kept, moment: Moment) -> None:
        """What must be silent, and what has expired."""
        if kept.state is State.PLAYING:
            self._hush(kept, moment)
        elif self.perishes(kept) and kept.order.expires.passed(self._all.clock):
            self._all.end(kept, Act.EXPIRE, "broadcast.expired")

    def perishes(self, kept: Kept) -> bool:
        """Whether its time alone ends it: it does not sound, nor may have sounded."""
        waits = kept.order.id in self._asking or self.asleep(kept)
        return kept.state is not State.PLAYING and not waits

    def asleep(self, kept: Kept) -> bool:
        """Whether a power cut left it open, and nobody has told the time since."""
        return kept.open and kept.boot != self._all.clock.boot

    def outlasted(self, kept: Kept) -> None:
        """A power cut left it open. An emergency may go on, once somebody knows the time.

        Until then it is ready and silent; staff can stop it, or order it anew.
        """
        order = kept.order
        if not order.class_.urgent or order.expires.wall_ns is None:
            playing = kept.state is State.PLAYING
            act, why = (Act.FAIL, "unknown") if playing else (Act.EXPIRE, "expired")
            self._all.end(kept, act, f"broadcast.{why}")
            return
        if kept.state is State.PLAYING:
            self.interrupted(kept, 0, "broadcast.power-cut")
        if kept.state is not State.PLAYING or kept.siren:
            self._stage.do(self.prepare(order.id))

    def _wake(self, kept: Kept) -> None:
        """Let it go on if it is known to be in time, by its own platform's time at least."""
        actor = kept.order.actor
        uplink = actor.id if actor.kind == "platform" else ""
        expires = kept.order.expires.resumed(self._all.clock, uplink)
        if expires is None:
            self._all.clock.want_word()
            return
        now_ns, boot = self._all.clock.now_ns(), self._all.clock.boot
        begins = kept.order.not_before
        if begins is not None:
            begins = begins.resumed(self._all.clock, uplink)
        order = msgspec.structs.replace(kept.order, expires=expires, not_before=begins)
        self._all.book.note(kept, order=order, boot=boot, asked_ns=now_ns, since_ns=now_ns)

    def outlived(self, kept: Kept) -> None:
        """Its time passed while we were dead."""
        if kept.order.class_.urgent and kept.boot == self._all.clock.boot:
            self._asking.add(kept.order.id)
            self._stage.do(self._ask(kept.order.id))
        else:
            self._all.end(kept, Act.EXPIRE, "broadcast.expired")

    async def _ask(self, order_id: str) -> None:
        """An emergency may have been heard before it was recorded: the audio process knows."""
        how = None
        with contextlib.suppress(StationError):  # away: nobody knows better
            how = await self._stage.heard(order_id)
        self._asking.discard(order_id)
        kept = self._all.book.known(order_id)
        if not kept.open:
            return
        if how is None:
            self._all.end(kept, Act.EXPIRE, "broadcast.expired")
        elif how == "finished":
            self._all.end(kept, Act.FINISH, "broadcast.played-before")
        else:
            self._all.end(kept, Act.DROP, "broadcast.ran-out")

    def _ready(self) -> Iterator[Kept]:
        waiting = WAITING | {State.PREPARING}
        return (
            k
            for k in self._all.book.open()
            if k.state in waiting and k.order.id in self._all.made and not self.asleep(k)
        )

    def _try(self, kept: Kept, moment: Moment) -> None:
        """Give it its turn, if it is its turn."""
        made = self._all.made.get(kept.order.id)
        if made is None:
            return
        ruling = self._may_begin(kept, made, moment)
        if ruling.answer is Answer.EXPIRED:
            self._all.end(kept, Act.EXPIRE, ruling.code)
        elif ruling.answer is Answer.REFUSE:
            self._all.end(kept, Act.REFUSE, ruling.code, ruling.detail)
        elif ruling.answer is Answer.WAIT:
            self._hold(kept, ruling.code)
        else:
            self._contend(kept, made)

    def _may_begin(self, kept: Kept, made: Made, moment: Moment) -> Ruling:
        lasts_s = self._stage.lasts_s(kept, made, moment)
        return guard.begin(kept.order, self._all.house, moment, self._all.clock.boot, lasts_s)

    def _contend(self, kept: Kept, made: Made) -> None:
        playing = [self._all.sounding(other) for other in self._all.book.playing()]
        again = kept.state is State.INTERRUPTED
        decision = arbiter.decide(self._all.sounding(kept), playing, again=again)
        if decision.dropped:
            self._all.end(kept, Act.DROP, "broadcast.busy")
        elif decision.waits:
            self._hold(kept, "broadcast.behind")
        else:
            for victim in decision.cut:
                self._cut(self._all.book.known(victim))
            lasts_s = self._stage.lasts_s(kept, made, Moment.of(self._all.clock))
            kept = self._all.move(
                kept,
                Act.PLAY,
                seconds=made.seconds,
                clips=made.clips,
                siren=made.siren,
                lasts_s=lasts_s,
            )
            self._stage.do(self.begin(kept.order.id, kept.turn))

    def _cut(self, kept: Kept) -> None:
        """Something more urgent sounds instead."""
        self._stage.cut(kept.programme, CUT)
        if AFTER[kept.order.class_] is After.NEVER:
            self._all.end(kept, Act.DROP, "broadcast.cut-off")
        else:
            self.interrupted(kept, kept.frame)

    def interrupted(self, kept: Kept, frame: int, why: str = "broadcast.cut-off") -> None:
        """It was cut off at that frame, and waits for another turn."""
        onward = AFTER[kept.order.class_] is After.ONWARD
        self._all.move(
            kept,
            Act.INTERRUPT,
            why,
            turn=kept.turn + 1,
            frame=frame if onward else 0,
            siren=False,
        )
        if kept.siren:
            self._all.made.pop(kept.order.id, None)  # its words are on their way
        elif kept.order.id not in self._all.made:
            self._stage.do(self.prepare(kept.order.id))

    def wordless(self, kept: Kept) -> bool:
        """Whether only its siren has sounded, and its words are still to come."""
        made = self._all.made.get(kept.order.id)
        return kept.siren and (made is None or made.siren)

    async def begin(self, order_id: str, turn: int) -> None:
        """Sound that turn; what nobody waits for at once only when its record is on disk."""
        kept = self._all.book.known(order_id)
        name = kept.programme
        self.beginning.add(name)
        try:
            stored = kept.order.beside or await self._all.records.written(order_id)
            while self._all.on(order_id, turn):
                if not stored:
                    self._all.end(self._all.book.known(order_id), Act.FAIL, "broadcast.unrecorded")
                elif await self._sound(order_id, turn):
                    break
                else:
                    await asyncio.sleep(RETRY_S)
        finally:
            self.beginning.discard(name)
        if not self._all.on(order_id, turn):
            self.settle()

    async def _sound(self, order_id: str, turn: int) -> bool:
        """Let the engine sound it; False if an emergency should be tried again."""
        kept = self._all.book.known(order_id)
        made = self._all.made.get(order_id) or await self._make(kept)
        if made is None or not self._all.on(order_id, turn):
            return True
        moment = Moment.of(self._all.clock)
        ruling = self._may_begin(kept, made, moment)  # time went by
        if ruling.answer is not Answer.GO:
            expired = ruling.answer is Answer.EXPIRED
            self._all.end(kept, Act.EXPIRE if expired else Act.DROP, ruling.code, ruling.detail)
            return True
        programme = self._stage.programme(kept, made, moment)

        def still() -> bool:
            now = Moment.of(self._all.clock)
            on = self._all.on(order_id, turn)
            return on and guard.punctual(kept.order, now, self._all.clock.boot)

        try:
            if not await self._stage.begin(kept, programme, still) and self._all.on(order_id, turn):
                self._all.end(self._all.book.known(order_id), Act.EXPIRE, "broadcast.expired")
        except Unavailable as error:
            if kept.order.class_.urgent:
                return False
            self._fail(order_id, turn, error)
        except StationError as error:
            if error.code not in BEFORE or not await self._stage.sounds(programme.id):
                self._fail(order_id, turn, error)
        return True

    def _fail(self, order_id: str, turn: int, error: StationError) -> None:
        if not self._all.on(order_id, turn):
            return
        if error.code in BEFORE:  # and it has ended meanwhile
            self._all.end(self._all.book.known(order_id), Act.FINISH, "broadcast.played-before")
        else:
            self._all.end(self._all.book.known(order_id), Act.FAIL, error.code, error.data)

    def _hush(self, kept: Kept, moment: Moment) -> None:
        code = guard.hushed(kept.order, self._all.house, moment, self._all.clock.boot)
        if code is not None:
            self._stage.cut(kept.programme)
            self._all.end(kept, Act.DROP, code)

    def halt(self, kept: Kept, actor: Who, why: str = "broadcast.by-hand") -> Kept:
        """Somebody stops it."""
        if kept.state is State.PLAYING:
            self._stage.cut(kept.programme)
        return self._all.end(kept, Act.STOP, why, by=actor)

    def _hold(self, kept: Kept, why: str | None) -> None:
        if kept.state is State.PREPARING:
            self._all.move(kept, Act.HOLD, why)

    async def prepare(self, order_id: str) -> None:
        """Make its sound; then it waits for its turn."""
        kept = self._all.book.get(order_id)
        if kept is None or not kept.open:
            return
        if kept.state is State.ACCEPTED:
            kept = self._all.move(kept, Act.PREPARE)
        making = asyncio.create_task(self._make(kept))
        try:
            if kept.order.class_.urgent and kept.turn == 0:
                await self._begin_siren(kept.order, making)
            made = await making
        finally:
            making.cancel()  # does nothing unless we are cancelled ourselves
        kept = self._all.book.get(order_id)
        if made is not None and kept is not None and kept.open:
            if kept.siren and made.clips != kept.clips:
                self._stage.cut(kept.programme, CUT)
                self.interrupted(kept, 0, "broadcast.words-ready")
            self._all.made[order_id] = made
            self.settle()

    async def _begin_siren(self, order: Order, making: "asyncio.Task[Made | None]") -> None:
        """Nobody waits in silence for the words of an emergency."""
        await asyncio.wait({making}, timeout=WORDS_S)
        if making.done():
            return
        try:
            siren = await self._studio.siren(order)
        except StationError:
            return  # its words sound without
        kept = self._all.book.known(order.id)
        if not making.done() and kept.state is State.PREPARING:
            self._all.made[order.id] = siren
            self.settle()

    async def _make(self, kept: Kept) -> Made | None:
        """Its sound; None if there will be none, and the order has ended by that."""
        try:
            return await self._studio.make(kept.order)
        except StationError as error:
            code, data = error.code, error.data
        except Exception as error:  # noqa: BLE001  # an edge: a voice that breaks ends its order, not the room
            self._on_fault("broadcast.voice", error)
            code, data = "broadcast.failed", {}
        found = self._all.book.get(kept.order.id)
        if found is not None and found.open:
            if found.siren:
                self._stage.cut(found.programme)
            self._all.end(found, Act.FAIL, code, data)
        return None


def _turn(kept: Kept) -> tuple[int, int]:
    """The most urgent first, then as they came."""
    return -kept.order.class_, kept.asked_ns
