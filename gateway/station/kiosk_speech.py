"""What the kiosk says, and how staff are called by loudspeaker: sentences as orders.

The guard and the arbiter judge them as any order: quiet hours, what is more urgent, one voice at a
time. Where the audio process is away the caption stays on the page, and the log has one line.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from broadcast.order import Authority, Order, OrderClass
from broadcast.order import SentenceContent as Words
from broadcast.orders.repository import OrderRecord
from broadcast.orders.transitions import OrderState
from broadcast.playback.service import BroadcastService
from broadcast.policy.guard import zone_level_db
from gateway.audit import Actor
from gateway.clock import Clock, Deadline
from gateway.errors import Unavailable
from gateway.places import Places
from gateway.rules.duty import DESK, PLATFORM
from kiosk.requests.request import Request
from kiosk.speech.sentences import SpokenSentence, staff_call_sentence

log = logging.getLogger(__name__)

# So far below what its zone bears is whoever stands there spoken to; `louder` is without.
SOFT_DB = 6.0

# Whoever was not called by then is called by the next step.
BELL_WITHIN_S = 20.0

RESIDENT = Actor("resident")
# Begins the source of whatever a kiosk says.
KIOSK = "kiosk."

# How a sentence ends that was taken and not heard to its end.
LOST = frozenset({OrderState.DROPPED, OrderState.EXPIRED, OrderState.FAILED})

# A bell's record may take so long before it is believed to sound beside it.
RECORD_S = 1.0

# Refusals that pass: it is tried again.
LATER = frozenset({"broadcast.too-many", "broadcast.unrecorded"})


class KioskSpeech:
    """The kiosk's `Speaker` and its `Bell`."""

    def __init__(
        self,
        room: BroadcastService,
        clock: Clock,
        places: Places,
        here: Callable[[], bool],
        language: str,
    ) -> None:
        """`here` says whether the audio process is."""
        self._room = room
        self._clock = clock
        self._places = places
        self._here = here
        self._language = language
        self._away = False
        self._refused: set[tuple[str, str]] = set()
        self._told: set[str] = set()

    async def say(
        self,
        sentence: SpokenSentence,
        zone: str,
        class_: int,
        expires: Deadline,
        *,
        about: str = "",
        louder: bool = False,
    ) -> bool:
        """As the kiosk's Protocol has it."""
        self._must_be_here()
        source = f"{KIOSK}{about or zone}"
        order = Order(
            id=self._room.new_id(),
            source=source,
            zones=(zone,),
            class_=OrderClass(class_),
            authority=Authority.PRESS,
            actor=RESIDENT,
            content=_words(sentence),
            expires=expires,
            level_db=self.level_db(zone, loud=louder or class_ > OrderClass.PROMPT),
            supersedes=self.older(source),
        )
        return await self.ordered(order)

    async def ring(self, request: Request, to: str, by: tuple[str, ...]) -> tuple[str, ...]:
        """In each zone among the channels; the desk and the platform hear of it by the feed."""
        reached = [way for way in by if way in (DESK, PLATFORM)]
        zones = [way for way in by if way not in reached]
        for zone in zones:
            log.info("%s is called in %s", to, zone)
            try:
                if await self._ring(request, zone):
                    reached.append(zone)
            except Unavailable as error:
                log.warning("%s could not be called in %s: %s", to, zone, error)
        return tuple(way for way in by if way in reached)

    def drain_cut_off(self) -> tuple[str, ...]:
        """As the kiosk's Protocol has it."""
        if not self._here():
            return ()
        newest: dict[str, OrderRecord] = {}
        for kept in self._room.orders():
            if kept.order.source.startswith(KIOSK):
                newest.setdefault(kept.order.source, kept)
        self._told &= {kept.order.id for kept in newest.values()}
        found = [
            kept
            for kept in newest.values()
            if kept.state in LOST and kept.order.id not in self._told and not self._drowned(kept)
        ]
        self._told |= {kept.order.id for kept in found}
        return tuple(kept.order.source.removeprefix(KIOSK) for kept in found)

    def _drowned(self, kept: OrderRecord) -> bool:
        """Whether an emergency, or somebody at a microphone, is heard there now."""
        return any(
            loud.order.class_ >= OrderClass.LIVE
            for zone in kept.order.zones
            for loud in self._room.playing_in(zone)
        )

    async def _ring(self, request: Request, zone: str) -> bool:
        """Whether it sounds there. Nobody waits for its record: a disk may hang."""
        self._must_be_here()
        said = staff_call_sentence(request, self._places.spoken(request.place), self._language)
        source = f"call.{request.id}.{zone}"
        order = Order(
            id=self._room.new_id(),
            source=source,
            zones=(zone,),
            class_=OrderClass.SERVICE,
            authority=Authority.PRESS,
            actor=Actor("system", request.id),
            content=_words(said),
            expires=self._clock.deadline(BELL_WITHIN_S),
            chime="urgent" if request.urgent else None,
            place=request.place,
            supersedes=self.older(source),
            at_once=True,
        )
        ordering = asyncio.ensure_future(self.ordered(order))
        ordering.add_done_callback(_heard_of)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(RECORD_S):
                return await asyncio.shield(ordering)
        kept = self._room.get(order.id)
        return kept is not None and kept.open

    def _must_be_here(self) -> None:
        """Unavailable while the audio process is away: said once, and once that it is back."""
        away = not self._here()
        if away and not self._away:
            log.warning("the audio process is away: the kiosk shows what it would say")
        elif self._away and not away:
            log.info("the audio process is back: the kiosk speaks again")
        self._away = away
        if away:
            raise Unavailable("audio.away")

    async def ordered(self, order: Order) -> bool:
        """Whether it will be heard; Unavailable if it can be tried again."""
        receipt = await self._room.place(order)
        code = receipt.reason_code or ""
        if receipt.state not in ("refused", "expired", "failed", "dropped"):
            self._refused = {known for known in self._refused if known[0] != order.zones[0]}
            return True
        if code in LATER:
            raise Unavailable(code)
        if (known := (order.zones[0], code)) not in self._refused:
            self._refused.add(known)
            log.warning("nothing is heard in %s: %s", *known)
        return False

    def older(self, source: str) -> tuple[str, ...]:
        """What is still open of the same source: it is not true any more."""
        return tuple(
            kept.order.id
            for kept in self._room.orders()
            if kept.open and kept.order.source == source
        )

    def level_db(self, zone: str, *, loud: bool) -> float:
        """For this once: the next sentence begins at its own level again."""
        known = self._room.house.zones.get(zone)
        cap = zone_level_db(known, self._room.house) if known is not None else 0.0
        return cap if loud else cap - SOFT_DB


def _heard_of(ordering: asyncio.Future[bool]) -> None:
    """An error that nobody waits for any more is no fault of the task's."""
    if not ordering.cancelled():
        ordering.exception()


def _words(sentence: SpokenSentence) -> Words:
    return Words(tuple((clip.id, clip.words) for clip in sentence.clips), sentence.language)
