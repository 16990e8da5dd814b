"""The broadcast's card on the desk's first screen: what plays, and what needs a person."""

from broadcast.orders.repository import OrderRecord
from broadcast.pages import labels as told
from broadcast.pages import on_air
from broadcast.pages.context import PATH, BroadcastPageContext
from gateway.health import Vitals
from gateway.web.i18n import CATALOGUES, Translator
from gateway.web.page_header import StatusMark
from gateway.web.section import Need, NeedAction, View

URGENT, AWAY, FAULTY = 4, 3, 1
MINUTE_NS = 60_000_000_000
SOUNDS_MAX = 4


class BroadcastCard:
    """Builds the card; changes nothing."""

    def __init__(self, context: BroadcastPageContext) -> None:
        self._context = context

    def view(self, _vitals: Vitals, words: Translator) -> View:
        """The card."""
        state, air = speakers_state(self._context, words), on_air.on_air_orders(self._context)
        lost = on_air.unrecorded_sounds(self._context, words)
        if lost and not air:
            title, text, clock = words("cast.lost"), lost[0].text, ""
        elif not air:
            code = "cast.kiosk-speaks" if on_air.kiosk_speaks(self._context) else "cast.silent"
            title, text, clock = words(code), "", ""
        else:
            first = on_air.show_on_air(air[0], self._context, words)
            title = words("cast.playing", title=first.title)
            text, clock = first.text, first.clock
        return {"title": title, "text": text, "clock": clock, "state": state}

    def urgency(self, vitals: Vitals) -> int:
        """How urgent the card is now."""
        needs = self.needs(vitals, CATALOGUES["zh"])
        return max((need.urgency for need in needs), default=0)

    def needs(self, _vitals: Vitals, words: Translator) -> list[Need]:
        """Emergencies that were not heard.

        What plays, because it can be stopped; what is broken.
        """
        context = self._context
        found = [
            self._unheard(kept, words) for kept in context.room.unheard_emergencies()[:SOUNDS_MAX]
        ]
        found += [
            self._lost(one, words) for one in on_air.unrecorded_sounds(context, words)[:SOUNDS_MAX]
        ]
        found += [self._sounds(kept, words) for kept in on_air.on_air_orders(context)[:SOUNDS_MAX]]
        if not context.connected():
            title = words("cast.away")
            found.append(_trouble("audio", AWAY, title, words("cast.away-text"), words))
        for speaker, fault in sorted(context.monitor.faults.items()):
            title = words("cast.need-speaker", name=context.speakers.get(speaker, speaker))
            text = words(fault.code, **fault.data)
            found.append(_trouble(f"speaker-{speaker}", FAULTY, title, text, words))
        return found

    def _unheard(self, kept: OrderRecord, words: Translator) -> Need:
        of = len(self._context.room.house.speakers(kept.order.zones))
        place = told.zone_names(kept, self._context, words)
        return Need(
            key=f"unheard-{kept.order.id}",
            urgency=URGENT,
            hue="is-person",
            pictogram="megaphone",
            amount=(self._context.clock.now_ns() - kept.since_ns) // MINUTE_NS,
            unit=words("cast.minutes-unheard"),
            title=words("cast.unheard", title=told.order_title(kept, self._context, words)),
            text=words("cast.unheard-text", place=place, of=of),
            note=told.actor_name(kept.order.actor, self._context, words),
            actions=(
                NeedAction(words("cast.again"), "play", f"{PATH}/again/{kept.order.id}", post=True),
                NeedAction(words("cast.look"), "megaphone", PATH, quiet=True),
            ),
        )

    @staticmethod
    def _lost(one: on_air.UnrecordedSound, words: Translator) -> Need:
        stop = NeedAction(words("cast.stop"), "stop", f"{PATH}/stop/{one.order_id}", post=True)
        look = NeedAction(words("cast.look"), "megaphone", PATH, quiet=True)
        return Need(
            key=f"lost-{one.order_id}",
            urgency=URGENT,
            hue="is-person",
            pictogram="megaphone",
            amount=1,
            unit=words("cast.unit-lost"),
            title=words("cast.lost"),
            text=one.text,
            actions=(look,) if one.fire else (stop, look),
        )

    def _sounds(self, kept: OrderRecord, words: Translator) -> Need:
        one = on_air.show_on_air(kept, self._context, words)
        return Need(
            key=kept.order.id,
            urgency=URGENT if one.urgent else FAULTY,
            hue="is-person" if one.urgent else "is-voice",
            pictogram="megaphone",
            amount=(self._context.clock.now_ns() - kept.since_ns) // MINUTE_NS,
            unit=words("cast.minutes-sounding"),
            title=words("cast.playing", title=one.title),
            text=one.text,
            note=told.actor_name(kept.order.actor, self._context, words),
            actions=(
                NeedAction(words("cast.stop"), "stop", f"{PATH}/stop/{kept.order.id}", post=True),
                NeedAction(words("cast.look"), "megaphone", PATH, quiet=True),
            ),
        )


def speakers_state(context: BroadcastPageContext, words: Translator) -> StatusMark:
    """The loudspeakers in a word."""
    of, faulty = len(context.speakers), len(context.monitor.faults)
    if not context.connected():
        return ("bad", "s-bad", words("cast.away"))
    if faulty:
        return ("warn", "warning", words("cast.speakers-faulty", n=faulty, of=of))
    return ("ok", "s-ok", words("cast.speakers-well", n=of))


def _trouble(key: str, urgency: int, title: str, text: str, words: Translator) -> Need:
    return Need(
        key=key,
        urgency=urgency,
        hue="is-voice",
        pictogram="speaker",
        amount=1,
        unit=words("cast.unit-trouble"),
        title=title,
        text=text,
        actions=(NeedAction(words("cast.look"), "zone", PATH, quiet=True),),
    )
