"""Explains what a watch waits for: its limit, for how long, at which hours. Pure."""

from collections.abc import Iterator

from gateway.rules.kinds import S, quantities, threshold, value_state
from gateway.rules.rule import BUS, Watch
from gateway.web import value_format
from gateway.web.i18n import Translator


def describe_condition(watch: Watch, words: Translator) -> str:
    """`above 3 m³/h, for 30 min without a break, only 02:00-04:00`."""
    comma = words("alarms.comma")
    condition = words("alarms.or").join(_conditions(watch, words))
    return comma.join([condition, *_delays(watch, words), *_hours(watch, words)])


def limit_unit(watch: Watch) -> str:
    """The unit of its limits: the point's, or that of a counter's hourly gain."""
    limits, unit = watch.limits, watch.facts.unit
    paced = isinstance(limits, threshold.ThresholdLimits) and limits.span_ns is not None
    return quantities.PER_HOUR.get(unit, unit) if paced else unit


def _conditions(watch: Watch, words: Translator) -> Iterator[str]:
    limits = watch.limits
    if watch.inputs[0][0] == BUS and isinstance(limits, value_state.StateLimits):
        yield bus_text(up=True in limits.values, words=words)
        return
    if watch.kind.describe is None:
        yield words(f"alarms.kind-{watch.kind.name}")
    else:
        yield from watch.kind.describe(limits, value_format.unit_text(limit_unit(watch)), words)


def bus_text(*, up: bool, words: Translator) -> str:
    return words("alarms.bus-up" if up else "alarms.bus-down")


def _delays(watch: Watch, words: Translator) -> Iterator[str]:
    delays = watch.delays
    if delays.of is not None:
        needed, among = delays.of
        yield words("alarms.mean-of", n=needed, among=among)
    elif delays.for_ns:
        yield words("alarms.mean-for", span=words.span(delays.for_ns / S))


def _hours(watch: Watch, words: Translator) -> Iterator[str]:
    window = watch.window
    if window.hours is not None and window.hours != (0, 86_400):
        first, last = (f"{second // 3600:02d}:{second % 3600 // 60:02d}" for second in window.hours)
        yield words("alarms.mean-hours", first=first, last=last)
    if window.days != "all":
        yield words(f"alarms.mean-on-{window.days}")
    if window.season is not None:
        first, last = (f"{month:02d}-{day:02d}" for month, day in window.season)
        yield words("alarms.mean-season", first=first, last=last)
