"""What is still missing, and where an installer stands."""

import msgspec

from gateway.event import Trust
from gateway.setup import steps
from gateway.setup.acceptance import AcceptanceRecord
from gateway.web.i18n import CATALOGUES
from tests.setup.gallery import EMPTY, WIRED, bare, wired
from tests.web.station import STATES, WALL_NS

GOOD = AcceptanceRecord("agrees", "boss", WALL_NS, Trust.NTP)
HEARD = AcceptanceRecord("heard", "boss", WALL_NS, Trust.NTP)
ALL = {
    "em-b3.power_w": GOOD,
    "di-b3.smoke": GOOD,
    "speaker.horn-b3": HEARD,
    "speaker.hall": HEARD,
}
SOUND_PLAN = msgspec.structs.replace(WIRED, buses=WIRED.buses[:1])


def codes(plan=SOUND_PLAN, vitals=None, records=ALL) -> list[str]:
    return [lack.code for lack in steps.missing_items(plan, vitals or wired(), records)]


def test_nothing_is_missing_where_all_was_wired_compared_and_heard() -> None:
    assert codes() == []
    stops = {stop.name: stop.state for stop in steps.setup_steps((), SOUND_PLAN)}
    assert stops.pop("paper") == "now"
    assert set(stops.values()) == {"done"}


def test_without_a_loudspeaker_nothing_of_the_sound_is_called_done() -> None:
    silent = msgspec.structs.replace(SOUND_PLAN, speakers=())
    stops = {stop.name: stop.state for stop in steps.setup_steps((), silent)}
    assert (stops["sound"], stops["paper"]) == ("to", "now")


def test_a_bare_station_lacks_everything_and_begins_with_the_clock() -> None:
    lacks = steps.missing_items(EMPTY, bare(), {})
    assert [lack.code for lack in lacks] == [
        "setup.lack-clock",
        "setup.lack-places",
        "setup.lack-lines",
        "setup.lack-devices",
        "setup.lack-platform",
    ]
    assert (
        next(stop for stop in steps.setup_steps(lacks, EMPTY) if stop.state == "now").name
        == "clock"
    )


def test_each_omission_is_named() -> None:
    wrong = AcceptanceRecord("differs", "boss", WALL_NS, Trust.NTP)
    deaf = AcceptanceRecord("unheard", "boss", WALL_NS, Trust.NTP)
    for key, record, code in (
        ("em-b3.power_w", None, "setup.lack-compared"),
        ("em-b3.power_w", wrong, "setup.lack-differs"),
        ("di-b3.smoke", None, "setup.lack-pressed"),
        ("speaker.hall", None, "setup.lack-heard"),
        ("speaker.hall", deaf, "setup.lack-heard"),
    ):
        records = {**ALL, key: record}
        assert codes(records={k: r for k, r in records.items() if r is not None}) == [code]
    assert codes(plan=WIRED) == ["setup.lack-on-line"]
    assert "setup.lack-reached" in codes(vitals=STATES["away"]())
    assert "setup.lack-storage" in codes(vitals=STATES["volatile"]())


def test_what_root_alone_can_do_comes_last_and_only_where_it_is_due() -> None:
    for fit in ("loose", "tight"):
        plan = msgspec.structs.replace(SOUND_PLAN, sandbox=fit)
        (lack,) = steps.missing_items(plan, wired(), ALL)
        assert (lack.code, lack.page) == (f"install.due-{fit}", "/setup/paper")
        for words in CATALOGUES.values():
            assert "yizhan install" in words(lack.code)
            assert "root" in words(lack.code)
        bare_plan = msgspec.structs.replace(EMPTY, sandbox=fit)
        assert steps.missing_items(bare_plan, bare(), {})[-1] == lack


def test_what_is_missing_is_gathered_by_the_step_that_mends_it() -> None:
    lacks = steps.missing_items(SOUND_PLAN, wired(), {})
    gathered = steps.by_step(lacks)
    assert [step for step, _ in gathered] == ["devices", "sound"]
    assert tuple(lack for _, some in gathered for lack in some) == lacks
