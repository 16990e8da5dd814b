"""A window of samples of bounded size, and the rate of a counter in it. Pure."""

from gateway.rules.kinds.kind import S

SAMPLES_MAX = 64

# (instant, value), oldest first.
Samples = tuple[tuple[int, float], ...]


def add_sample(samples: Samples, at_ns: int, value: float, span_ns: int) -> Samples:
    """Add a sample, and drop those older than the span except one that covers its start.

    Samples closer together than a 64th of the span replace the last one.
    """
    kept = list(samples)
    if len(kept) > 1 and at_ns - kept[-2][0] < span_ns // SAMPLES_MAX:
        kept.pop()
    kept.append((at_ns, value))
    while len(kept) > 2 and at_ns - kept[1][0] >= span_ns:  # noqa: PLR2004 - two make a span
        del kept[0]
    return tuple(kept[-SAMPLES_MAX - 2 :])


def gain_per_hour(samples: Samples, span_ns: int) -> float | None:
    """What the counter gains per hour; None before half the span is seen, or if it went back."""
    (first_ns, first), (last_ns, last) = samples[0], samples[-1]
    if last_ns - first_ns < span_ns // 2 or last_ns == first_ns or last < first:
        return None
    return (last - first) * 3600 * S / (last_ns - first_ns)
