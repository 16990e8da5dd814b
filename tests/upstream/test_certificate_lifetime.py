"""A certificate that was not renewed in time is told before it ends: on the desk, in `/healthz`."""

import pytest

from gateway.event import Trust
from gateway.health import ClockVitals
from gateway.live.needs import list_needs
from gateway.web.healthz import assess_health
from gateway.web.i18n import CATALOGUES
from tests.web.station import NORMAL, WALL_NS, replace

DAY_NS = 86_400_000_000_000


def station(days_left: int, *, known: bool = True):
    ends_ns = WALL_NS + days_left * DAY_NS
    uplink = replace(NORMAL.uplinks[0], certificate=(ends_ns - 365 * DAY_NS, ends_ns))
    clock = NORMAL.clock if known else ClockVitals(Trust.NONE, None, 0, 0)
    return replace(NORMAL, uplinks=(uplink,), clock=clock)


@pytest.mark.parametrize(
    ("vitals", "note", "days"),
    [
        (NORMAL, None, None),
        (station(300), None, None),
        (station(100), None, None),  # being renewed since the 122nd, and no reason to call anybody
        (station(60), "uplink.district.certificate-late", 60),
        (station(0), "uplink.district.certificate-late", 0),
        (station(-3), "uplink.district.certificate-over", 3),
        (station(-3, known=False), None, None),
    ],
)
def test_it_is_told_in_time(vitals, note, days):
    answer = assess_health(vitals)
    assert [told for told in answer.notes if "certificate" in told] == ([note] if note else [])
    assert answer.ok  # the station works without its platform
    for words in CATALOGUES.values():
        found = [need for need in list_needs(vitals, words) if need.key.startswith("certificate")]
        assert [need.amount for need in found] == ([] if days is None else [days])
