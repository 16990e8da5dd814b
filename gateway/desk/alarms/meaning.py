"""What a watch waits for, in a sentence: its limit, for how long, at which hours. Pure."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from gateway.rules import units
from gateway.rules.kinds import S, combination, profile, rate, state, still, threshold
from gateway.rules.rule import BUS, Watch
from gateway.web import reading
from gateway.web.words import Words


def meaning(watch: Watch, words: Words) -> str:
    """`above 3 m³/h, for 30 min without a break, only 02:00-04:00`."""
    comma = words("alarms.comma")
    condition = words("alarms.or").join(_conditions(watch, words))
    return comma.join([condition, *_delays(watch, words), *_hours(watch, words)])


def pace_unit(watch: Watch) -> str:
    """The unit of its limits: that of its point, or what a counter gains an hour."""
    limits, unit = watch.limits, watch.facts.unit
    paced = isinstance(limits, threshold.Limits) and limits.span_ns is not None
    return units.PER_HOUR.get(unit, unit) if paced else unit


def _conditions(watch: Watch, words: Words) -> Iterator[str]:
    limits = watch.limits
    say = _SAID.get(type(limits))
    if watch.inputs[0][0] == BUS and isinstance(limits, state.Limits):
        yield bus_word(up=True in limits.values, words=words)
        return
    if say is None:
        yield words(f"alarms.kind-{watch.kind.name}")
    else:
        yield from say(limits, reading.unit(pace_unit(watch)), words)


def bus_word(*, up: bool, words: Words) -> str:
    """What a bus says of itself."""
    return words("alarms.bus-up" if up else "alarms.bus-down")


def _amount(value: float, unit: str) -> str:
    return f"{value:g} {unit}".strip()


def _threshold(limits: threshold.Limits, unit: str, words: Words) -> Iterator[str]:
    if limits.band.above is not None:
        yield words("alarms.mean-above", limit=_amount(limits.band.above, unit))
    if limits.band.below is not None:
        yield words("alarms.mean-below", limit=_amount(limits.band.below, unit))


def _rate(limits: rate.Limits, unit: str, words: Words) -> Iterator[str]:
    span = words.span(limits.span_ns / S)
    if limits.rise is not None:
        yield words("alarms.mean-rise", span=span, limit=_amount(limits.rise, unit))
    if limits.fall is not None:
        yield words("alarms.mean-fall", span=span, limit=_amount(limits.fall, unit))


def _profile(limits: profile.Limits, _unit: str, words: Words) -> Iterator[str]:
    yield words(f"alarms.mean-usual-{limits.options.only}", share=f"{limits.options.share:.0%}")


def _still(limits: still.CounterLimits, unit: str, words: Words) -> Iterator[str]:
    span = words.span(limits.span_ns / S)
    yield words("alarms.mean-still", span=span, least=_amount(limits.least, unit))


def _running(limits: still.RunningLimits, _unit: str, words: Words) -> Iterator[str]:
    span, pause = (words.span(ns / S) for ns in (limits.running_ns, limits.pause_ns))
    yield words("alarms.mean-running", span=span, pause=pause)


def _stuck(limits: still.StuckLimits, _unit: str, words: Words) -> Iterator[str]:
    yield words("alarms.mean-stuck", span=words.span(limits.span_ns / S))


def _state(limits: state.Limits, _unit: str, words: Words) -> Iterator[str]:
    yield words("alarms.mean-state", value=_values(limits.values, words))


def _count(limits: state.CountLimits, _unit: str, words: Words) -> Iterator[str]:
    span, value = words.span(limits.span_ns / S), _values(limits.values, words)
    yield words("alarms.mean-count", span=span, n=limits.times, value=value)


def _unseen(limits: state.SeenLimits, _unit: str, words: Words) -> Iterator[str]:
    span, value = words.span(limits.span_ns / S), _values(limits.values, words)
    yield words("alarms.mean-unseen", span=span, value=value)


def _unheard(limits: state.HeardLimits, _unit: str, words: Words) -> Iterator[str]:
    yield words("alarms.mean-unheard", span=words.span(limits.span_ns / S))


def _joined(limits: combination.Limits, _unit: str, words: Words) -> Iterator[str]:
    yield _expression(limits.when, limits.terms, words)


def _expression(when: Any, terms: Mapping[str, combination.TermLimits], words: Words) -> str:
    if isinstance(when, str):
        return _term(when, terms[when], words)
    joined, *parts = when
    said = [_expression(part, terms, words) for part in parts]
    if joined == "not":
        return words("alarms.not", what=said[0])
    inner = [f"({one})" if not isinstance(part, str) and part[0] != "not" else one
             for one, part in zip(said, parts, strict=True)]  # fmt: skip
    return words(f"alarms.{joined}").join(inner)


def _term(name: str, term: combination.TermLimits, words: Words) -> str:
    said = []
    if term.value is not None:
        said.append(words("alarms.mean-state", value=_values((term.value,), words)))
    if term.band.above is not None:
        said.append(words("alarms.mean-above", limit=f"{term.band.above:g}"))
    if term.band.below is not None:
        said.append(words("alarms.mean-below", limit=f"{term.band.below:g}"))
    return f"{name} {words('alarms.or').join(said)}"


def _values(values: Any, words: Words) -> str:
    """A contact's two words; texts and numbers as they are."""
    said = []
    for value in sorted(values, key=str):
        if isinstance(value, bool):
            said.append(words("alarms.value-on" if value else "alarms.value-off"))
        else:
            said.append(str(value))
    return words("alarms.or").join(said)


_SAID: Mapping[type[Any], Callable[[Any, str, Words], Iterator[str]]] = {
    threshold.Limits: _threshold,
    rate.Limits: _rate,
    profile.Limits: _profile,
    still.CounterLimits: _still,
    still.RunningLimits: _running,
    still.StuckLimits: _stuck,
    state.Limits: _state,
    state.CountLimits: _count,
    state.SeenLimits: _unseen,
    state.HeardLimits: _unheard,
    combination.Limits: _joined,
}


def _delays(watch: Watch, words: Words) -> Iterator[str]:
    delays = watch.delays
    if delays.of is not None:
        needed, among = delays.of
        yield words("alarms.mean-of", n=needed, among=among)
    elif delays.for_ns:
        yield words("alarms.mean-for", span=words.span(delays.for_ns / S))


def _hours(watch: Watch, words: Words) -> Iterator[str]:
    window = watch.window
    if window.hours is not None and window.hours != (0, 86_400):
        first, last = (f"{second // 3600:02d}:{second % 3600 // 60:02d}" for second in window.hours)
        yield words("alarms.mean-hours", first=first, last=last)
    if window.days != "all":
        yield words(f"alarms.mean-on-{window.days}")
    if window.season is not None:
        first, last = (f"{month:02d}-{day:02d}" for month, day in window.season)
        yield words("alarms.mean-season", first=first, last=last)
