"""Which settings a running station goes over to, and which need it to start anew.

What a room reads once (the guard its zones, an announcement its places) must not go over: it
would speak to the former building.
"""

from pathlib import Path

import pytest

from gateway.config.load import examine_text
from gateway.config.schema import Settings
from gateway.reconfigure.lifecycle import needs_restart

TEXT = """schema = 1
[station]
id = "under-test"
name = "试验站"
timezone = "Asia/Shanghai"
[place]
b3 = { name = "3号楼" }
b5 = { name = "5号楼" }
[zone]
b3 = { name = "3号楼", places = ["b3"], sound = "community" }
[bus.box]
kind = "modbus-tcp"
address = "127.0.0.1:5020"
[device.m1]
name = "表1"
profile = "eastron-sdm120"
bus = "box"
address = "1"
place = "b3"
[device.m2]
name = "表2"
profile = "eastron-sdm120"
bus = "box"
address = "2"
place = "b3"
[rule.over]
use = "transformer-overload"
on = ["m1.power-w"]
set = { above = "100 kW" }
[duty]
roster = [{ who = "duty", at = "00:00-24:00", by = ["desk"] }]
[speaker.horn]
kind = "unicast"
zones = ["b3"]
to = ["127.0.0.1:6000"]
[kiosk.hall]
zone = "b3"
services = ["ride", "staff"]
[service.ride]
phone = "95128"
"""


def settings(*change: str) -> Settings:
    assert not change or change[0] in TEXT
    text = TEXT.replace(*change) if change else TEXT
    read, mistakes = examine_text(text.encode(), Path("station.toml"))
    assert read is not None, mistakes
    return read


@pytest.mark.parametrize(
    "change",
    [
        (),
        ('"试验站"', '"新站"'),
        ('"表2"', '"二号表"'),
        ('address = "2"\nplace = "b3"', 'address = "2"\nplace = "b5"'),
        ("127.0.0.1:5020", "127.0.0.1:5021"),
    ],
    ids=["nothing", "name", "device", "device's place", "bus"],
)
def test_it_goes_over_to(change):
    assert not needs_restart(settings(), settings(*change))


@pytest.mark.parametrize(
    "change",
    [
        ('"5号楼"', '"五号楼"'),
        ('b5 = { name = "5号楼" }', 'b5 = { name = "5号楼", in = "b3" }'),
        ('"community"', '"indoors"'),
        ('places = ["b3"]', 'places = ["b5"]'),
        ("Asia/Shanghai", "Asia/Tokyo"),
        ('address = "1"\nplace = "b3"', 'address = "1"\nplace = "b5"'),
        ('zones = ["b3"]\nto', 'volume_db = -6\nzones = ["b3"]\nto'),
        ('["ride", "staff"]', '["staff"]'),
        ("95128", "96128"),
    ],
    ids=[
        "place's name",
        "tree",
        "zone's sound",
        "zone's places",
        "hours",
        "watched",
        "speaker",
        "kiosk",
        "service",
    ],
)
def test_it_starts_anew_for(change):
    assert needs_restart(settings(), settings(*change))
