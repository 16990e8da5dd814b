"""Every Modbus profile against registers transcribed from its source: the values must be its own.

The registers lie in `tests/golden/devices`, the device side is pymodbus on the emulated wire, and
what reads them is our driver. A profile without such a file, or a point that no case looks at,
fails.
"""

import asyncio
import tomllib
from pathlib import Path

import pytest

import drivers.profile
from drivers.contract import BadProfile, Quality
from drivers.emulate.rs485 import Rs485Line
from drivers.family import WireCost
from drivers.modbus.driver import DRIVER
from drivers.modbus.emulated_device import EmulatedModbusDevice
from drivers.modbus.emulated_registers import RegisterImage
from drivers.modbus.emulator import ModbusSlave
from drivers.profiles import find_profile, load_profiles, profile_folder, profile_ids
from drivers.serial_line import SerialLine
from tests.drivers.devices_doc import DOC, devices_doc
from tests.drivers.test_rs485 import Master
from tests.sim.loop import run

GOLDEN = Path(__file__).parents[1] / "golden" / "devices"
UNIT = 7
# So many profiles were held against a second source; the ledger grows.
TWICE_MIN = 23

MODELS = [name for name in profile_ids() if find_profile(name).family == "modbus"]


def cases(model: str) -> list[dict]:
    return tomllib.loads((GOLDEN / f"{model}.toml").read_text("utf-8"))["case"]


CASES = [pytest.param(model, case, id=f"{model}: {case['name']}")
         for model in MODELS for case in cases(model)]  # fmt: skip


def image_of(case: dict) -> RegisterImage:
    image = RegisterImage()
    for block in case["block"]:
        image.put(
            block["kind"], block["address"], [int(word, 16) for word in block["words"].split()]
        )
    return image


async def ask(wire: Rs485Line, transactions, line: SerialLine) -> dict:
    """What the driver makes of the slaves' answers, by point."""
    master, samples = Master(wire), {}
    for transaction in transactions:
        heard = await master.ask(transaction.request, line=line)
        found = transaction.expect.find(heard, final=True)
        assert found is not None, (transaction.request.hex(" "), heard.hex(" "))
        for sample in transaction.decode(heard[slice(*found)]):
            samples[sample.point.id] = sample
    return samples


def read(slave: ModbusSlave, device) -> dict:
    # One transaction a point: an image holds only the registers that its source speaks of.
    cost = WireCost()
    wanted = [DRIVER.plan(device, [point], cost) for point in device.points]
    transactions = [transaction for plan in wanted for transaction in plan]
    return run(ask(Rs485Line([slave]), transactions, slave.line))


@pytest.mark.parametrize(("model", "case"), CASES)
def test_the_values_are_those_of_the_source(model: str, case: dict) -> None:
    device = find_profile(model).device("d", str(UNIT))
    samples = read(ModbusSlave(UNIT, image_of(case), device.line), device)
    assert set(samples) == set(case["expect"])
    for name, expected in case["expect"].items():
        sample, point = samples[name], device.point(name)
        if isinstance(expected, dict):
            assert sample.quality.value == expected["quality"], name
        else:
            assert sample.quality is Quality.GOOD, name
            assert sample.value == pytest.approx(expected, abs=0.500_001 * 10**-point.decimals), (
                name
            )
            assert type(sample.value) is type(expected) or point.decimals, name


def test_every_profile_has_registers_from_its_source_and_every_register_file_a_profile() -> None:
    golden = {path.stem for path in GOLDEN.glob("*.toml")
              if "case" in tomllib.loads(path.read_text("utf-8"))}  # fmt: skip
    assert golden == set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_a_profile_can_be_used_as_it_stands(model: str) -> None:
    device = find_profile(model).device("d", str(UNIT))
    assert list(DRIVER.check(device)) == []


@pytest.mark.parametrize("model", MODELS)
def test_a_profile_names_a_document_and_quotes_it(model: str) -> None:
    sources = find_profile(model).sources
    assert sources
    for source in sources:
        assert source.url.startswith("https://")
        assert len(source.rows) >= 2
        assert all(row.strip() for row in source.rows)


def test_profiles_that_have_a_second_source_agree_with_it_where_it_speaks_of_their_points() -> None:
    """The parser refuses a profile that differs; here is counted that they are not empty words."""
    known = list(load_profiles())
    twice = [model for model in known if len(model.sources) > 1]
    urls = [[source.url for source in model.sources] for model in twice]
    assert all(len(set(each)) == len(each) for each in urls)
    said = {model.id: len(model.sources[-1].says) for model in twice}
    assert all(said.values()), said
    print(
        f"{len(twice)} of {len(known)} profiles have two sources; "
        f"the second speaks of {sum(said.values())} of {sum(len(m.point) for m in twice)} points"
    )
    assert len(twice) >= TWICE_MIN


def test_a_profile_that_differs_from_a_source_is_refused() -> None:
    text = (profile_folder() / "chint-dtsu666.toml").read_text("utf-8")
    head, _, tail = text.rpartition("address = 8198")
    wrong = f"{head}address = 8192{tail}"  # line-to-line, as it once was
    with pytest.raises(BadProfile) as error:
        drivers.profile.parse_profile(wrong, "x")
    (fault,) = error.value.data["mistakes"]
    assert (fault.code, fault.data["point"], fault.data["field"]) == (
        "profile.differs", "voltage-a", "address",
    )  # fmt: skip
    assert (fault.data["ours"], fault.data["theirs"]) == (8192, 8198)


def test_enough_models_are_sourced() -> None:
    assert len([model for model in MODELS if not find_profile(model).unverified]) >= 14
    assert [model for model in MODELS if find_profile(model).unverified] == ["dynaflox-ultrad"]


def test_an_unknown_model_is_named_with_those_that_there_are() -> None:
    for name in ("no-such", "../eastron-sdm630", ""):
        with pytest.raises(BadProfile) as error:
            find_profile(name)
        assert error.value.code == "profile.missing"
        assert error.value.data["known"] == profile_ids()


def test_the_files_are_in_the_checkout() -> None:
    assert profile_folder() == Path(drivers.profile.__file__).parents[1] / "config" / "devices"


@pytest.mark.parametrize("model", MODELS)
def test_a_played_meter_says_what_the_driver_reads(model: str) -> None:
    """Whole blocks this time: our encoder and their decoder agree on every type."""
    meter = EmulatedModbusDevice(find_profile(model), UNIT, seed=3)
    device = meter.profile.device("d", str(UNIT))

    async def twice() -> tuple[dict, dict]:
        plan = DRIVER.plan(device, device.points, WireCost())
        wire = Rs485Line([meter.slave])
        first = await ask(wire, plan, meter.slave.line)
        await asyncio.sleep(3600)
        return first, await ask(wire, plan, meter.slave.line)

    first, second = run(twice())
    assert set(first) == set(meter.points)
    for name, point in meter.points.items():
        assert first[name].quality is second[name].quality is Quality.GOOD, name
        if point.counter:
            assert second[name].value >= first[name].value, name
    moved = [name for name in first if first[name].value != second[name].value]
    measured = [point for point in meter.points.values() if point.type not in {"bool", "bits"}]
    assert not measured or moved


def test_a_value_set_by_hand_is_what_is_read_until_it_is_let_go() -> None:
    meter = EmulatedModbusDevice(find_profile("eastron-sdm630"), UNIT)
    device = meter.profile.device("d", str(UNIT))
    meter.set_value("power-w", 1800)
    assert read(meter.slave, device)["power-w"].value == 1800
    meter.set_value("power-w", None)
    assert read(meter.slave, device)["power-w"].value != 1800
    with pytest.raises(KeyError):
        meter.set_value("no-such", 1)
    with pytest.raises(ValueError, match="current-a"):
        EmulatedModbusDevice(find_profile("acrel-adw300"), UNIT).set_value("current-a", 1e6)


def test_what_the_master_writes_stays() -> None:
    meter = EmulatedModbusDevice(find_profile("waveshare-modbus-rtu-io-8ch"), UNIT)
    device = meter.profile.device("d", str(UNIT))
    plan = DRIVER.write(device, device.point("output-3"), True, WireCost())

    async def write_and_read() -> dict:
        wire = Rs485Line([meter.slave])
        await ask(wire, [plan.write], meter.slave.line)
        await asyncio.sleep(60)
        return await ask(wire, DRIVER.plan(device, device.points, WireCost()), meter.slave.line)

    samples = run(write_and_read())
    assert [samples[f"output-{n}"].value for n in range(1, 9)] == [n == 3 for n in range(1, 9)]


def test_a_stuck_meter_stands_still() -> None:
    meter = EmulatedModbusDevice(find_profile("eastron-sdm630"), UNIT)
    device = meter.profile.device("d", str(UNIT))
    meter.slave.faults.stuck = True

    async def twice() -> list[dict]:
        wire = Rs485Line([meter.slave])
        plan = DRIVER.plan(device, device.points, WireCost())
        first = await ask(wire, plan, meter.slave.line)
        await asyncio.sleep(3600)
        return [first, await ask(wire, plan, meter.slave.line)]

    first, second = run(twice())
    assert {name: sample.value for name, sample in first.items()} == {
        name: sample.value for name, sample in second.items()
    }


def test_the_page_of_models_is_what_the_profiles_say() -> None:
    written = DOC.read_text("utf-8")
    assert written == devices_doc(load_profiles()), "run: python -m tests.drivers.devices_doc"
