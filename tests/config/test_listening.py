"""Sensors that are only listened to: their mistakes are named, too."""

from gateway.config.load import examine

STATION = """
schema = 1
[station]
id = "x-07"
name = "试"
timezone = "Asia/Shanghai"
[place]
hall = { name = "大厅" }
[bus.air]
kind = "ble"
"""
SENSOR = """
[device.hall]
name = "温湿度"
profile = "bthome-temperature-humidity"
bus = "air"
address = "A4:C1:38:00:00:01"
place = "hall"
"""
METER = """
[device.meter]
name = "表"
profile = "eastron-sdm120"
bus = "air"
address = "1"
place = "hall"
"""


def mistakes(tmp_path, text: str) -> list[tuple[str, str]]:
    (tmp_path / "station.toml").write_text(STATION + text, "utf-8")
    _settings, found = examine(tmp_path)
    return [(each.path, each.code) for each in found]


def test_a_sensor_that_can_be_heard_is_no_mistake(tmp_path) -> None:
    assert mistakes(tmp_path, SENSOR) == []
    assert mistakes(tmp_path, SENSOR + f'bind_key = "{"0f" * 16}"\n') == []
    assert mistakes(tmp_path, SENSOR + 'credential = "hall-key"\n') == []


def test_what_the_family_cannot_use_is_named_with_its_place(tmp_path) -> None:
    short = SENSOR.replace(":01", "")
    assert mistakes(tmp_path, short) == [("device.hall.address", "ble.bad-address")]
    keyed = SENSOR + 'bind_key = "231d39c1"\n'
    assert mistakes(tmp_path, keyed) == [("device.hall.profile", "ble.bad-key")]


def test_a_meter_cannot_be_polled_over_the_air(tmp_path) -> None:
    assert mistakes(tmp_path, SENSOR + METER) == [("device.meter.profile", "bus.no-family")]
