"""The guard: what may sound here, whoever asks. Pure.

    asked ─► known? ─► in time? ─► heard there? ─► entitled? ─► near? ─► the hour ─► accepted
                └─────────┴───────────┴──────────────┴───────────┴──────────┴─► refused, and why

It stands in the station, so that a platform, a schedule or a linkage that is wrong at night wakes
nobody. It is asked twice: when the order comes, and again when the sound is about to begin.
"""

import enum
from collections.abc import Collection, Mapping
from typing import Any, Literal, NamedTuple

from broadcast.order import Authority, LiveContent, Order, OrderClass
from broadcast.policy.quiet_hours import ClockReading, QuietHours, S
from gateway.audit.events import ActorKind
from gateway.clock import Deadline

Sound = Literal["community", "indoors", "near"]

# Who may order what, by what right. Linkages that the settings allow it may also use class 8.
MAY: Mapping[tuple[Authority, ActorKind], frozenset[OrderClass]] = {
    (Authority.FIRE_INPUT, "system"): frozenset({OrderClass.FIRE}),
    (Authority.SIGNATURE, "platform"): frozenset(
        {
            OrderClass.EMERGENCY,
            OrderClass.LIVE,
            OrderClass.URGENT,
            OrderClass.SERVICE,
            OrderClass.NOTICE,
            OrderClass.BACKGROUND,
        }
    ),
    (Authority.PRESS, "staff"): frozenset(
        {
            OrderClass.EMERGENCY,
            OrderClass.LIVE,
            OrderClass.URGENT,
            OrderClass.SERVICE,
            OrderClass.NOTICE,
            OrderClass.BACKGROUND,
        }
    ),
    (Authority.PRESS, "installer"): frozenset(
        {
            OrderClass.EMERGENCY,
            OrderClass.LIVE,
            OrderClass.URGENT,
            OrderClass.SERVICE,
            OrderClass.NOTICE,
            OrderClass.BACKGROUND,
        }
    ),
    (Authority.PRESS, "resident"): frozenset({OrderClass.SERVICE, OrderClass.PROMPT}),
    (Authority.PRESS, "system"): frozenset({OrderClass.SERVICE, OrderClass.PROMPT}),
    (Authority.PRESS, "schedule"): frozenset({OrderClass.NOTICE, OrderClass.BACKGROUND}),
    (Authority.LINKAGE, "linkage"): frozenset(
        {OrderClass.URGENT, OrderClass.SERVICE, OrderClass.NOTICE}
    ),
}

# How long one order may play: it is repeated less often, and refused if one round is too long.
#
# An emergency is shortened to it.
SECONDS_MAX: Mapping[OrderClass, float] = {
    OrderClass.FIRE: 14_400,
    OrderClass.EMERGENCY: 3_600,
    OrderClass.LIVE: 1_800,
    OrderClass.URGENT: 300,
    OrderClass.SERVICE: 60,
    OrderClass.NOTICE: 300,
    OrderClass.PROMPT: 60,
    OrderClass.BACKGROUND: 14_400,
}

# Everything has ended this long before quiet hours, because a speaker may lag behind.
MARGIN_S = 5.0

# The longest time between a command to the audio process and its first packet, on a slow card.
LAG_S = 1.0

# The loudest level by kind of zone; a near loudspeaker is next to a person's ear.
LEVEL_DB_MAX: Mapping[Sound, float] = {"community": 0.0, "indoors": 0.0, "near": -10.0}


class SoundZone(NamedTuple):
    """One zone as the guard sees it: `places` are all that lie in it, down to the flats."""

    id: str
    name: str
    sound: Sound
    places: frozenset[str]
    speakers: frozenset[str]


class ZoneMap(NamedTuple):
    """What the settings allow: zones, quiet hours, and the linkages that may use class 8.

    `stands` is the kind of place of a loudspeaker and has precedence over the kinds of its zones.
    """

    zones: Mapping[str, SoundZone]
    quiet: QuietHours
    granted: frozenset[str] = frozenset()
    stands: Mapping[str, Sound] = {}

    def speakers(self, zones: Collection[str]) -> frozenset[str]:
        """All loudspeakers of those zones; zones that share one are heard together."""
        return frozenset().union(*(zone.speakers for zone in self.known(zones)))

    def known(self, zones: Collection[str]) -> tuple[SoundZone, ...]:
        """Those of the zones that the settings still have."""
        return tuple(self.zones[zone] for zone in zones if zone in self.zones)

    def kinds(self, speakers: Collection[str]) -> frozenset[Sound]:
        """The kinds of place where those loudspeakers stand.

        If that is not set, of all their zones.
        """
        said = {self.stands[each] for each in speakers if each in self.stands}
        rest = frozenset(speakers) - self.stands.keys()
        by_zone = (z.sound for z in self.zones.values() if not z.speakers.isdisjoint(rest))
        return frozenset(by_zone).union(said)


class GuardAnswer(enum.Enum):
    GO = "go"
    WAIT = "wait"
    REFUSE = "refuse"
    EXPIRED = "expired"


class Ruling(NamedTuple):
    """The answer; `code` and `detail` say why, `wait_s` how long it waits at least."""

    answer: GuardAnswer
    code: str | None = None
    detail: Mapping[str, Any] = {}
    wait_s: float = 0.0


GO = Ruling(GuardAnswer.GO)


def judge_order(order: Order, house: ZoneMap, moment: ClockReading, boot: str) -> Ruling:
    """Judge an order when it is asked for: everything that can be said before its sound is made."""
    for check in (_late, _nowhere, _unentitled, _too_near, _misused):
        ruling = check(order, house, moment, boot)
        if ruling is not None:
            return ruling
    return judge_start(order, house, moment, boot, seconds=0.0)


def judge_start(
    order: Order, house: ZoneMap, moment: ClockReading, boot: str, seconds: float
) -> Ruling:
    """Judge whether an order, `seconds` long, may begin to play at this moment."""
    for check in (_late, _untimed):
        ruling = check(order, house, moment, boot)
        if ruling is not None:
            return ruling
    if order.class_.urgent:
        return _early(order, moment, boot) or GO
    most_s = SECONDS_MAX[order.class_]
    if seconds > most_s:
        return _no("broadcast.too-long", seconds=round(seconds), max=round(most_s))
    return _early(order, moment, boot) or _by_night(order, house, moment, boot, seconds) or GO


def judge_playing(order: Order, house: ZoneMap, moment: ClockReading, boot: str) -> str | None:
    """Why a playing order must end now: quiet hours have begun, or the time became unknown."""
    if order.class_.urgent:
        return None
    ruling = _by_night(order, house, moment, boot, seconds=-MARGIN_S)
    return None if ruling is None else ruling.code


def speakers_of(order: Order, house: ZoneMap) -> frozenset[str]:
    """The loudspeakers of its zones, except those near people whom it does not concern.

    An urgent order plays at all of them.
    """
    where = house.speakers(order.zones)
    if order.class_.urgent:
        return where
    zones = [zone for zone in house.zones.values() if zone.sound == "near"]
    by_zone = house.speakers([zone.id for zone in zones])
    said = {each for each, kind in house.stands.items() if kind == "near"}
    near = (by_zone - house.stands.keys()) | said
    if near.isdisjoint(where):
        return where
    if said - by_zone:  # a loudspeaker in no `near` zone is near in zones that are not outdoors
        zones += [zone for zone in house.zones.values() if zone.sound == "indoors"]
    theirs = {
        each
        for zone in zones
        if _belongs(order, zone)
        for each in zone.speakers
        if zone.sound == "near" or each not in by_zone
    }
    return where - (near - theirs)


def end_by_ns(order: Order, house: ZoneMap, moment: ClockReading, seconds: float) -> int:
    """When it must have ended (CLOCK_BOOTTIME, ns), even if the gateway is gone by then."""
    if order.class_.urgent:
        return order.expires.at_ns
    lasts_s = seconds + MARGIN_S if seconds else SECONDS_MAX[order.class_]
    if _outdoors(order, house):
        lasts_s = min(lasts_s, max(0.0, house.quiet.state_at(moment).left_s - MARGIN_S))
    return moment.at_ns + round(lasts_s * S)


def is_on_time(order: Order, moment: ClockReading, boot: str) -> bool:
    """Whether a command given now is heard before the order expires.

    An emergency ends by then; anything else only has to begin by then.
    """
    lag_s = 0.0 if order.class_.urgent else LAG_S
    return remaining_s(order.expires, moment, boot) > lag_s


def level_db(order: Order, house: ZoneMap) -> float:
    """Its level: as ordered, but never above what its zones allow; an emergency at full level.

    The audio process keeps to the limit of each loudspeaker (`speaker_cap_db`).
    """
    if order.class_.urgent:
        return 0.0
    return min([order.level_db, *(zone_level_db(zone, house) for zone in house.known(order.zones))])


def zone_level_db(zone: SoundZone, house: ZoneMap) -> float:
    """The highest level of any loudspeaker in that zone."""
    kinds = {house.stands.get(each, zone.sound) for each in zone.speakers} or {zone.sound}
    return max(LEVEL_DB_MAX[kind] for kind in kinds)


def speaker_cap_db(speaker: str, house: ZoneMap) -> float | None:
    """The highest level of one loudspeaker, at any class; None if it has no limit."""
    cap = min((LEVEL_DB_MAX[kind] for kind in house.kinds({speaker})), default=0.0)
    return cap if cap < 0 else None


def rounds(
    order: Order, seconds: float, moment: ClockReading, boot: str, gap_s: float = 0.0
) -> int:
    """How often it plays: as its class allows, an emergency for its time; at least once.

    `gap_s` lies between two rounds.
    """
    if seconds <= 0:
        return order.repeat
    most_s = SECONDS_MAX[order.class_]
    if order.class_.urgent:
        most_s = min(most_s, remaining_s(order.expires, moment, boot))
    return max(1, min(order.repeat, int((most_s + gap_s) // (seconds + gap_s))))


def remaining_s(deadline: Deadline, moment: ClockReading, boot: str) -> float:
    """Seconds until a deadline; one of another boot has passed."""
    return max(0.0, (deadline.at_ns - moment.at_ns) / S) if deadline.boot == boot else 0.0


def _no(code: str, **detail: Any) -> Ruling:
    return Ruling(GuardAnswer.REFUSE, code, detail)


def _late(order: Order, _house: ZoneMap, moment: ClockReading, boot: str) -> Ruling | None:
    if remaining_s(order.expires, moment, boot) > 0:
        return None
    return Ruling(GuardAnswer.EXPIRED, "broadcast.expired")


def _nowhere(order: Order, house: ZoneMap, _moment: ClockReading, _boot: str) -> Ruling | None:
    for zone in order.zones:
        if zone not in house.zones:
            return _no("broadcast.unknown-zone", zone=zone)
    if not house.speakers(order.zones):
        names = ", ".join(house.zones[zone].name for zone in order.zones[:1])
        return _no("broadcast.no-speaker", zone=names)
    return None


def _unentitled(order: Order, house: ZoneMap, _moment: ClockReading, _boot: str) -> Ruling | None:
    may = MAY.get((order.authority, order.actor.kind), frozenset())
    by_linkage = (order.authority, order.actor.kind) == (Authority.LINKAGE, "linkage")
    granted = by_linkage and order.actor.id in house.granted
    theirs = isinstance(order.content, LiveContent) and order.content.microphone
    if theirs and order.authority is not Authority.PRESS:
        may = frozenset()  # no remote party opens a microphone in the station
    if order.class_ in may or (granted and order.class_ is OrderClass.EMERGENCY):
        return None
    code = "broadcast.not-granted" if by_linkage else "broadcast.not-entitled"
    return _no(code, cls=order.class_.word, actor=order.actor.kind, id=order.actor.id)


def _too_near(order: Order, house: ZoneMap, _moment: ClockReading, _boot: str) -> Ruling | None:
    """A near zone is for those who press there, for its own alarms, and for emergencies."""
    if order.class_.urgent:
        return None
    named = house.known(order.zones)
    for zone in named:
        if zone.sound == "near" and not _belongs(order, zone):
            return _no("broadcast.near", zone=zone.name)
    name = named[0].name if named else order.zones[0]
    return None if speakers_of(order, house) else _no("broadcast.near", zone=name)


def _belongs(order: Order, zone: SoundZone) -> bool:
    if order.authority is Authority.LINKAGE:
        return order.place in zone.places
    return (
        order.class_ in {OrderClass.PROMPT, OrderClass.SERVICE} and order.actor.kind != "platform"
    )


def _misused(order: Order, _house: ZoneMap, _moment: ClockReading, _boot: str) -> Ruling | None:
    if isinstance(order.content, LiveContent) != (order.class_ is OrderClass.LIVE):
        return _no("broadcast.not-live", cls=order.class_.word)
    return None


def _untimed(order: Order, _house: ZoneMap, moment: ClockReading, _boot: str) -> Ruling | None:
    if order.actor.kind == "schedule" and moment.wall_ns is None:
        return _no("broadcast.untrusted-clock")
    return None


def _early(order: Order, moment: ClockReading, boot: str) -> Ruling | None:
    """Its hour lies ahead; one of another boot is unknown now, and counts as passed."""
    if order.not_before is None:
        return None
    wait_s = remaining_s(order.not_before, moment, boot)
    return Ruling(GuardAnswer.WAIT, "broadcast.not-yet", wait_s=wait_s) if wait_s > 0 else None


def _outdoors(order: Order, house: ZoneMap) -> bool:
    """Whether the community would hear it.

    A loudspeaker counts by where it stands; if that is not set, by the strictest of its zones.
    """
    return "community" in house.kinds(speakers_of(order, house))


def _by_night(
    order: Order, house: ZoneMap, moment: ClockReading, boot: str, seconds: float
) -> Ruling | None:
    """The whole sound lies outside quiet hours.

    It is held until they end, if it lives that long.
    """
    if not _outdoors(order, house):
        return None
    spell = house.quiet.state_at(moment)
    if spell.quiet is None:
        return _no("broadcast.no-time")
    if not spell.quiet and seconds + MARGIN_S <= spell.left_s:
        return None
    waits = not isinstance(order.content, LiveContent) and spell.quiet
    if waits and remaining_s(order.expires, moment, boot) > spell.left_s:
        return Ruling(GuardAnswer.WAIT, "broadcast.quiet", wait_s=spell.left_s)
    return _no("broadcast.quiet")
