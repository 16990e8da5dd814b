"""Counters: an implausible step is only believed when a second reading confirms it. Pure.

    count ── a step as this counter makes them ─────────────────────────────► good
      └─ any other, or the very first ─► out_of_range, and read again at once
             └─ a reading that agrees with it ─► a step that a meter can make, or wrapped: good
                                              ├► the former meter's count: good, it is back
                                              └► else good after `REPLACED_AFTER` readings and
                                                 `REPLACED_AFTER_S`: it is another meter

A reading agrees with the previous one if it is no lower, and no further above it than any counter
moves in that time. A reading that fits the old count ends every doubt. Only a person knows that a
meter was replaced: a meter that merely showed something else for a while is recognised by its count
when it returns, and what it showed meanwhile is not consumption.
"""

import copy
from collections.abc import Iterable, Mapping

import msgspec

from drivers.contract import CounterReplacement, Quality, Sample, Value

# Readings in a row that agree with each other and not with the old count mean another meter.
REPLACED_AFTER = 3

# They must span this time: after a power cut a meter or its converter may show zeros for minutes.
REPLACED_AFTER_S = 900.0

# For how long a meter that was taken for replaced is recognised when it returns.
RETURNS_WITHIN_S = 30 * 86_400.0

_WITNESSES = 2
# No counter moves faster, in last digits per second.
_FASTEST = 1000.0

# Up to this multiple of its recent fastest pace a counter moves as usual.
_SURPRISE = 4.0

# A step from one reading to the next belongs to another meter if it exceeds this multiple ...
_BEYOND = 20.0

# ... and this many last digits per second (360 kW at 0.01 kWh) ...
_BURST = 10.0

# ... and this many last digits in all: less is not worth a doubt.
_LEAP = 1000.0

# After a longer silence the pace says little, and reading twice costs little.
_REST_S = 3600.0

# Any counter may move by this many last digits at any time.
_SLACK = 8

# A pace is forgotten after about this time.
_LATE_S = 86_400.0

# A counter may have wrapped if that is a step of less than this fraction (1/n) of its range.
_PLAUSIBLE = 64

# Resolution of a 32-bit float: its value moves in steps of this fraction.
_F32_STEP = 2.0**-22

Count = int | float


class LastCount(msgspec.Struct):
    """A meter's last believed count, as the number before scaling, and its value.

    `pace` is in counts per second. `at_s` is None if the time of the count is unknown.
    """

    count: Count
    value: Value
    pace: float = 0.0
    at_s: float | None = None


class CounterMark(LastCount):
    """The present meter. `former` is the one before it, unless a person reported the replacement.

    The former may be the same meter, and return. `unmoved`: it has shown one single count so far,
    as zeros do.
    """

    former: LastCount | None = None
    unmoved: bool = False


class _CounterDoubt(msgspec.Struct):
    """Readings in a row that agree with each other, and not (yet) with the mark."""

    first_s: float
    last: Count
    last_s: float
    readings: int = 1
    unmoved: bool = True


class Counters:
    """All counters of one device: their marks, and those in doubt.

    A device that sends on its own (`asked` False) cannot be read again, so any step that a counter
    can make at all is believed.
    """

    def __init__(self, *, asked: bool = True) -> None:
        self._asked = asked
        self._marks: dict[str, CounterMark] = {}
        self._doubts: dict[str, _CounterDoubt] = {}
        self._accepted: dict[str, Value] = {}
        self._replaced: list[CounterReplacement] = []
        self._puzzled = False

    def judge(self, sample: Sample, now_s: float) -> Quality:
        """The sample's quality in the light of its history."""
        count = sample.count
        if not sample.point.counter or sample.quality is not Quality.GOOD or count is None:
            return sample.quality
        mark = self._marks.get(sample.point.id)
        if mark is None or not _usual(mark, sample, count, now_s, asked=self._asked):
            return self._doubted(sample, count, mark, now_s)
        if self._doubts:
            self._doubts.pop(sample.point.id, None)
        return Quality.GOOD

    def would_puzzle(self, samples: Iterable[Sample], now_s: float) -> bool:
        """Whether a sample would start a doubt; nothing is remembered."""
        for sample in samples:
            point, count = sample.point, sample.count
            if not point.counter or sample.quality is not Quality.GOOD or count is None:
                continue
            mark = copy.copy(self._marks.get(point.id))
            usual = mark is not None and _usual(mark, sample, count, now_s, asked=self._asked)
            if not usual and point.id not in self._doubts:
                return True
        return False

    def pop_puzzled(self) -> bool:
        """True once after a count that started a doubt: read again."""
        puzzled, self._puzzled = self._puzzled, False
        return puzzled

    def pop_replacements(self) -> tuple[CounterReplacement, ...]:
        """The replacements since the last call."""
        if not self._replaced:
            return ()
        told, self._replaced = tuple(self._replaced), []
        return told

    def accept_replacement(self, point: str, old: Value = None) -> None:
        """A person reports that the meter was replaced: believe the next counts that agree.

        `old` is the former meter's last value if no count of it is known here.
        """
        mark = self._marks.pop(point, None)
        self._accepted.setdefault(point, old if mark is None else mark.value)

    def marks(self) -> dict[str, CounterMark]:
        """The last believed count of each counter."""
        return {point: msgspec.structs.replace(mark) for point, mark in self._marks.items()}

    def hand_over(self, to: "Counters") -> None:
        """Let another bus continue with the same device."""
        to.restore(self.marks())
        for point, old in self._accepted.items():
            to.accept_replacement(point, old)

    def accepted_replacements(self) -> dict[str, Value]:
        """The old meters' last values, for reported replacements that are still pending."""
        return dict(self._accepted)

    def restore(self, marks: Mapping[str, CounterMark]) -> None:
        """Continue from these marks; a counter that was read already keeps its own."""
        self._marks = {**marks, **self._marks}

    def _doubted(
        self, sample: Sample, count: Count, mark: CounterMark | None, now_s: float
    ) -> Quality:
        point = sample.point
        doubt = self._doubts.get(point.id)
        if doubt is None:
            self._puzzled = True
        if doubt is None or not _agree(doubt, sample, count, now_s):
            self._doubts[point.id] = _CounterDoubt(now_s, count, now_s)
            return Quality.OUT_OF_RANGE
        doubt.unmoved = doubt.unmoved and count == doubt.last
        doubt.last, doubt.last_s, doubt.readings = count, now_s, doubt.readings + 1
        if mark is None:
            self._begin(sample, count, now_s)
        elif _is_back(mark, sample, count, now_s):
            self._take_back(mark, sample, count, now_s)
        elif _same_meter(mark, sample, count, now_s):
            self._go_on(mark, sample, count, now_s)
        elif doubt.readings < REPLACED_AFTER or now_s - doubt.first_s < REPLACED_AFTER_S:
            return Quality.OUT_OF_RANGE
        else:
            self._replace(mark, sample, count, now_s, unmoved=doubt.unmoved)
        del self._doubts[point.id]
        return Quality.GOOD

    def _begin(self, sample: Sample, count: Count, now_s: float) -> None:
        """The first count of all, or the first after a reported replacement."""
        point = sample.point.id
        self._marks[point] = CounterMark(count, sample.value, 0.0, now_s)
        if point in self._accepted:
            old = self._accepted.pop(point)
            self._replaced.append(CounterReplacement(point, old, sample.value, by_person=True))

    def _go_on(self, mark: CounterMark, sample: Sample, count: Count, now_s: float) -> None:
        pace = 0.0
        if mark.at_s is not None:
            pace = _pace(mark, sample, _step(mark.count, count, sample.modulus), now_s - mark.at_s)
        unmoved = mark.unmoved and count == mark.count
        self._marks[sample.point.id] = CounterMark(
            count, sample.value, pace, now_s, mark.former, unmoved
        )

    def _replace(
        self, mark: CounterMark, sample: Sample, count: Count, now_s: float, *, unmoved: bool
    ) -> None:
        point = sample.point.id
        former = LastCount(mark.count, mark.value, mark.pace, mark.at_s)
        # Consumption continues at the former pace.
        self._marks[point] = CounterMark(count, sample.value, mark.pace, now_s, former, unmoved)
        self._replaced.append(CounterReplacement(point, mark.value, sample.value, by_person=False))

    def _take_back(self, mark: CounterMark, sample: Sample, count: Count, now_s: float) -> None:
        point, former = sample.point.id, mark.former
        assert former is not None
        self._marks[point] = CounterMark(count, sample.value, former.pace, now_s)
        self._replaced.append(
            CounterReplacement(
                point, mark.value, sample.value, by_person=False, resumes=former.value
            )
        )


def _usual(mark: CounterMark, sample: Sample, count: Count, now_s: float, *, asked: bool) -> bool:
    """True for a step as this counter makes them; it moves the mark."""
    if mark.at_s is None:
        return False
    step = _step(mark.count, count, sample.modulus)
    since_s = now_s - mark.at_s
    if asked:
        moved = _SURPRISE * mark.pace * min(since_s, _REST_S)
    else:
        moved = _FASTEST * _digit(sample) * since_s
    if step < 0 or (step > moved and step > _slack(sample) + moved):
        return False
    if mark.unmoved:
        if _reaches_former(mark, sample, count, now_s):
            return False
        mark.unmoved = not step
    mark.pace = _pace(mark, sample, step, since_s)
    mark.count, mark.value, mark.at_s = count, sample.value, now_s
    return True


def _step(before: Count, count: Count, modulus: int | None) -> Count:
    """The step: wrapped past the end of the range if there is one, else negative if it fell."""
    step = count - before
    return step % modulus if step < 0 and modulus is not None else step


def _pace(mark: LastCount, sample: Sample, step: Count, since_s: float) -> float:
    """The fastest recent pace."""
    now = step / max(since_s, 1.0)
    pace = max(now, mark.pace * max(0.0, 1 - since_s / _LATE_S))
    return pace if pace <= _FASTEST else min(pace, _FASTEST * _digit(sample))


def _agree(doubt: _CounterDoubt, sample: Sample, count: Count, now_s: float) -> bool:
    fastest = _FASTEST * _digit(sample) * (now_s - doubt.last_s)
    step = _step(doubt.last, count, sample.modulus)
    return 0 <= step <= _slack(sample) + fastest


def _same_meter(mark: CounterMark, sample: Sample, count: Count, now_s: float) -> bool:
    """Upwards by a possible step, or wrapped."""
    since_s = None if mark.at_s is None else now_s - mark.at_s
    if count >= mark.count:
        if _reaches_former(mark, sample, count, now_s):
            return False
        return since_s is None or not _is_beyond(mark, sample, count - mark.count, since_s)
    modulus = sample.modulus
    if modulus is None:
        return False
    wrapped_by = (count - mark.count) % modulus
    return wrapped_by * _PLAUSIBLE < modulus or (
        since_s is not None and wrapped_by <= _SURPRISE * mark.pace * since_s
    )


def _is_beyond(mark: CounterMark, sample: Sample, step: Count, since_s: float) -> bool:
    """Whether the step is larger than the meter can have counted meanwhile."""
    digit = _digit(sample)
    fastest = _FASTEST * digit
    if mark.pace:
        fastest = min(fastest, max(_BEYOND * mark.pace, _BURST * digit))
    return step > max(_LEAP * digit, _slack(sample) + fastest * since_s)


def _is_back(mark: CounterMark, sample: Sample, count: Count, now_s: float) -> bool:
    """Whether this can be the former meter, and not the present one on its way past it."""
    former = _former(mark, now_s)
    if former is None:
        return False
    since_s = RETURNS_WITHIN_S if former.at_s is None else now_s - former.at_s
    slack = _slack(sample)
    most = slack + former.pace * (_SURPRISE * min(since_s, _REST_S) + since_s)
    if _stood(mark, former, sample):
        # The present one had no count of its own: what cannot be the former meter's is another
        # meter's.
        digit = _digit(sample)
        fastest = max(_BEYOND * former.pace, _BURST * digit)
        most = max(most, _LEAP * digit, slack + fastest * since_s)
    least = _least(mark, former, sample)
    returns = least <= count <= former.count + most
    return returns and (count < mark.count or mark.count < least)


def _reaches_former(mark: CounterMark, sample: Sample, count: Count, now_s: float) -> bool:
    """Whether a mark that has shown one single count arrives at the former meter's count."""
    former = _former(mark, now_s)
    if former is None or not _stood(mark, former, sample):
        return False
    return mark.count < _least(mark, former, sample) <= count


def _former(mark: CounterMark, now_s: float) -> LastCount | None:
    """The former meter, as long as it may return."""
    former = mark.former
    if former is None or former.at_s is None:
        return former
    return former if now_s - former.at_s <= RETURNS_WITHIN_S else None


def _stood(mark: CounterMark, former: LastCount, sample: Sample) -> bool:
    """Whether the mark has shown one single count, far from the former meter's."""
    return mark.unmoved and abs(former.count - mark.count) > _LEAP * _digit(sample)


def _least(mark: CounterMark, former: LastCount, sample: Sample) -> float:
    """The lowest count with which the former meter may return."""
    # A meter that lost power may have lost what it counted since it last saved its count.
    lost = _SURPRISE * former.pace * _REST_S
    if former.count > mark.count and _stood(mark, former, sample):
        # For a young meter that exceeds its whole count: halve the distance between the two
        # instead.
        lost = min(lost, (former.count - mark.count) / 2)
    return former.count - lost - _slack(sample)


def _slack(sample: Sample) -> float:
    slack = _SLACK * _digit(sample)
    return slack if type(sample.count) is int else slack + abs(sample.count or 0) * _F32_STEP


def _digit(sample: Sample) -> float:
    """What the last digit of the value is worth in counts.

    Usually 1; more for a meter that counts in a smaller unit (J for MWh).
    """
    count, value, point = sample.count, sample.value, sample.point
    shown = 10.0**-point.decimals
    if count and value and isinstance(value, int | float):
        shown *= abs(count / value)
    else:
        shown /= abs(point.scale or 1)
    return max(shown, 1.0) if type(count) is int else shown
