"""Runs of numbers: taken together or apart, they say the same numbers."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gateway.journal import spans
from gateway.journal.spans import NUMBERS_MAX, SPANS_MAX, Span

PAIRS = st.lists(
    st.tuples(st.integers(1, 200), st.integers(0, 9)).map(lambda each: (each[0], sum(each))),
    max_size=20,
)


def numbers(found):
    return {seq for span in found for seq in range(span.first, span.last + 1)}


@given(PAIRS, PAIRS)
def test_what_is_taken_away_is_not_there_and_the_rest_is(told, found):
    left: spans.Spans = ()
    for behind, pair in enumerate(told):
        left = spans.extended(left, *pair, behind)
    assert numbers(left) == numbers(Span(*each) for each in told)
    for pair in found:
        left = spans.without(left, *pair)
    expected = numbers(Span(*each) for each in told) - numbers(Span(*each) for each in found)
    assert numbers(left) == expected
    ascending = spans.in_order(left)
    assert numbers(ascending) == expected
    assert all(one.last + 1 < two.first for one, two in itertools.pairwise(ascending))
    assert numbers(spans.upto(ascending, 100)) == {seq for seq in expected if seq <= 100}


def test_runs_are_few_and_forget_nothing():
    found: spans.Spans = ()
    for n in range(1_000):
        found = spans.extended(found, 3 * n + 1, 3 * n + 1, n)
    assert len(found) == SPANS_MAX
    assert numbers(found) >= set(range(1, 3_000, 3))


def test_a_run_ends_when_the_other_lane_has_gone_far():
    found = spans.extended((), 1, 5, 0)
    assert spans.extended(found, 6, 9, 10) == (Span(1, 9, 0),)
    found = spans.extended(found, 6, 9, NUMBERS_MAX)
    assert found == (Span(1, 5, 0), Span(6, 9, NUMBERS_MAX))
    assert spans.unreceipted(found, NUMBERS_MAX - 1) == found
    assert spans.unreceipted(found, NUMBERS_MAX) == found[1:]
    assert spans.unreceipted((), 3) == ()
