"""Every listening family, on messages that are whole, cut, mixed and forged.

Families are found by folder; each offers `conformance_messages()`.
"""

import asyncio
import random

import pytest

from drivers.contract import Device, DeviceFault, DeviceState, PollResult, Quality
from drivers.family import ListeningDriver, Shape
from drivers.inlets.contract import MessageOutcome
from drivers.message import DeviceMessage, HttpPath, TcpPort
from drivers.runners.listening_bus import ListeningBus
from gateway.intake.storage_answer import StorageAnswer
from tests.conformance.shapes import conformance_of, driver_of, families_of
from tests.sim.loop import simulated

LISTENING = families_of(Shape.LISTENING)
ROUNDS = 400


class Journal:
    """A sink that decides when the test says so."""

    def __init__(self) -> None:
        self.polls: list[PollResult] = []
        self.answer = True
        self.decides = asyncio.Event()
        self.decides.set()

    def take(self, poll: PollResult):
        self.polls.append(poll)
        return StorageAnswer(taken=True).and_then(self._decided)

    async def _decided(self) -> bool:
        await self.decides.wait()
        return self.answer

    def values(self) -> dict[str, dict[str, object]]:
        return {p.device: {r.point: r.value for r in p.readings} for p in self.polls}


class NoInlet:
    """An inlet that is open and brings nothing by itself."""

    async def serve(self, on_message, on_open) -> None:
        on_open()
        await asyncio.get_running_loop().create_future()


class Heard:
    """A bus of the family's devices, and what came out of it."""

    def __init__(self, family: str) -> None:
        self.driver = driver_of(family)
        self.spoken = conformance_of(family).conformance_messages()
        devices: dict[str, Device] = {each.device.id: each.device for each in self.spoken}
        self.journal = Journal()
        self.changes: list[object] = []
        self.faults: list[tuple[str, BaseException]] = []
        self.bus = ListeningBus(
            "in", NoInlet(), [(d, self.driver) for d in devices.values()],
            self.journal.take, self.changes.append,
            on_fault=lambda where, error: self.faults.append((where, error)),
        )  # fmt: skip


def mutated(message: DeviceMessage, chance: random.Random) -> DeviceMessage:
    body = bytearray(message.body)
    for _ in range(chance.randint(1, 4)):
        match chance.choice(("flip", "cut", "grow", "swap")):
            case "flip" if body:
                body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
            case "cut":
                del body[chance.randrange(len(body) + 1) :]
            case "grow":
                body += chance.randbytes(chance.randint(1, 40))
            case _:
                body = bytearray(chance.randbytes(len(body)))
    return DeviceMessage(
        body=bytes(body), source=message.source, topic=message.topic, type=message.type
    )


@pytest.mark.parametrize("family", LISTENING)
def test_it_declares_an_inlet_and_no_more(family) -> None:
    driver = driver_of(family)
    assert isinstance(driver.inlet, HttpPath | TcpPort)
    assert not any(hasattr(driver, name) for name in ("plan", "measure", "act"))


@pytest.mark.parametrize("family", LISTENING)
@simulated
async def test_each_message_is_its_devices_and_confirmed_once_it_is_stored(family) -> None:
    heard = Heard(family)
    for spoken in heard.spoken:
        heard.journal.polls.clear()
        receipt = await heard.bus.handle_message(spoken.message)
        assert receipt == (MessageOutcome.STORED, spoken.confirmation)
        told = {spoken.device.id: spoken.values} if spoken.values else {}
        assert heard.journal.values() == told
        assert all(r.quality is Quality.GOOD for p in heard.journal.polls for r in p.readings)
    assert heard.faults == []


@pytest.mark.parametrize("family", LISTENING)
@simulated
async def test_nothing_is_confirmed_before_the_commit_nor_after_a_refusal(family) -> None:
    heard = Heard(family)
    spoken = next(each for each in heard.spoken if each.values)
    heard.journal.decides.clear()
    waiting = asyncio.create_task(heard.bus.handle_message(spoken.message))
    await asyncio.sleep(5)
    assert not waiting.done()
    heard.journal.answer = False
    heard.journal.decides.set()
    receipt = await waiting
    assert receipt.verdict is MessageOutcome.REFUSED
    assert receipt.reply != spoken.confirmation or receipt.reply is None
    heard.journal.decides.clear()
    assert (
        await heard.bus.handle_message(spoken.message)
    ).verdict is MessageOutcome.REFUSED  # it takes too long


@pytest.mark.parametrize("family", LISTENING)
@simulated
async def test_garbage_is_no_reading_no_crash_and_no_confirmation(family) -> None:
    heard = Heard(family)
    chance = random.Random(17)
    for _ in range(ROUNDS):
        spoken = chance.choice(heard.spoken)
        receipt = await heard.bus.handle_message(mutated(spoken.message, chance))
        if receipt.verdict in {MessageOutcome.GARBLED, MessageOutcome.UNKNOWN}:
            assert receipt.reply is None or receipt.reply != spoken.confirmation
    assert heard.faults == [], "a codec raised something else than a DeviceFault"
    known = {each.device.id: {point.id for point in each.device.points} for each in heard.spoken}
    for poll in heard.journal.polls:
        assert {reading.point for reading in poll.readings} <= known[poll.device]
    assert heard.bus.stats.transactions + heard.bus.strangers < ROUNDS + 1


@pytest.mark.parametrize("family", LISTENING)
@simulated
async def test_three_garbled_messages_are_a_faulty_device_and_one_good_one_heals_it(family) -> None:
    heard = Heard(family)
    chance = random.Random(3)
    spoken = next(each for each in heard.spoken if each.values)
    garbled = 0
    while garbled < 3:
        worse = mutated(spoken.message, chance)
        try:
            if heard.driver.identify(worse) != spoken.device.address:
                continue
            heard.driver.decode(spoken.device, worse)
        except DeviceFault:
            await heard.bus.handle_message(worse)
            garbled += 1
    assert heard.bus.stats.devices[spoken.device.id].state is DeviceState.FAULTY
    await heard.bus.handle_message(spoken.message)
    states = [change.state for change in heard.changes]
    assert states[-2:] == [DeviceState.FAULTY, DeviceState.OK]


@pytest.mark.parametrize("family", LISTENING)
@simulated
async def test_silence_is_said_once_and_a_word_ends_it(family) -> None:
    heard = Heard(family)
    spoken = next(each for each in heard.spoken if each.values)
    running = asyncio.create_task(heard.bus.run())
    await asyncio.sleep(1)
    await heard.bus.handle_message(spoken.message)
    await asyncio.sleep(10 * spoken.device.every_s)
    mine = [c for c in heard.changes if getattr(c, "device", None) == spoken.device.id]
    assert [change.state for change in mine] == [DeviceState.OK, DeviceState.SILENT]
    last = [p for p in heard.journal.polls if p.device == spoken.device.id][-1]
    assert {reading.value for reading in last.readings} == {None}
    await heard.bus.handle_message(spoken.message)
    assert heard.bus.stats.devices[spoken.device.id].state is DeviceState.OK
    running.cancel()


TCP = [family for family in LISTENING if isinstance(driver_of(family).inlet, TcpPort)]


@pytest.mark.parametrize("family", TCP)
def test_frames_are_found_in_any_split_and_behind_any_garbage(family) -> None:
    driver: ListeningDriver = driver_of(family)
    need = driver.inlet
    assert isinstance(need, TcpPort)
    chance = random.Random(5)
    bodies = [each.message.body for each in conformance_of(family).conformance_messages()]
    for _ in range(ROUNDS):
        noise = chance.randbytes(chance.randrange(8))
        sent = noise + chance.choice(bodies)
        for end in range(len(sent) + 1):
            found = need.find(sent[:end], final=False)
            if found is not None:
                assert need.find(sent, final=False) == found
                break
        place = need.find(sent, final=True)
        assert place is not None
        assert len(sent[slice(*place)]) <= need.frame_max
