"""A search finds whoever is on a line, nobody else, in the time that it says."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest

from drivers.bus.link import StreamLink
from drivers.emulate import memory_stream
from drivers.emulate.device import emulate_device
from drivers.emulate.rs485 import Rs485Line
from drivers.emulate.slave import Slave
from drivers.profiles import find_profile, load_profiles
from drivers.scan.line_scan import LineScan, ScannedDevice, ScanProgress
from drivers.scan.probe import family_scanners
from drivers.scan.scan_plan import MORE, USUAL, ScanPlan, ScanRequest, usual_lines
from drivers.serial_line import SerialLine
from tests.sim.loop import simulated

PROFILES = tuple(load_profiles())
FAST, SLOW = SerialLine.parse("9600 8N1"), SerialLine.parse("2400 8E1")


def plays(model: str, address: str, line: SerialLine | None = None, seed: int = 3) -> Slave:
    return emulate_device(find_profile(model), address, line=line, seed=seed).slave


class Seen:
    """A search, and everything that it said."""

    def __init__(self, wire: Rs485Line, wanted: ScanRequest, line: SerialLine = FAST) -> None:
        self.progress: list[tuple[float, ScanProgress]] = []
        self.hits: list[ScannedDevice] = []

        async def connect(tap) -> StreamLink:
            link = StreamLink(line, tap=tap)
            await link.open(memory_stream.stream_opener(wire))
            return link

        self.search = LineScan(
            connect,
            ScanPlan(family_scanners(), PROFILES, wanted),
            PROFILES,
            on_found=self.hits.append,
            on_progress=self._tell,
        )

    def _tell(self, progress: ScanProgress) -> None:
        self.progress.append((asyncio.get_running_loop().time(), progress))

    async def run(self) -> float:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await self.search.run()
        self.took_s = loop.time() - began_s
        return self.took_s

    def places(self) -> set[tuple[str, str, str]]:
        return {(each.family, str(each.line), each.address) for each in self.hits}

    def models(self) -> dict[str, str]:
        return {
            each.address: each.matches[0].profile.id if each.matches else "" for each in self.hits
        }


def places_of(slaves: Sequence[Slave]) -> set[tuple[str, str, str]]:
    return {
        (type(slave).__module__.split(".")[1], str(slave.line),
         str(getattr(slave, "unit", None) or slave.address))
        for slave in slaves
    }  # fmt: skip


MIXED = (
    ("generic-di8", "9", FAST),
    ("eastron-sdm630", "1", FAST),
    ("eastron-sdm120", "2", FAST),
    ("xy-md02", "21", FAST),
    ("chint-dtsu666", "40", FAST),
    ("dlt645-three-phase", "201000000012", SLOW),
    ("cjt188-water", "78330011223344", SLOW),
)


@simulated
async def test_a_mixed_line_is_found_whole_and_in_the_time_that_was_said() -> None:
    slaves = [plays(model, address, line) for model, address, line in MIXED]
    dead = plays("eastron-sdm630", "5", FAST)
    dead.faults.dead = True
    wire = Rs485Line([*slaves, dead])
    seen = Seen(wire, ScanRequest())
    said_s = seen.search.estimate_s
    await seen.run()
    print(f"\nsaid {said_s:.0f} s, took {seen.took_s:.0f} s, {seen.search.asked} questions")
    assert seen.places() == places_of(slaves), "all, and no other"
    assert seen.models() == {address: model for model, address, _ in MIXED}
    assert wire.counters.violations == 0
    assert seen.search.disturbed == []
    assert abs(said_s / seen.took_s - 1) <= 0.25


@simulated
async def test_what_is_left_is_told_honestly_all_the_way() -> None:
    seen = Seen(
        Rs485Line([plays(model, address, line) for model, address, line in MIXED]), ScanRequest()
    )
    await seen.run()
    ended_s = asyncio.get_running_loop().time()
    off = [
        abs(told.left_s - (ended_s - at_s)) / max(ended_s - at_s, 5.0)
        for at_s, told in seen.progress
        if told.call.scanner.family == "modbus"
    ]
    assert max(off) <= 0.25


@simulated
async def test_several_meters_that_answer_at_once_are_told_apart() -> None:
    meters = [
        plays("dlt645-single-phase", "201000000012", SLOW),
        plays("dlt645-prepaid", "201000000098", SLOW),
        plays("dlt645-three-phase", "201900001198", SLOW),
        plays("cjt188-water", "78330011223344", SLOW),
        plays("cjt188-water", "78330011223399", SLOW),
        plays("cjt188-heat-jy", "11220000000017", SLOW),
    ]
    wire = Rs485Line(meters)
    seen = Seen(wire, ScanRequest(families=("dlt645", "cjt188"), lines=(SLOW,)), line=SLOW)
    await seen.run()
    assert seen.places() == places_of(meters)
    assert seen.models() == {
        "201000000012": "dlt645-single-phase",
        "201000000098": "dlt645-prepaid",
        "201900001198": "dlt645-three-phase",
        "78330011223344": "cjt188-water",
        "78330011223399": "cjt188-water",
        "11220000000017": "cjt188-heat-jy",
    }


@simulated
async def test_a_noisy_line_hides_nobody_and_invents_nobody() -> None:
    slaves = [plays("eastron-sdm120", str(unit), FAST, seed=unit) for unit in range(1, 9)]
    for number, noise in itertools.product(range(3), (0.002, 0.01)):
        wire = Rs485Line(slaves, seed=number)
        wire.faults.noise = noise
        seen = Seen(wire, ScanRequest(lines=(FAST,), families=("modbus",), scopes=addresses(1, 20)))
        await seen.run()
        assert seen.places() <= places_of(slaves)
        found = len(seen.hits)
        assert found >= (8 if noise < 0.01 else 6)
        assert wire.counters.violations == 0


def addresses(first: int, last: int) -> tuple[str, ...]:
    return tuple(map(str, range(first, last + 1)))


@simulated
async def test_a_slow_device_is_heard_late_and_asked_again() -> None:
    slow = plays("eastron-sdm120", "3", FAST)
    slow.turnaround_s = 0.35
    seen = Seen(
        Rs485Line([slow]), ScanRequest(lines=(FAST,), families=("modbus",), scopes=addresses(1, 9))
    )
    await seen.run()
    assert seen.models() == {"3": "eastron-sdm120"}


@simulated
async def test_two_devices_with_one_address_are_said_to_be_disturbed() -> None:
    wire = Rs485Line(
        [plays("eastron-sdm120", "3", FAST), plays("eastron-sdm630", "3", FAST, seed=9)]
    )
    seen = Seen(wire, ScanRequest(lines=(FAST,), families=("modbus",), scopes=addresses(1, 5)))
    await seen.run()
    assert seen.hits == []
    assert [call.scope for call in seen.search.disturbed] == ["3"]


@simulated
async def test_an_empty_line_takes_as_long_as_was_said() -> None:
    seen = Seen(Rs485Line(), ScanRequest())
    assert await seen.run() == pytest.approx(seen.search.estimate_s, rel=0.05)
    assert seen.hits == []


@simulated
async def test_a_search_that_is_stopped_keeps_what_it_has_found() -> None:
    wire = Rs485Line([plays("xy-md02", "1", FAST), plays("xy-md02", "9", FAST)])
    seen = Seen(wire, ScanRequest(families=("modbus",), lines=(FAST,)))
    seen.search._on_found = lambda found: (seen.hits.append(found), seen.search.stop())
    assert await seen.run() < 5
    assert [each.address for each in seen.hits] == ["1"]
    assert wire.counters.frames == seen.search.asked


@simulated
async def test_nothing_is_ever_written() -> None:
    slaves = [plays(model, address, line) for model, address, line in MIXED]
    heard: list[bytes] = []
    wire = Rs485Line(slaves)
    send = wire.send
    wire.send = lambda data, line: (heard.append(data), send(data, line))[1]
    await Seen(wire, ScanRequest(scopes=addresses(1, 10))).run()
    fast = [data for data in heard if data[:1] != b"\xfe"]
    slow = [data.lstrip(b"\xfe") for data in heard if data[:1] == b"\xfe"]
    assert {data[1] for data in fast} <= {1, 2, 3, 4}
    assert {data[8] if data[7:8] == b"\x68" else data[9] for data in slow} <= {0x11, 0x13, 1, 3}


def test_the_cheap_and_likely_comes_first() -> None:
    plan = ScanPlan(family_scanners(), PROFILES, ScanRequest())
    anybody, usual, more, rest = (plan.wave(number, ()) for number in range(4))
    assert {call.scanner.family for call in anybody} == {"dlt645", "cjt188"}
    assert str(anybody[0].line) == "2400 8E1"
    assert [call.scope for call in usual[:USUAL]] == list(addresses(1, USUAL))
    assert str(usual[0].line) == "9600 8N1"
    assert len(more) == len(usual) / USUAL * (MORE - USUAL)
    assert {str(call.line) for call in rest} == {"9600 8N1"}
    hit = ("modbus", SerialLine.parse("4800 8N1"))
    assert {str(call.line) for call in plan.wave(3, {hit})} == {"4800 8N1"}
    thorough = ScanPlan(family_scanners(), PROFILES, ScanRequest(thorough=True))
    assert {call.line for call in thorough.wave(3, ())} == {call.line for call in usual}


def test_usual_lines_are_those_on_which_models_are_delivered() -> None:
    (modbus,) = [each for each in family_scanners() if each.family == "modbus"]
    assert str(usual_lines(modbus, PROFILES)[0]) == "9600 8N1"
    assert set(usual_lines(modbus, PROFILES)) >= set(modbus.lines)


MODBUS = [each.id for each in PROFILES if each.family == "modbus"]


@pytest.mark.parametrize("model", MODBUS)
@simulated
async def test_a_model_is_recognised_among_all_the_others(model) -> None:
    profile = find_profile(model)
    line = SerialLine.parse(profile.line or "9600 8N1")
    seen = Seen(
        Rs485Line([plays(model, "7", line)]),
        ScanRequest(families=("modbus",), lines=(line,), scopes=("7",)),
        line=line,
    )
    await seen.run()
    (found,) = seen.hits
    print(model, [(m.profile.id, round(m.score, 1)) for m in found.matches])
    assert model in [match.profile.id for match in found.matches]
