from hypothesis import given
from hypothesis import strategies as st

from gateway.upstream.feed.number_ranges import NumberRanges

SPANS = st.lists(st.tuples(st.integers(1, 60), st.integers(0, 8)), max_size=30)


@given(SPANS, st.integers(0, 70), st.integers(1, 70), st.integers(0, 20))
def test_spans_agree_with_a_plain_set(pairs, upto, first, length):
    spans, plain = NumberRanges(), set()
    for begin, more in pairs:
        spans.add(begin, begin + more)
        plain |= {*range(begin, begin + more + 1)}
        assert {n for a, b in spans for n in range(a, b + 1)} == plain
        assert all(b + 1 < c for (_, b), (c, _) in zip(spans, [*spans][1:], strict=False))
    spans.forget(upto)
    plain = {n for n in plain if n > upto}
    assert {n for a, b in spans for n in range(a, b + 1)} == plain
    assert spans.count == len(plain)
    assert spans.last == max(plain, default=None)
    wanted = {*range(first, first + length + 1)}
    holes = {n for a, b in spans.holes(first, first + length) for n in range(a, b + 1)}
    assert holes == wanted - plain
    assert spans.covers(first, first + length) == (wanted <= plain)
