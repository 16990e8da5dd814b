"""Spans of a lane's numbers: which of one journal were written into another. Pure.

A journal that imported another's entries may be damaged itself while the other still lies beside
it. Whatever of these spans cannot be recovered from it is read from the other again.
"""

from collections.abc import Iterable

import msgspec

# A span ends when the lane that it was written into has advanced this far since it began.
NUMBERS_MAX = 65_536

# Beyond this many, spans are joined over their holes: entries may repeat, but none is lost.
SPANS_MAX = 64


class NumberSpan(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Numbers `first` to `last`, written somewhere behind number `behind` of the other lane."""

    first: int
    last: int
    behind: int = 0


NumberSpans = tuple[NumberSpan, ...]


def append_span(spans: NumberSpans, first: int, last: int, behind: int) -> NumberSpans:
    """With these numbers, which were written after all others."""
    if spans and spans[-1].last + 1 == first and behind - spans[-1].behind < NUMBERS_MAX:
        return (*spans[:-1], msgspec.structs.replace(spans[-1], last=last))
    return _bounded((*spans, NumberSpan(first, last, behind)))


def remove_numbers(spans: NumberSpans, first: int, last: int) -> NumberSpans:
    if all(last < span.first or span.last < first for span in spans):
        return spans
    left: list[NumberSpan] = []
    for span in spans:
        if span.first < first:
            end = min(span.last, first - 1)
            left.append(msgspec.structs.replace(span, last=end))
        if span.last > last:
            begin = max(span.first, last + 1)
            left.append(msgspec.structs.replace(span, first=begin))
    return _bounded(tuple(left))


def truncate_spans(spans: NumberSpans, last: int) -> NumberSpans:
    return tuple(
        msgspec.structs.replace(span, last=min(span.last, last))
        for span in spans
        if span.first <= last
    )


def unreceipted_spans(spans: NumberSpans, floor: int) -> NumberSpans:
    """Those that may have been written behind that number of the other lane."""
    passed = sum(span.behind <= floor for span in spans[1:])  # ascending
    return spans[passed:]


def sort_spans(spans: Iterable[NumberSpan]) -> NumberSpans:
    """The same numbers, ascending, each once."""
    found: list[NumberSpan] = []
    for span in sorted(spans):
        if found and span.first <= found[-1].last + 1:
            found[-1] = NumberSpan(found[-1].first, max(found[-1].last, span.last))
        else:
            found.append(NumberSpan(span.first, span.last))
    return _bounded(tuple(found))


def _bounded(spans: NumberSpans) -> NumberSpans:
    while len(spans) > SPANS_MAX:
        one, two, *rest = spans
        first, last = min(one.first, two.first), max(one.last, two.last)
        spans = (NumberSpan(first, last, min(one.behind, two.behind)), *rest)
    return spans
