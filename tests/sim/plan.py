"""Which station it is: a `station.toml` by the seed."""

import random
from pathlib import Path
from typing import NamedTuple

from tests.sim.field import PROFILE, PROFILE_ID

HEAD = """schema = 1
[station]
id = "simulated"
name = "模拟站"
[discovery]
announce = false
[place]
hall = { name = "大厅" }
"""


class Meter(NamedTuple):
    """One device: its address, its period, its line."""

    unit: int
    every_s: float
    line: str


class Plan(NamedTuple):
    """One station: its meters by id, its uplinks; the first of them is required."""

    quota_mb: int
    meters: dict[str, Meter]
    uplinks: tuple[str, ...]

    @property
    def lines(self) -> dict[str, tuple[int, ...]]:
        """The addresses on each line."""
        found: dict[str, tuple[int, ...]] = {}
        for meter in self.meters.values():
            found[meter.line] = (*found.get(meter.line, ()), meter.unit)
        return found

    def write(self, folder: Path, keys: dict[str, str]) -> None:
        """The installer's files; `keys` are the platforms' for their commands."""
        text = [HEAD, f"[journal]\nquota_mb = {self.quota_mb}\n"]
        text += [
            f'[bus.{line}]\nkind = "serial"\nport = "/dev/{line}"\nline = "9600 8N1"\n'
            for line in self.lines
        ]
        text += [
            f'[device.{id_}]\nname = "表{meter.unit}"\nprofile = "{PROFILE_ID}"\n'
            f'bus = "{meter.line}"\naddress = "{meter.unit}"\nplace = "hall"\n'
            f"every_s = {meter.every_s}\n"
            for id_, meter in self.meters.items()
        ]
        text += [
            f'[rule.dead-{line}]\nuse = "bus-dead"\non = ["bus.{line}"]\n' for line in self.lines
        ]
        text += [
            f'[rule.silent-{id_}]\nuse = "device-silent"\non = ["{id_}"]\n' for id_ in self.meters
        ]
        text += [
            f'[upstream.{name}]\nurl = "https://{name}.example/"\n'
            f'required = {str(number == 0).lower()}\ncommand_key = "{keys[name]}"\n'
            for number, name in enumerate(self.uplinks)
        ]
        (folder / "station.toml").write_text("".join(text), "utf-8")
        (folder / "devices" / f"{PROFILE_ID}.toml").write_text(PROFILE, "utf-8")


def drawn(chance: random.Random) -> Plan:
    """One to three lines with up to four meters each, one or two platforms."""
    meters: dict[str, Meter] = {}
    for line in range(chance.randint(1, 3)):
        for _ in range(chance.randint(1, 4)):
            unit = len(meters) + 1
            meters[f"m{unit}"] = Meter(unit, chance.choice((5.0, 15.0, 60.0)), f"line{line}")
    uplinks = ("district", "city") if chance.random() < 0.4 else ("district",)
    return Plan(chance.choice((16, 32)), meters, uplinks)
