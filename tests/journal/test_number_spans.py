"""Runs of numbers: taken together or apart, they say the same numbers."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gateway.journal import number_spans
from gateway.journal.number_spans import NUMBERS_MAX, SPANS_MAX, NumberSpan

PAIRS = st.lists(
    st.tuples(st.integers(1, 200), st.integers(0, 9)).map(lambda each: (each[0], sum(each))),
    max_size=20,
)


def numbers(found):
    return {seq for span in found for seq in range(span.first, span.last + 1)}


@given(PAIRS, PAIRS)
def test_what_is_taken_away_is_not_there_and_the_rest_is(told, found):
    left: number_spans.NumberSpans = ()
    for behind, pair in enumerate(told):
        left = number_spans.append_span(left, *pair, behind)
    assert numbers(left) == numbers(NumberSpan(*each) for each in told)
    for pair in found:
        left = number_spans.remove_numbers(left, *pair)
    expected = numbers(NumberSpan(*each) for each in told) - numbers(
        NumberSpan(*each) for each in found
    )
    assert numbers(left) == expected
    ascending = number_spans.sort_spans(left)
    assert numbers(ascending) == expected
    assert all(one.last + 1 < two.first for one, two in itertools.pairwise(ascending))
    assert numbers(number_spans.truncate_spans(ascending, 100)) == {
        seq for seq in expected if seq <= 100
    }


def test_runs_are_few_and_forget_nothing():
    found: number_spans.NumberSpans = ()
    for n in range(1_000):
        found = number_spans.append_span(found, 3 * n + 1, 3 * n + 1, n)
    assert len(found) == SPANS_MAX
    assert numbers(found) >= set(range(1, 3_000, 3))


def test_a_run_ends_when_the_other_lane_has_gone_far():
    found = number_spans.append_span((), 1, 5, 0)
    assert number_spans.append_span(found, 6, 9, 10) == (NumberSpan(1, 9, 0),)
    found = number_spans.append_span(found, 6, 9, NUMBERS_MAX)
    assert found == (NumberSpan(1, 5, 0), NumberSpan(6, 9, NUMBERS_MAX))
    assert number_spans.unreceipted_spans(found, NUMBERS_MAX - 1) == found
    assert number_spans.unreceipted_spans(found, NUMBERS_MAX) == found[1:]
    assert number_spans.unreceipted_spans((), 3) == ()
