"""What the station would do with its settings: polling, bus load, uplinks, days of outage."""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from drivers.contract import Point
from gateway.config.bus_fit import surveys
from gateway.config.schema import DeviceSetting, Settings
from gateway.event import Event, Lane, Severity, Timestamps, Trust, encode_tail
from gateway.intake.events import TELEMETRY, TelemetryEventData, Value
from gateway.intake.reporting_filter import ON_CHANGE
from gateway.journal.capacity import LaneRate, outage_days, stored_bytes_per_s
from gateway.rules.kinds import S
from gateway.rules.linkage import action_name
from gateway.rules.rule import PointKey, Watch
from gateway.upstream.uplinks.registry import kind_for

DAY_S = 86_400

# Number of sample readings weighed, each device as often as it is polled.
SAMPLE_EVENTS = 100

_SAMPLE_WALL_NS = 1_800_000_000_000_000_000


class BusForecast(msgspec.Struct, frozen=True):
    """One bus; `load` is the planned share of its capacity, None if nothing is polled.

    `longest_s` is the longest transaction that is answered, `waits_s` the longest that an alarm
    input may wait for the bus, including dead and slow neighbours (None without alarm inputs), and
    `lost_s` the same if its own reply is lost once.
    """

    id: str
    kind: str
    where: str | None
    devices: int
    load: float | None
    longest_s: float | None
    waits_s: float | None
    lost_s: float | None


class DeviceForecast(msgspec.Struct, frozen=True):
    id: str
    name: str
    profile: str
    unverified: bool
    bus: str
    address: str
    every_s: float
    needs_s: float | None
    points: int
    place: str


class RuleForecast(msgspec.Struct, frozen=True):
    """One rule: how many conditions it watches, and what its alarm triggers.

    `looks_s` is the period of its slowest point (None: it reports by itself), `waits_s` the delay
    beyond that; `does` are the actions of its linkages, `calls` the people on the roster.
    """

    id: str
    name: str
    severity: Severity
    watches: int
    looks_s: float | None
    waits_s: float
    does: tuple[str, ...]
    calls: tuple[str, ...]


class UplinkForecast(msgspec.Struct, frozen=True):
    """One uplink; `worth` is what its receipts prove."""

    id: str
    kind: str
    url: str
    required: bool
    worth: str = "stored"


class JournalForecast(msgspec.Struct, frozen=True):
    """The journal if every number is reported at every poll; `report` makes it last longer."""

    quota_mb: int
    events_per_day: int
    mb_per_day: float
    outage_days: float | None


class Forecast(msgspec.Struct, frozen=True):
    """What these settings would do, for all parts."""

    station: str
    name: str
    buses: tuple[BusForecast, ...]
    devices: tuple[DeviceForecast, ...]
    rules: tuple[RuleForecast, ...]
    uplinks: tuple[UplinkForecast, ...]
    journal: JournalForecast


def make_forecast(settings: Settings) -> Forecast:
    """Forecast what the station would do with these settings."""
    return Forecast(
        station=settings.station.id,
        name=settings.station.name,
        buses=tuple(_buses(settings)),
        devices=tuple(_device(settings, device) for device in settings.devices.values()),
        rules=tuple(_rules(settings)),
        uplinks=tuple(
            UplinkForecast(
                name, uplink.kind, uplink.url, uplink.required, kind_for(uplink.url).worth
            )
            for name, uplink in settings.uplinks.items()
        ),
        journal=_journal(settings),
    )


def _buses(settings: Settings) -> Iterator[BusForecast]:
    plans = {bus.id: found for bus, found in surveys(settings.buses, settings.devices)}
    for bus in settings.buses.values():
        plan = plans.get(bus.id)
        load = plan.load if plan else None
        bounds = plan.bounds.values() if plan else ()
        yield BusForecast(
            id=bus.id,
            kind=bus.kind,
            where=getattr(bus.options, "where", None),
            devices=len(settings.devices_on(bus.id)),
            load=load.share if load else None,
            longest_s=load.longest_s if load else None,
            waits_s=max((each.waits_s for each in bounds), default=None),
            lost_s=max((each.lost_s for each in bounds), default=None),
        )


def _device(settings: Settings, setting: DeviceSetting) -> DeviceForecast:
    return DeviceForecast(
        id=setting.id,
        name=setting.options.name,
        profile=setting.profile.id,
        unverified=setting.profile.unverified,
        bus=setting.options.bus_id,
        address=setting.options.address,
        every_s=setting.device.every_s,
        needs_s=setting.options.pressed_every_s,
        points=len(setting.device.points),
        place=settings.places.path(setting.options.place),
    )


def _rules(settings: Settings) -> Iterator[RuleForecast]:
    plan = settings.rules
    of_rule: dict[str, list[Watch]] = {}
    for watch in plan.watches:
        of_rule.setdefault(watch.facts.rule, []).append(watch)
    for rule, watches in of_rule.items():
        facts = watches[0].facts
        periods = [_period_s(settings, key) for watch in watches for key in watch.inputs]
        does = [
            action_name(action)
            for linkage in plan.linkages.values()
            for action in linkage.actions
            if rule in linkage.options.rules
        ]
        yield RuleForecast(
            id=rule,
            name=facts.name,
            severity=facts.severity,
            watches=len(watches),
            looks_s=max((period for period in periods if period is not None), default=None),
            waits_s=max(watch.delays.for_ns for watch in watches) / S,
            does=tuple(dict.fromkeys(does)),
            calls=tuple(
                dict.fromkeys(
                    step.to for step in plan.duty.escalate if step.concerns(facts.severity)
                )
            ),
        )


def _period_s(settings: Settings, key: PointKey) -> float | None:
    setting = settings.devices.get(key[0])
    if setting is None:
        return None
    point = setting.device.point(key[1])
    own_s = point.every_s if point is not None else None
    return own_s or setting.device.every_s


class _Poll(NamedTuple):
    """Points of one device that are reported together, and how often a day."""

    device: DeviceSetting
    points: tuple[Point, ...]
    per_day: float


def _polls(settings: Settings) -> Iterator[_Poll]:
    for setting in settings.devices.values():
        periods: dict[float, list[Point]] = {}
        for point in setting.device.points:
            periods.setdefault(_reported_every_s(setting, point), []).append(point)
        for period_s, points in periods.items():
            yield _Poll(setting, tuple(points), DAY_S / period_s)


def _reported_every_s(setting: DeviceSetting, point: Point) -> float:
    """Each poll; contacts and texts report on change and are assumed to be at rest."""
    polled_s = point.every_s or setting.device.every_s
    at_rest_s = ON_CHANGE.at_least_every_s
    if point.type in {"bool", "string"} and at_rest_s and point.id not in setting.options.report:
        return max(polled_s, at_rest_s)
    return polled_s


def _journal(settings: Settings) -> JournalForecast:
    polls = list(_polls(settings))
    events = sum(poll.per_day for poll in polls)
    rate = LaneRate(events / DAY_S, _bytes_each(settings, polls))
    grows = stored_bytes_per_s(Lane.TELEMETRY, rate)
    return JournalForecast(
        quota_mb=settings.journal.quota_mb,
        events_per_day=round(events),
        mb_per_day=grows * DAY_S / 1e6,
        outage_days=outage_days(settings.journal, {Lane.TELEMETRY: rate}) if events else None,
    )


def _bytes_each(settings: Settings, polls: Sequence[_Poll]) -> float:
    """The mean size of an event's body, measured with sample readings."""
    if not polls:
        return 0.0
    chance = random.Random(0)  # noqa: S311 - digits that do not compress, the same every time
    chosen = chance.choices(polls, [poll.per_day for poll in polls], k=SAMPLE_EVENTS)
    return sum(len(_body(settings.station.id, poll, chance)) for poll in chosen) / SAMPLE_EVENTS


def _body(station: str, poll: _Poll, chance: random.Random) -> bytes:
    values: dict[str, Value] = {point.id: _value(point, chance) for point in poll.points}
    at_ns = chance.randrange(10**16)
    event = Event(
        kind=TELEMETRY,
        source=poll.device.id,
        place=poll.device.options.place,
        stamps=Timestamps("5ca1ab1e0ddba11f", at_ns, _SAMPLE_WALL_NS + at_ns, Trust.NTP),
        data=TelemetryEventData(values),
    )
    return encode_tail(event, station)


def _value(point: Point, chance: random.Random) -> Value:
    if point.type == "bool":
        return chance.random() < 0.5  # noqa: PLR2004 - heads or tails
    number = chance.random() * 10**4
    return round(number, point.decimals) if point.decimals else round(number)
