"""What plays at this moment, the most urgent first."""

from typing import NamedTuple

from broadcast.order import LiveContent, OrderClass
from broadcast.orders.repository import OrderRecord, order_id_of
from broadcast.pages import labels as told
from broadcast.pages.context import BroadcastPageContext
from broadcast.policy.quiet_hours import S
from gateway.web.i18n import Translator

# How many loudspeakers are named; their number is shown beside them.
NAMES_MAX = 4


class OnAirOrder(NamedTuple):
    """One order on the air, for that many `speakers`."""

    kept: OrderRecord
    title: str
    text: str
    clock: str

    @property
    def urgent(self) -> bool:
        """Whether it is an emergency, which is stopped alone and never with the others."""
        return self.kept.order.class_.urgent


class UnrecordedSound(NamedTuple):
    """An emergency that plays without a record; a fire input ends its own."""

    order_id: str
    fire: bool
    text: str


def unrecorded_sounds(context: BroadcastPageContext, words: Translator) -> list[UnrecordedSound]:
    """Sounds without a record; each can be stopped by its id."""
    found: dict[str, UnrecordedSound] = {}
    for one in context.room.unrecorded_sounds():
        fire = one.cls is OrderClass.FIRE
        names = [context.speakers.get(each, each) for each in sorted(one.speakers)]
        place = words("cast.comma").join(names[:NAMES_MAX])
        text = words("cast.lost-fire" if fire else "cast.lost-text", place=place, n=len(names))
        order_id = order_id_of(one.id)
        found[order_id] = UnrecordedSound(order_id, fire, text)
    return list(found.values())


def is_prompt(kept: OrderRecord) -> bool:
    """Whether it is a kiosk's prompt, which does not concern staff."""
    return kept.order.class_ is OrderClass.PROMPT


def on_air_orders(context: BroadcastPageContext) -> list[OrderRecord]:
    """What plays, the most urgent first, then the newest; without kiosks' prompts."""
    found = [kept for kept in _open(context) if kept.state.value == "playing"]
    return sorted(found, key=lambda kept: -kept.order.class_)


def waiting_orders(context: BroadcastPageContext) -> list[OrderRecord]:
    """What is accepted and does not play yet; without kiosks' prompts."""
    return [kept for kept in _open(context) if kept.state.value != "playing"]


def kiosk_speaks(context: BroadcastPageContext) -> bool:
    """Whether a kiosk is speaking."""
    orders = context.room.orders()
    return any(is_prompt(kept) and kept.state.value == "playing" for kept in orders)


def _open(context: BroadcastPageContext) -> list[OrderRecord]:
    return [kept for kept in context.room.orders() if kept.open and not is_prompt(kept)]


def microphone_orders(context: BroadcastPageContext) -> dict[str, OrderRecord]:
    """The open orders of the station's own microphones, by microphone."""
    return {
        kept.order.content.microphone: kept
        for kept in context.room.orders()
        if kept.open and isinstance(kept.order.content, LiveContent)
    }


def show_on_air(kept: OrderRecord, context: BroadcastPageContext, words: Translator) -> OnAirOrder:
    """How it is shown."""
    return OnAirOrder(
        kept,
        told.order_title(kept, context, words),
        _text(kept, context, words),
        remaining_text(kept, context),
    )


def remaining_text(kept: OrderRecord, context: BroadcastPageContext) -> str:
    """How long it goes on; for a microphone, how long it has been on."""
    since_s = (context.clock.now_ns() - kept.since_ns) / S
    if isinstance(kept.order.content, LiveContent):
        return told.clock_text(since_s)
    return told.clock_text(kept.lasts_s - since_s)


def _text(kept: OrderRecord, context: BroadcastPageContext, words: Translator) -> str:
    place = told.zone_names(kept, context, words)
    of = len(context.room.house.speakers(kept.order.zones))
    if not kept.reached:
        return words("cast.starting", place=place, of=of)
    return words("cast.sounds", place=place, n=kept.reached[0], of=of) + _rounds(kept, words)


def _rounds(kept: OrderRecord, words: Translator) -> str:
    if kept.order.repeat < 2 or not kept.seconds:  # noqa: PLR2004  # once is no round of several
        return ""
    return words("cast.rounds", n=kept.order.repeat)
