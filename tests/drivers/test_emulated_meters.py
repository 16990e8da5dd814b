"""Emulated Chinese meters that play their profiles: every value that they show is the one read."""

import pytest

from drivers.emulate.device import emulate_device
from drivers.emulate.rs485 import Rs485Line
from drivers.serial_line import SerialLine
from tests.drivers.meter_lines import last_of, on_line, profile

SLOW = SerialLine(2400, 8, "E", 1)
SET = {
    "dlt645-single-phase": {"energy": 1234.56, "voltage": 230.1, "current": -1.25, "power": 0.2512},
    "dlt645-prepaid": {"energy-valley": 0.02, "voltage-c": 229.9, "relay": False, "balance": 12.5},
    "dlt645-three-phase": {"voltage-b": 0.0, "power-c": -79.9999, "frequency": 50.03},
    "cjt188-water": {"volume": 123.45, "valve": False, "battery-low": True},
    "cjt188-water-901f": {"volume": 999999.99, "valve": True, "battery-low": False},
    "cjt188-gas": {"volume": 0.01, "volume-settled": 120.0},
    "cjt188-heat-jy": {"heat": 1000.0, "flow": 0.3512, "supply-temperature": 45.25, "hours": 2761},
}


@pytest.mark.parametrize("model", SET)
def test_what_is_set_is_read_and_the_rest_moves_within_reason(model) -> None:
    played = emulate_device(profile(model), "161", seed=5)
    for point, value in SET[model].items():
        played.set_value(point, value)
    meter = profile(model).device("m", played.address, every_s=20)
    running = on_line(Rs485Line([played.slave]), [meter], 60)
    values = last_of(running.results, "m")
    assert {point: values[point] for point in SET[model]} == SET[model]
    assert values.keys() == played.points.keys()
    assert not {"timeout", "crc", "exception", "out_of_range", "sensor_fault"} & set(
        map(str, values.values())
    )


@pytest.mark.parametrize("model", SET)
def test_counters_only_grow(model) -> None:
    played = emulate_device(profile(model), "161")
    meter = profile(model).device("m", played.address, every_s=20)
    running = on_line(Rs485Line([played.slave]), [meter], 3600)
    counters = [point.id for point in meter.points if point.counter]
    for counter in counters:
        seen = [reading.value for reading in running.readings() if reading.point == counter]
        assert seen == sorted(seen)
        assert len(seen) > 100 or played.points[counter].every_s
    assert played.slave.line == SLOW


@pytest.mark.parametrize(
    ("model", "point", "value"),
    [
        ("dlt645-single-phase", "voltage", 99999),
        ("dlt645-prepaid", "relay", 7),
        ("cjt188-water", "volume", 1e9),
        ("cjt188-heat-jy", "flow", -1),
    ],
)
def test_what_a_meter_cannot_show(model, point, value) -> None:
    played = emulate_device(profile(model), "161")
    with pytest.raises(ValueError, match=str(value)[:2]):
        played.set_value(point, value)
    with pytest.raises(KeyError):
        played.set_value("no-such-point", 1)
