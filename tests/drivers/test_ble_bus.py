"""The bus in the air, in virtual time: news, repeats, silence, and a radio that comes and goes."""

import asyncio
from collections.abc import Sequence
from itertools import count

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from drivers.ble.advert_interval import AdvertInterval
from drivers.ble.bus import BleBus
from drivers.ble.emulator.messages import (
    SensorTurn,
    encode_bthome,
    encode_eddystone,
    encode_ibeacon,
    encode_mibeacon,
)
from drivers.ble.options import BleBusOptions, BleDeviceOptions
from drivers.ble.scanner import Advert
from drivers.contract import (
    BusChange,
    BusState,
    Device,
    DeviceChange,
    DeviceState,
    LineDown,
    LineLost,
    NotWritable,
    Point,
    PollResult,
    Quality,
)
from tests.sim.loop import run

MAC = "A4:C1:38:8D:18:B2"
KEY = bytes(range(16))
CLIMATE = (
    Point(id="temperature", kind="bthome", address="temperature", unit="Cel", decimals=1),
    Point(id="humidity", kind="bthome", address="humidity", unit="%"),
)
DOOR = (Point(id="door", kind="bthome", address="door", type="bool"),)


class Radio:
    """A scanner that is told what it hears; `trouble` is raised once each, in order."""

    def __init__(self) -> None:
        self.starts = 0
        self.stops = 0
        self.listening = False
        self.trouble: list[LineDown | None] = []
        self.lost: LineDown | None = None
        self._heard = None

    async def start(self, heard) -> None:
        self.starts += 1
        trouble = self.trouble.pop(0) if self.trouble else None
        if trouble is not None:
            raise trouble
        self._heard = heard
        self.listening = True

    async def check(self) -> None:
        if self.lost is not None:
            raise self.lost

    async def stop(self) -> None:
        self.stops += 1
        self.listening = False

    def hear(self, said, address: str = MAC, rssi: int = -60) -> None:
        assert self.listening
        self._heard(Advert(address, rssi, said.service_data, said.maker_data))


class Story:
    """A bus with its radio, and everything that it said."""

    def __init__(self, devices: Sequence[Device], **options) -> None:
        self.radio = Radio()
        self.results: list[PollResult] = []
        self.changes: list[BusChange | DeviceChange] = []
        self.bus = BleBus(
            "air",
            BleBusOptions(**options),
            devices,
            self.results.append,
            self.changes.append,
            scanner=self.radio,
        )
        self._numbers = count(1)

    def says(self, key: bytes | None = None, number: int | None = None, **values) -> None:
        """A BTHome sensor speaks, with the next packet number unless another is given."""
        number = next(self._numbers) if number is None else number
        self.radio.hear(
            encode_bthome(SensorTurn(number, values, bytes.fromhex(MAC.replace(":", "")), key))
        )

    def told(self) -> list[tuple[str, str | None]]:
        return [
            (
                getattr(each, "device", None) or each.bus,
                f"{each.state.value} {each.code or ''}".strip(),
            )
            for each in self.changes
        ]

    def values(self) -> list[dict]:
        return [{each.point: each.value for each in result.readings} for result in self.results]

    def qualities(self) -> list[set[Quality]]:
        return [{each.quality for each in result.readings} for result in self.results]


def sensor(points=CLIMATE, *, every_s: float = 20.0, address: str = MAC, **options) -> Device:
    return Device(
        id="hall", family="ble", address=address, points=points, every_s=every_s,
        options=BleDeviceOptions(**options),
    )  # fmt: skip


def play(story: Story, script) -> Story:
    """Run the bus beside a script of what happens, in virtual time."""

    async def both() -> None:
        task = asyncio.create_task(story.bus.run())
        await asyncio.sleep(0)
        try:
            await script(story)
            assert not task.done(), task.exception()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    run(both())
    assert not story.radio.listening
    return story


def test_what_a_sensor_says_is_handed_on_once_however_often_it_repeats_it() -> None:
    async def script(story: Story) -> None:
        for number, temperature in enumerate((21.46, 21.52), 1):
            for _ in range(5):
                story.says(number=number, temperature=temperature, humidity=40)
                await asyncio.sleep(0.3)

    story = play(Story([sensor()]), script)
    assert story.values() == [
        {"temperature": 21.5, "humidity": 40},
        {"temperature": 21.5, "humidity": 40},
    ]
    assert story.told() == [("air", "up"), ("hall", "ok")]
    assert story.bus.stats.transactions == 10
    assert story.bus.stats.devices["hall"].polls == 2


def test_a_sealed_message_repeated_under_a_new_counter_is_still_one_message() -> None:
    async def script(story: Story) -> None:
        plain = bytes([0x00, 7]) + b"\x3a\x01"
        for counter in (900, 901, 902):
            count4 = counter.to_bytes(4, "little")
            nonce = bytes.fromhex(MAC.replace(":", "")) + b"\xd2\xfc\x41" + count4
            sealed = AESCCM(KEY, tag_length=4).encrypt(nonce, plain, None)
            data = b"\x41" + sealed[:-4] + count4 + sealed[-4:]
            story.radio._heard(Advert(MAC, -60, {"0000fcd2-0000-1000-8000-00805f9b34fb": data}, {}))
            await asyncio.sleep(0.1)

    button = (Point(id="button", kind="bthome", address="button", type="string"),)
    story = play(Story([sensor(button, bind_key=KEY.hex())]), script)
    assert story.values() == [{"button": "press"}]


def test_a_beacon_without_numbers_is_heard_anew_every_four_seconds() -> None:
    said = encode_ibeacon(
        SensorTurn(
            0, {"uuid": "fda50693-a4e2-4fb1-afcf-c6eb07647825", "major": 1, "minor": 2}, b"", None
        )
    )

    async def script(story: Story) -> None:
        for _ in range(100):  # ten a second for ten seconds
            story.radio.hear(said)
            await asyncio.sleep(0.1)

    minor = (Point(id="minor", kind="ibeacon", address="minor"),)
    story = play(Story([sensor(minor)]), script)
    assert story.values() == [{"minor": 2}] * 3


def test_a_silent_sensor_goes_stale_after_three_intervals_and_never_repeats_its_value() -> None:
    async def script(story: Story) -> None:
        for _ in range(10):
            story.says(temperature=21, humidity=40)
            await asyncio.sleep(20)
        story.results.clear()
        await asyncio.sleep(38)
        assert story.results == []
        await asyncio.sleep(4)
        assert story.values() == [{"temperature": None, "humidity": None}]
        assert story.qualities() == [{Quality.STALE}]
        await asyncio.sleep(10_000)
        assert len(story.results) == 1, "said once"
        story.says(temperature=22, humidity=41)

    story = play(Story([sensor()], watchdog_s=36_000), script)
    assert story.values()[-1] == {"temperature": 22, "humidity": 41}
    assert story.told() == [
        ("air", "up"), ("hall", "ok"), ("hall", "silent ble.silent"), ("hall", "ok"),
    ]  # fmt: skip


def test_a_lively_sensor_is_missed_after_three_of_its_own_intervals() -> None:
    async def script(story: Story) -> None:
        for _ in range(12):
            story.says(temperature=21)
            await asyncio.sleep(15)
        story.results.clear()
        await asyncio.sleep(32)

    story = play(Story([sensor(every_s=600)], watchdog_s=36_000), script)
    assert story.qualities() == [{Quality.STALE}]


def test_a_door_may_be_quiet_all_night_after_a_busy_morning() -> None:
    async def script(story: Story) -> None:
        for turn in range(12):
            story.says(door=bool(turn % 2))
            await asyncio.sleep(5)
        story.results.clear()
        await asyncio.sleep(3 * 3600 - 10)
        assert story.results == []
        await asyncio.sleep(15)

    story = play(Story([sensor(DOOR, every_s=3600)], watchdog_s=36_000), script)
    assert story.qualities() == [{Quality.STALE}]


def test_a_point_with_a_rhythm_of_its_own_goes_stale_alone() -> None:
    points = (
        CLIMATE[0],
        Point(id="battery", kind="bthome", address="battery", unit="%", every_s=30),
    )

    async def script(story: Story) -> None:
        story.says(temperature=21, battery=90)
        for _ in range(12):
            await asyncio.sleep(10)
            story.says(temperature=21)

    story = play(Story([sensor(points)]), script)
    stale = [values for values, quality in zip(story.values(), story.qualities(), strict=True)
             if quality == {Quality.STALE}]  # fmt: skip
    assert stale == [{"battery": None}]
    assert story.told() == [("air", "up"), ("hall", "ok")]


def test_a_sensor_that_is_never_heard_is_silent_in_the_end() -> None:
    async def script(story: Story) -> None:
        for _ in range(70):
            await asyncio.sleep(1)
            story.radio.hear(
                encode_bthome(SensorTurn(1, {"battery": 1}, bytes(6), None)), "11:22:33:44:55:66"
            )

    story = play(Story([sensor()]), script)
    assert story.told() == [("air", "up"), ("hall", "silent ble.silent")]
    assert story.bus.air.strangers == 70


@pytest.mark.parametrize(
    ("key", "spoken_with", "code"),
    [
        (KEY, KEY[::-1], "ble.wrong-key"),
        (KEY, None, "ble.not-encrypted"),
        (None, KEY, "ble.no-key"),
    ],
)
def test_what_cannot_be_opened_is_a_fault_after_three_messages(key, spoken_with, code) -> None:
    async def script(story: Story) -> None:
        for _ in range(6):
            story.says(spoken_with, temperature=21)
            await asyncio.sleep(5)
        story.says(key, temperature=22)

    options = {} if key is None else {"bind_key": key.hex()}
    story = play(Story([sensor(**options)]), script)
    assert story.told() == [("air", "up"), ("hall", f"faulty {code}"), ("hall", "ok")]
    assert story.values() == [{"temperature": None, "humidity": None}, {"temperature": 22}]
    assert story.qualities()[0] == {Quality.CRC}
    assert story.bus.stats.errors == 6


def test_a_recorded_message_is_not_believed_and_a_new_battery_is() -> None:
    async def script(story: Story) -> None:
        for number in (5000, 5001, 5002):
            story.says(KEY, number=number, temperature=21)
            await asyncio.sleep(10)
        for _ in range(3):
            story.says(KEY, number=5001, temperature=30)  # sealed anew: only a thief could
            story.says(KEY, number=5000, temperature=21)
            await asyncio.sleep(61)

    story = play(Story([sensor(bind_key=KEY.hex(), every_s=600)], watchdog_s=36_000), script)
    assert [values["temperature"] for values in story.values()] == [21, 21, 21, None]
    assert story.told()[-1] == ("hall", "faulty ble.replayed")

    async def new_battery(story: Story) -> None:
        for number in (5000, 1, 2):
            story.says(KEY, number=number, temperature=20 + number / 1000)
            await asyncio.sleep(10)

    story = play(Story([sensor(bind_key=KEY.hex(), every_s=600)]), new_battery)
    assert [values["temperature"] for values in story.values()] == [25.0, 20.0, 20.0]


def test_a_counter_that_starts_anywhere_is_believed_after_the_sensor_was_missed() -> None:
    async def script(story: Story) -> None:
        story.says(KEY, number=5000, temperature=21)
        await asyncio.sleep(70)
        story.says(KEY, number=3000, temperature=22)

    story = play(Story([sensor(bind_key=KEY.hex())], watchdog_s=36_000), script)
    assert story.told() == [
        ("air", "up"), ("hall", "ok"), ("hall", "silent ble.silent"), ("hall", "ok"),
    ]  # fmt: skip


def test_a_button_is_let_go_and_a_new_press_is_news() -> None:
    button = Point(
        id="button", kind="bthome", address="button", type="string",
        extra={"rests": "none", "after_s": 2},
    )  # fmt: skip

    async def script(story: Story) -> None:
        for number in (1, 2):
            for _ in range(4):
                story.says(number=number, button="press")
                await asyncio.sleep(0.2)
            await asyncio.sleep(5)

    story = play(Story([sensor((button,), every_s=3600)]), script)
    assert [values["button"] for values in story.values()] == ["press", "none"] * 2
    assert story.qualities() == [{Quality.GOOD}, {Quality.SUBSTITUTED}] * 2


def test_a_lost_radio_is_said_once_and_its_sensors_are_not_called_silent() -> None:
    async def script(story: Story) -> None:
        story.says(temperature=21)
        await asyncio.sleep(1)
        story.radio.lost = LineLost("ble.off")
        story.radio.trouble = [LineLost("ble.off")] * 8
        await asyncio.sleep(300)
        story.radio.lost = None
        story.radio.trouble.clear()
        await asyncio.sleep(61)
        story.says(temperature=22)
        await asyncio.sleep(1)

    story = play(Story([sensor(every_s=30)]), script)
    assert story.told() == [("air", "up"), ("hall", "ok"), ("air", "down ble.off"), ("air", "up")]
    assert story.values() == [
        {"temperature": 21},
        {"temperature": None, "humidity": None},
        {"temperature": 22},
    ]
    assert story.radio.starts < 15, "the pauses grow"


def test_a_sensor_that_is_gone_when_the_radio_is_back_is_silent_then() -> None:
    async def script(story: Story) -> None:
        story.says(temperature=21)
        await asyncio.sleep(1)
        story.radio.lost = LineLost("ble.off")
        await asyncio.sleep(120)
        story.radio.lost = None
        for _ in range(100):
            await asyncio.sleep(2)
            if story.radio.listening:
                story.radio.hear(
                    encode_bthome(SensorTurn(1, {"battery": 1}, bytes(6), None)), "AA" + MAC[2:]
                )

    story = play(Story([sensor()]), script)
    assert story.told()[-1] == ("hall", "silent ble.silent")
    assert story.told().count(("air", "down ble.off")) == 1


def test_a_radio_that_never_was_there_is_asked_again_and_again() -> None:
    async def script(story: Story) -> None:
        story.radio.trouble = [LineLost("ble.no-adapter")] * 4
        await asyncio.sleep(40)

    story = Story([sensor()])
    story.radio.trouble = [LineLost("ble.no-adapter")]
    play(story, script)
    assert story.told() == [("air", "down ble.no-adapter"), ("air", "up")]
    assert story.radio.starts == story.radio.stops == 6


def test_a_scanner_that_hears_nothing_is_started_again_and_then_counts_as_broken() -> None:
    async def script(story: Story) -> None:
        await asyncio.sleep(125)
        assert story.bus.air.restarts == 2
        assert story.told() == [("air", "up")]
        await asyncio.sleep(200)
        assert story.told() == [("air", "up"), ("air", "down ble.deaf")]
        story.radio.hear(
            encode_bthome(SensorTurn(1, {"battery": 1}, bytes(6), None)), "11:22:33:44:55:66"
        )

    story = play(Story([sensor(every_s=3600)], watchdog_s=60), script)
    assert story.told() == [("air", "up"), ("air", "down ble.deaf"), ("air", "up")]
    assert story.changes[1].data["silent_s"] == 180


def test_somebody_may_start_the_scan_again() -> None:
    async def script(story: Story) -> None:
        await asyncio.sleep(3)
        story.bus.restart()
        await asyncio.sleep(3)
        assert story.radio.starts == 2
        story.radio.lost = LineLost("ble.off")
        await asyncio.sleep(10)
        story.radio.lost = None
        story.bus.restart()
        await asyncio.sleep(0.1)
        assert story.bus.stats.state is BusState.UP

    story = play(Story([sensor()]), script)
    assert story.told() == [("air", "up"), ("air", "down ble.off"), ("air", "up")]


def test_beacons_may_go_by_what_they_call_themselves() -> None:
    values = {
        "namespace": "edd1ebeac04e5defa017", "instance": "ebb1cb1c7cc1",
        "voltage": 2.9, "temperature": 20.5,
    }  # fmt: skip
    points = (
        Point(id="voltage", kind="eddystone", address="voltage", unit="V", decimals=1),
        Point(id="rssi", kind="radio", address="rssi", unit="dB[mW]"),
    )

    async def script(story: Story) -> None:
        telemetry, identity = (
            encode_eddystone(SensorTurn(number, values, b"", None)) for number in (1, 2)
        )
        story.radio.hear(telemetry, "7A:00:00:00:00:01", -70)
        story.radio.hear(identity, "7A:00:00:00:00:01", -71)
        story.radio.hear(telemetry, "7A:00:00:00:00:01", -72)
        story.radio.hear(telemetry, "7A:00:00:00:00:02", -73)
        for number in range(100):
            story.radio.hear(identity, f"7B:00:00:00:00:{number:02X}", -74)

    address = "eddystone/edd1ebeac04e5defa017/ebb1cb1c7cc1"
    story = play(Story([sensor(points, address=address)]), script)
    assert story.bus.air.strangers == 2
    assert story.values()[:2] == [{"rssi": -71}, {"voltage": 2.9, "rssi": -72}]
    assert len(story.bus._ears._aliases) == 64


def test_a_mibeacon_sensor_speaks_of_one_thing_at_a_time() -> None:
    points = tuple(
        Point(id=what, kind="mibeacon", address=what, unit=unit, decimals=decimals)
        for what, unit, decimals in [("temperature", "Cel", 1), ("humidity", "%", 0)]
    )

    async def script(story: Story) -> None:
        for number in range(4):
            mac = bytes.fromhex(MAC.replace(":", ""))
            turn = SensorTurn(number, {"temperature": 5.25, "humidity": 47.6}, mac, KEY)
            story.radio.hear(encode_mibeacon(turn, 0x055B))
            await asyncio.sleep(1)

    story = play(Story([sensor(points, bind_key=KEY.hex())]), script)
    assert story.values() == [{"temperature": 5.2}, {"humidity": 48}] * 2


def test_a_sensor_without_its_key_is_said_at_once_and_the_others_are_heard(tmp_path) -> None:
    other = Device(id="other", family="ble", address="A4:C1:38:8D:18:B3", points=CLIMATE)
    twin = Device(id="twin", family="ble", address="A4:C1:38:8D:18:B3", points=CLIMATE)

    async def script(story: Story) -> None:
        story.radio.hear(
            encode_bthome(SensorTurn(1, {"temperature": 21}, bytes(6), None)), other.address
        )

    story = play(Story([sensor(credential="hall-key"), other, twin], keys=str(tmp_path)), script)
    assert story.told() == [
        ("hall", "faulty ble.key-missing"),
        ("twin", "faulty ble.same-address"),
        ("air", "up"),
        ("other", "ok"),
    ]
    (tmp_path / "hall-key").write_text(KEY.hex() + "\n")
    (tmp_path / "hall-key").chmod(0o600)

    async def sealed(story: Story) -> None:
        story.says(KEY, temperature=21)

    story = play(Story([sensor(credential="hall-key")], keys=str(tmp_path)), sealed)
    assert story.told() == [("air", "up"), ("hall", "ok")]


def test_a_sensor_cannot_be_written_to() -> None:
    async def script(story: Story) -> None:
        with pytest.raises(NotWritable):
            await story.bus.write("hall", "temperature", 20)

    play(Story([sensor()]), script)


def test_a_counter_that_goes_backwards_is_not_good() -> None:
    water = (Point(id="water", kind="bthome", address="water", unit="L", decimals=1, counter=True),)

    async def script(story: Story) -> None:
        for litres in (100.5, 100.6, 100.8, 90.0, 100.9):  # a sensor cannot be asked again
            story.says(water=litres)
            await asyncio.sleep(5)

    story = play(Story([sensor(water)]), script)
    assert [quality.pop() for quality in story.qualities()] == [
        Quality.OUT_OF_RANGE, Quality.GOOD, Quality.GOOD, Quality.OUT_OF_RANGE, Quality.GOOD,
    ]  # fmt: skip


def test_ten_thousand_strangers_leave_no_trace() -> None:
    async def script(story: Story) -> None:
        said = encode_bthome(SensorTurn(1, {"battery": 1}, bytes(6), None))
        for number in range(10_000):
            story.radio.hear(said, f"7A:00:00:00:{number >> 8:02X}:{number & 255:02X}")

    story = play(Story([sensor()]), script)
    assert story.bus.air.strangers == 10_000
    assert len(story.bus._ears._by_address) == 1
    assert len(story.bus._ears._aliases) == 0


def test_a_sensor_keeps_eight_messages_whatever_it_says() -> None:
    async def script(story: Story) -> None:
        for number in range(200):
            story.says(number=number, temperature=number / 10)
            await asyncio.sleep(0.1)

    story = play(Story([sensor()]), script)
    (known,) = story.bus._ears.sensors
    assert len(known._memory._told) == 8
    assert len(story.results) == 200


def test_the_rhythm_is_the_longest_of_the_last_gaps_and_never_slower_than_declared() -> None:
    rhythm = AdvertInterval(600, eventful=False)
    for now_s in (0, 60, 100, 160, 200, 260, 300, 330):
        rhythm.record_message(now_s)
    assert rhythm.usual_s == 600, "seven gaps are too few"
    rhythm.record_message(400)
    assert rhythm.usual_s == 70
    rhythm.skip_gap()
    rhythm.record_message(90_000)
    assert rhythm.usual_s == 70, "a silence says nothing of the rhythm"
    for step in range(8):
        rhythm.record_message(90_001 + step)
    assert rhythm.usual_s == 10, "adverts are lost in crowds"
    assert rhythm.silent_after_s == 30


def test_nobody_hears_of_a_state_that_only_we_caused() -> None:
    story = Story([sensor()])
    assert story.bus.stats.devices["hall"].state is DeviceState.WAIT
    assert story.bus.stats.state is BusState.WAIT
    assert story.bus.stats.wire is None


def test_a_message_that_a_codec_breaks_on_costs_itself_and_no_other_sensor(monkeypatch) -> None:
    faults: list[str] = []
    other = msgspec.structs.replace(sensor(address="A4:C1:38:8D:18:B3"), id="yard")
    made = Story([sensor(), other])
    made.bus._on_fault = lambda where, error: faults.append(f"{where} {type(error).__name__}")
    ill = next(each for each in made.bus._ears.sensors if each.device.id == "hall")

    def broken(*_given, **_more):
        raise KeyError("x")

    async def script(story: Story) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(ill, "receive_message", broken)
            patched.setattr(ill, "check_silence", broken)
            story.says(temperature=21.5, humidity=40)
            said = encode_bthome(
                SensorTurn(1, {"temperature": 5.0, "humidity": 50}, bytes(6), None)
            )
            story.radio.hear(said, "A4:C1:38:8D:18:B3")
            await asyncio.sleep(2.5)
        story.says(temperature=22.0, humidity=41)

    story = play(made, script)
    said = [
        (each.device, values) for each, values in zip(story.results, story.values(), strict=True)
    ]
    assert said[1:] == [
        ("yard", {"temperature": 5.0, "humidity": 50}),
        ("hall", {"temperature": 22.0, "humidity": 41}),
    ]
    assert set(said[0][1].values()) == {None}
    assert set(faults) == {"bus.air KeyError"}
    assert ("hall", "faulty bus.fault") in story.told()
