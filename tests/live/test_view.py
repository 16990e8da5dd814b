"""What the live page says, and that it never says more than is true."""

import msgspec
import pytest

from gateway.event import Lane
from gateway.health import DeviceVitals, PointVitals
from gateway.live import device_view, view
from gateway.live.needs import list_needs
from gateway.texts import LANGUAGES
from gateway.web import value_format
from gateway.web.i18n import CATALOGUES
from gateway.web.live_views import view_difference
from tests.web.station import (
    BUSES,
    DEVICES,
    NORMAL,
    NOW_NS,
    STATES,
    away,
    bus_down,
    empty,
    point,
    replace,
    volatile,
    waiting,
)

ZH, EN = CATALOGUES["zh"], CATALOGUES["en"]


def seen(vitals, words=ZH):
    return view.view(vitals, words)


def test_a_lane_tells_what_is_recorded_and_what_is_receipted() -> None:
    said = seen(NORMAL)
    assert said["lane.telemetry.issued"] == "记下 2,840,157"
    assert said["lane.telemetry.receipted"] == "平台已收 2,840,116"
    assert (said["lane.telemetry.waiting"], said["lane.telemetry.lag"]) == ("41", "5")


@pytest.mark.parametrize("language", LANGUAGES)
def test_neither_recorded_nor_received_while_nothing_is_saved(language: str) -> None:
    words = CATALOGUES[language]
    said = seen(volatile(), words)
    assert said["volatile"] is True
    spoken = " ".join(str(value) for value in said.values())
    for forbidden in (
        words("live.lane-recorded", n="").strip(),
        words("live.lane-received", n="").strip(),
        words("web.platform-received"),
    ):
        assert forbidden not in spoken
    assert words("live.way-volatile") in spoken


def test_without_an_uplink_nothing_is_said_of_a_platform() -> None:
    said = seen(empty())
    assert {said[f"lane.{lane.wire}.receipted"] for lane in Lane} == {""}
    assert said["way.receipt"] == value_format.NOTHING
    assert said["away"] is False


def test_what_is_only_being_opened_is_to_come() -> None:
    said = seen(waiting())
    assert [said[f"way.{stop}.stop"] for stop in ("read", "saved", "sent", "receipt")] == [
        "to", "done", "to", "to",
    ]  # fmt: skip
    assert said["way.sent"] == "正在连平台，先存着"
    every = replace(NORMAL, buses=tuple(replace(bus, state="down") for bus in BUSES))
    assert seen(every)["way.read.stop"] == "shut"


def test_away_is_said_with_what_is_kept() -> None:
    said = seen(away())
    assert said["away"] is True
    assert said["away.text"] == "站里都照常，1,284 条存好了，通了自动送。"
    assert (said["way.sent.stop"], said["way.receipt.stop"]) == ("shut", "to")
    lost = replace(away(), journal=volatile().journal)
    assert "存好" not in seen(lost)["away.text"]


def test_the_reason_of_an_absence_is_told_where_there_is_a_text() -> None:
    uplink = replace(away().uplinks[0], code="web.bad-host")
    said = seen(replace(away(), uplinks=(uplink,)))
    assert said["away.text"].endswith("这个名字不是驿站的")
    uplink = replace(uplink, code="no.such-text")
    assert seen(replace(away(), uplinks=(uplink,)))["away.text"].endswith("通了自动送。")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, ("0", "live.lag-seconds")),
        (599.9, ("599", "live.lag-seconds")),
        (600, ("10", "live.lag-minutes")),
        (35_999, ("599", "live.lag-minutes")),
        (1_209_600, ("336", "live.lag-hours")),
        (float("inf"), ("∞", "live.lag-hours")),
    ],
)
def test_how_far_behind(seconds: float, said: tuple[str, str]) -> None:
    assert view.lag_text(seconds) == said


def one(state: str = "ok", *points: PointVitals) -> DeviceVitals:
    return DeviceVitals("d", "D", "meters", "1", "", state, NOW_NS, NOW_NS, points)


@pytest.mark.parametrize(
    ("device", "said", "mark"),
    [
        (one("ok", point("p", "P", 18.42, "kW")), ("18.42", "kW"), "好"),
        (one("ok", point("p", "P", 1_284_402, "kW.h")), ("1,284,402", "kWh"), "好"),
        (one("ok", point("p", "P", 58.4, "Cel")), ("58.4", "°C"), "好"),
        (one("ok", point("p", "P", 0.1 + 0.2, "1")), ("0.30000000000000004", ""), "好"),
        (one("ok", point("p", "P", "E21", "1")), ("E21", ""), "好"),
        (one("ok", point("p", "P", True, "1")), ("通", ""), "好"),
        (one("ok", point("p", "P", 1, "A"), point("q", "Q", 2, "A", "crc")), ("1", "A"), "校验错"),
        (one("silent", point("p", "P", None, "kW", "timeout")), ("—", ""), "不回话"),
        (one("stale", point("p", "P", 3, "kW", "stale")), ("3", "kW"), "旧"),
        (one("faulty", point("p", "P", None, "kW", "sensor_fault")), ("—", ""), "有故障"),
        (one("wait"), ("—", ""), "还没读到"),
        (
            one("ok", point("a", "A", True, "1"), point("b", "B", False, "1")),
            ("1/2", "路通"),
            "好",
        ),
    ],
)
def test_a_device_in_one_line(device: DeviceVitals, said: tuple[str, str], mark: str) -> None:
    assert value_format.device_headline(device, ZH) == said
    assert value_format.device_mark(device, ZH)[2] == mark


def test_a_silent_device_shows_no_old_value() -> None:
    said = seen(bus_down())
    assert said["dev.em-b3.value"] == value_format.NOTHING
    assert said["dev.em-b3.stop"] == "shut"
    assert said["bus.meters"] == ("bad", "s-bad", "断了")


def test_a_point_that_was_never_read_is_waited_for() -> None:
    assert value_format.quality_mark(waiting().devices[0].points[0], ZH)[2] == "还没读到"
    said = device_view.view(waiting(), ZH, "em-b3 ")
    assert said["point.power.age"] is None
    assert said["point.power.value"] == value_format.NOTHING


def test_a_bus_with_silent_devices_is_not_simply_up() -> None:
    assert view.bus_mark(BUSES[1], ZH)[2] == "1 个不回话"
    assert view.bus_mark(BUSES[0], ZH)[2] == "通"


@pytest.mark.parametrize("load", [-0.1, 0, 0.5, 1, 7.5])
def test_a_load_stays_within_its_bar(load: float) -> None:
    facts = dict(view.bus_facts(replace(BUSES[0], load=load), ZH))
    assert facts["bus.meters.load"] == max(0, min(100, round(100 * load)))


def test_eviction_is_told_where_storing_is_told() -> None:
    said = seen(replace(NORMAL, journal=replace(NORMAL.journal, evicted=1_200)))
    assert "1,200" in said["way.saved"]


def test_a_new_value_changes_only_its_own_keys() -> None:
    fresh = replace(DEVICES[1].points[0], value=23.5, at_ns=NOW_NS)
    changed = replace(DEVICES[1], points=(fresh,), at_ns=NOW_NS)
    after = replace(NORMAL, devices=(DEVICES[0], changed, *DEVICES[2:]))
    assert view_difference(seen(NORMAL), seen(after)) == {
        "set": {"dev.em-b5.value": "23.5", "dev.em-b5.age": NOW_NS // 1_000_000}
    }


def test_the_shape_changes_only_when_the_page_must_be_fetched_anew() -> None:
    assert view.layout_key(NORMAL) == view.layout_key(bus_down()) == view.layout_key(volatile())
    renamed = replace(DEVICES[0], name="3号楼新电表")
    assert view.layout_key(replace(NORMAL, devices=(renamed, *DEVICES[1:]))) != view.layout_key(
        NORMAL
    )
    assert view.layout_key(replace(NORMAL, devices=DEVICES[1:])) != view.layout_key(NORMAL)
    assert view.layout_key(replace(NORMAL, version="0.2.0")) != view.layout_key(NORMAL)


def test_a_devices_page_plots_the_point_asked_for_else_the_first_with_a_curve() -> None:
    chosen = device_view.choose_point
    assert chosen(DEVICES[0], "pf") is DEVICES[0].points[4]
    assert chosen(DEVICES[0], "nothing") is DEVICES[0].points[0]
    assert chosen(DEVICES[6], "") is None


def test_a_devices_page_says_its_curve_in_words() -> None:
    said = device_view.view(NORMAL, ZH, "em-b3 power")
    known = DEVICES[0].points[0].spark
    assert said["plot.said"] == (
        f"最低 {min(v for v in known if v)}，最高 {max(v for v in known if v)}；现在 18.42 kW。"
    )
    assert [said[f"plot.x{i}"] for i in range(5)] == ["13:05", "13:20", "13:35", "13:50", "14:05"]
    assert said["bus.transactions"] == "18,402"


def test_a_young_curve_is_not_stretched_over_an_hour() -> None:
    young = replace(DEVICES[0].points[0], spark=(1.0, 2.0, 3.0), spark_step_s=60.0)
    vitals = replace(NORMAL, devices=(replace(DEVICES[0], points=(young,)),))
    said = device_view.view(vitals, ZH, "em-b3 power")
    assert (said["plot.x0"], said["plot.x4"]) == ("14:03:00", "14:05:00")


def test_without_a_clock_the_axis_tells_how_long_ago() -> None:
    blind = replace(NORMAL, clock=waiting().clock)
    said = device_view.view(blind, ZH, "em-b3 power")
    assert (said["plot.x0"], said["plot.x4"]) == ("59 分前", "刚才")


def test_a_device_that_is_gone_and_a_curve_that_comes_to_be_change_the_shape() -> None:
    assert device_view.view(NORMAL, ZH, "gone ") == {"shape": 0}
    before = device_view.view(waiting(), ZH, "em-b3 ")
    assert before["shape"] != device_view.view(NORMAL, ZH, "em-b3 ")["shape"]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_view_is_flat_and_small(state: str, language: str) -> None:
    said = seen(STATES[state](), CATALOGUES[language])
    assert all(isinstance(v, str | int | bool | tuple | None) for v in said.values())


def test_a_bus_is_called_by_its_name_wherever_it_is_shown() -> None:
    named = msgspec.structs.replace(
        NORMAL.buses[0], name="3号楼电表线", state="down", code="bus.line-lost"
    )
    vitals = replace(NORMAL, buses=(named, *NORMAL.buses[1:]))
    (need,) = (each for each in list_needs(vitals, ZH) if each.key == f"bus-{named.id}")
    assert "3号楼电表线" in need.title
    assert named.id not in need.title
    assert vitals.bus_called(named.id) == "3号楼电表线"
    assert vitals.bus_called(NORMAL.buses[1].id) == NORMAL.buses[1].id, "until it has one"
    assert vitals.bus_called("gone") == "gone"
