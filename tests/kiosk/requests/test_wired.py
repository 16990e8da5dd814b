"""The real station beside no browser: an emulated contact on its line, and a platform's word."""

import asyncio
import json
from typing import Any

import pytest

from drivers.emulate.field import (
    EmulatedBusSpec,
    EmulatedField,
    EmulatedFieldSpec,
    EmulatedMeterSpec,
)
from drivers.profiles import find_profile
from gateway.demo.platform.app import Platform
from gateway.demo.platform.command_issuer import CommandForm
from tests.kiosk.requests.station_process import House, house
from tests.ports import free_port

pytestmark = pytest.mark.slow

WIRED = """
[bus.box]
kind = "modbus-tcp"
address = "127.0.0.1:{box}"
[device.di]
name = "大厅干接点"
profile = "generic-di8"
bus = "box"
address = "1"
place = "hall"
every_s = 0.1
inputs.1 = {{ is = "key", id = "ride-key", name = "叫车键", place = "hall" }}
inputs.2 = {{ is = "key", id = "staff-key", name = "找人键", place = "hall" }}
inputs.3 = {{ is = "leak", id = "leak", name = "大厅漏水", place = "hall", hold_s = 0 }}
[rule.leak]
use = "contact-active"
on = ["di.leak"]
[linkage.leak]
when = "leak"
do = [{{ request = "repair" }}]
[upstream.district]
kind = "http"
url = "{platform}"
command_key = "{key}"
"""
KEYS = {
    'zone = "hall"\nplace = "hall"': 'zone = "hall"\nplace = "hall"\n'
    'keys = { 1 = "di.ride-key", 0 = "di.staff-key" }',
    'dispatch = ["dispatcher", "desk"]': 'dispatch = ["platform", "desk"]',
    "dispatcher = {": "# ",
    "accept_within_s = 4": "accept_within_s = 20",
}


async def requests(made: House, family: str, count: int) -> list[Any]:
    """So many of that family, once there are."""
    async with asyncio.timeout(60):
        while True:
            listed = await made.call("GET", "/api/v1/requests")
            found = [one for one in listed if one["family"] == family]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.1)


async def ordered(platform: Platform, kind: str, manner: str = "signed", **data: Any) -> Any:
    """What became of a command: its state, and its reason or its detail."""
    issued = platform.orders.issue(CommandForm("under-test", kind, data, manner=manner))
    async with asyncio.timeout(60):
        while True:
            found = platform.store.find(issued)
            if found is not None and found.state in {"done", "failed", "refused"}:
                detail = json.loads(found.detail) if found.detail else None
                return found.state, found.reason or detail
            await asyncio.sleep(0.1)


async def test_keys_a_contact_and_a_platform_move_requests_while_no_browser_lives(tmp_path):
    box = free_port()
    field = EmulatedField.from_spec(
        EmulatedFieldSpec(
            bus={"box": EmulatedBusSpec(kind="modbus-tcp", port=box)},
            meter={"di": EmulatedMeterSpec(profile="generic-di8", bus="box", unit=1)},
        ),
        find_profile,
    )
    platform = Platform(tmp_path / "platform")
    await platform.start("127.0.0.1", 0)
    await field.start()
    extra = WIRED.format(box=box, platform=platform.url, key=platform.hand.signer.public)
    try:
        async with house(tmp_path, extra, KEYS) as made:
            await wired_keys(made, field)
            (ride,) = await requests(made, "ride", 1)
            await the_platforms_word_on_a_ride(made, platform, ride)
            field.set_value("di", "input-3", True)
            (order,) = await requests(made, "work", 1)
            assert (order["what"], order["place"]) == ("other", "hall")
            await the_platforms_word_on_an_order(made, platform, order)
    finally:
        await field.stop()
        await platform.stop()


async def wired_keys(made: House, field: EmulatedField) -> None:
    """Each held until it was read, the first one twice: a car, and a person who is on the way."""
    slave = field.meters["di"].slave
    answer, read = slave.answer, asyncio.Semaphore(0)

    def overheard(frame: bytes, at_s: float) -> bytes | None:
        read.release()
        return answer(frame, at_s)

    slave.answer = overheard  # type: ignore[method-assign]  # to overhear
    for key in ("input-1", "input-1", "input-2"):
        for down in (True, False):
            field.set_value("di", key, down)
            while not read.locked():
                await read.acquire()
            for _ in range(2):  # the second time, the station has what it was told the first time
                await read.acquire()
    (call,) = await requests(made, "call", 1)
    assert (call["kiosk"], call["state"]) == ("hall", "ringing")


async def the_platforms_word_on_a_ride(made: House, platform: Platform, ride: Any) -> None:
    """Its answer to the question, then news that nobody has asked for; unsigned is no word."""
    await made.until(ride, "searching")
    name = f"{ride['id']}-1"
    assert platform.rides.office.live() == [name]
    car = {"plate": "京BT3642", "colour": "黄绿色", "minutes": 4}
    state, why = await ordered(platform, "ride.update", "unsigned", ride=name, state="none")
    assert state == "refused", why
    platform.rides.office.rides[name] = {"state": "assigned", "car": car}
    news = {"ride": name, "state": "assigned", "car": car}
    assert await ordered(platform, "ride.update", **news) == ("done", {"state": "assigned"})
    assert (await made.now(ride))["car"]["plate"] == "京BT3642"
    platform.rides.office.drive(name, "boarded")
    await ordered(platform, "ride.update", ride=name, state="boarded")
    assert (await made.now(ride))["state"] == "boarded"
    state, _ = await ordered(platform, "ride.update", ride="ride-0-0-1", state="assigned")
    assert state in {"failed", "refused"}


async def the_platforms_word_on_an_order(made: House, platform: Platform, order: Any) -> None:
    """Received, given to somebody, and what its table does not allow."""
    for act, state in (("receive", "received"), ("assign", "assigned")):
        data = {"request": order["id"], "act": act, "by": "王师傅", "reply": "马上到"}
        assert await ordered(platform, "work.update", **data) == ("done", {"state": state})
    shown = await made.now(order)
    assert (shown["state"], shown["reply"]) == ("assigned", "马上到")
    state, _ = await ordered(platform, "work.update", request=order["id"], act="close")
    assert state in {"failed", "refused"}
    assert (await made.now(order))["state"] == "assigned"
