"""Device models as files, families and kinds of bus as folders: what is read, what is refused."""

import pytest

from drivers import registry
from drivers.bus.bus_plan import plan_bus, polled_driver
from drivers.bus_kinds import bus_kinds
from drivers.contract import BadProfile, Device, Point, WriteSpec
from drivers.profile import load_profile, parse_profile
from drivers.serial_line import SerialLine
from tests.drivers.harness import MemoryOptions, meter

GOOD = """
schema = 1
id = "maker-model"
name = { zh = "电表", en = "Meter" }
family = "modbus"
line = "2400 8E1"
every_s = 30
unverified = true
[limits]
max_block = { holding = 8 }
unreadable = [["holding", 40, 47]]
pause_ms = 20
[[point]]
id = "energy"
name = { zh = "电能", en = "Energy" }
kind = "holding"
address = 12
type = "u32"
order = "CDAB"
unit = "kW.h"
decimals = 2
scale = 0.01
counter = true
range = [0, 1e6]
[[point]]
id = "limit"
name = { zh = "限值", en = "Limit" }
kind = "holding"
address = 20
writable = { min = 0, max = 100 }
"""


def test_a_profile_makes_devices() -> None:
    profile = parse_profile(GOOD, "x.toml")
    device = profile.device("em", "7", timeout_s=2.0)
    assert device.points == (
        Point(id="energy", kind="holding", address=12, type="u32", order="CDAB", unit="kW.h",
              decimals=2, scale=0.01, counter=True, min=0, max=1e6),
        Point(id="limit", kind="holding", address=20, writable=WriteSpec(min=0, max=100)),
    )  # fmt: skip
    assert (device.line, device.every_s, device.timeout_s) == (
        SerialLine.parse("2400 8E1"),
        30,
        2.0,
    )
    assert device.limits.unreadable == (("holding", 40, 47),)
    assert device.point("limit") is device.points[1]
    assert device.point("nothing") is None


def test_settings_come_before_the_profile() -> None:
    device = parse_profile(GOOD, "x.toml").device("em", "7", line=SerialLine(9600), every_s=5)
    assert (device.line, device.every_s, device.timeout_s) == (SerialLine(9600), 5, 1.0)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema = 1", "schema = 2", "profile.schema found=2"),
        ("unverified = true", "", "profile.no-source"),
        ('"2400 8E1"', '"2400,8,E,1"', "example='9600 8N1'"),
        ('id = "limit"', 'id = "energy"', "profile.twice"),
        ("[0, 1e6]", "[1e6, 0]", "profile.range"),
        ('"u32"', '"string"', "profile.size"),
        ('"u32"', '"u24"', "u24"),
        ("address = 12", "adress = 12", "adress"),
        ("decimals = 2", "decimals = 99", "decimals"),
        ("schema = 1", "schema = ", "Invalid value"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said(old, new, said) -> None:
    with pytest.raises(BadProfile) as caught:
        parse_profile(GOOD.replace(old, new, 1), "x.toml")
    assert said in " ".join(map(str, caught.value.data["mistakes"]))
    assert caught.value.data["file"] == "x.toml"


def test_all_mistakes_are_told_at_once() -> None:
    bad = GOOD.replace("schema = 1", "schema = 2").replace("[0, 1e6]", "[1e6, 0]")
    with pytest.raises(BadProfile) as caught:
        parse_profile(bad, "x.toml")
    assert len(caught.value.data["mistakes"]) == 2


def test_a_profile_without_points_is_none() -> None:
    with pytest.raises(BadProfile):
        parse_profile(GOOD[: GOOD.index("[[point]]")] + "point = []", "x.toml")


def test_files(tmp_path) -> None:
    file = tmp_path / "maker-model.toml"
    with pytest.raises(BadProfile):
        load_profile(file)
    file.write_text(GOOD, "utf-8")
    assert load_profile(file).id == "maker-model"
    other = tmp_path / "other.toml"
    other.write_text(GOOD, "utf-8")
    with pytest.raises(BadProfile):
        load_profile(other)
    file.write_bytes(b"\xff")
    with pytest.raises(BadProfile):
        load_profile(file)


def test_families_are_folders() -> None:
    families = registry.families()
    assert {"modbus", "dlt645", "cjt188"} <= set(families)
    assert len(families) == len(registry.family_names())
    for name in families:
        assert families[name].family == name
    with pytest.raises(KeyError):
        families["../gateway"]


def test_kinds_of_bus() -> None:
    kinds = bus_kinds()
    assert {"serial", "modbus-tcp", "modbus-rtu-over-tcp"} <= set(kinds)
    for name, kind in kinds.items():
        assert kind.name == name
        assert kind.options.__struct_config__.forbid_unknown_fields


async def test_a_kind_builds_its_bus() -> None:
    kind = bus_kinds()["modbus-tcp"]
    options = kind.options(address="127.0.0.1:502")
    bus = kind.build("plant", options, [meter(1)], lambda _: None, lambda _: None)
    assert bus.name == "plant"


def test_what_does_not_belong_on_a_bus() -> None:
    options = bus_kinds()["modbus-tcp"].options(address="127.0.0.1:502")
    water = Device(id="w", family="dlt645", address="1" * 12, points=())
    unknown = Device(id="u", family="nothing", address="1", points=())
    faults = plan_bus("plant", options, [meter(1), water, unknown]).faults
    assert [fault.code for fault in faults] == ["bus.not-on-this-bus", "bus.no-family"]
    with pytest.raises(KeyError):
        polled_driver("ble")


def test_a_survey_plans_what_is_sound() -> None:
    found = plan_bus("line", MemoryOptions(None), [meter(1), meter(2, 70_000)])
    assert set(found.rounds) == {"m1"}
    assert found.load.is_bearable
    assert [fault.code for fault in found.faults] == ["modbus.bad-register"]
