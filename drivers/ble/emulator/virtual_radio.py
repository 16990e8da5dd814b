"""Emulated sensors around one radio: each sends at its own interval, unless it has a fault."""

import asyncio
import contextlib
import math
import random
import tomllib
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from drivers.ble.emulator.bluez import AdvertPayload, FakeBluez
from drivers.ble.emulator.messages import (
    SensorTurn,
    encode_bthome,
    encode_eddystone,
    encode_ibeacon,
    encode_mibeacon,
)

# The eight sensors of the demo.
DEMO_SENSORS = Path(__file__).with_name("eight.toml")

# The radio's name where faults are set.
ADAPTER = "adapter"

SENSOR_FAULTS = ("silent", "gone", "garbage", "wrong-key")
ADAPTER_FAULTS = ("off", "unplugged", "deaf")

_COPY_S = 0.1
_SWING_S = 600.0
_LYWSD03MMC = 0x055B


class SensorSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[sensor.*]`. A value is fixed, or wanders between `[low, high]`.

    Each message is sent `copies` times, because adverts get lost.
    """

    format: Literal["bthome", "mibeacon", "ibeacon", "eddystone"]
    address: str
    says: dict[str, Any]
    every_s: Annotated[float, msgspec.Meta(gt=0)] = 2.0
    copies: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    key: str | None = None
    product: int = _LYWSD03MMC
    rssi: int = -60


class RadioSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sensors around one radio; `crowd` strangers pass by, each received once a second."""

    sensor: dict[str, SensorSpec]
    crowd: Annotated[int, msgspec.Meta(ge=0, le=20_000)] = 0
    seed: int = 0


def parse_radio(text: str) -> RadioSpec:
    """Parse the sensors; ValueError (of TOML or msgspec) says what is wrong."""
    return msgspec.convert(tomllib.loads(text), RadioSpec)


def possible_faults(spec: RadioSpec, name: str) -> tuple[str, ...]:
    """The faults that a sensor, or the adapter, can have."""
    if name == ADAPTER:
        return ADAPTER_FAULTS
    return SENSOR_FAULTS if name in spec.sensor else ()


class VirtualRadio:
    """Sensors around one radio. Faults may be set and cleared while they send."""

    def __init__(self, spec: RadioSpec, bluez: FakeBluez) -> None:
        self.spec = spec
        self.bluez = bluez
        self.faults: dict[str, str] = {}
        self._random = random.Random(spec.seed)  # noqa: S311 - garbage is no secret
        self._fixed: dict[str, dict[str, Any]] = {name: {} for name in spec.sensor}
        self._counts = dict.fromkeys(spec.sensor, 0)

    @contextlib.asynccontextmanager
    async def serve(self, address: str) -> AsyncIterator["VirtualRadio"]:
        """Appear on that D-Bus; all sensors send."""
        await self.bluez.serve(address)
        tasks = [asyncio.create_task(self._speak(name)) for name in self.spec.sensor]
        tasks.append(asyncio.create_task(self._walk_by()))
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.bluez.close()

    def set_fault(self, name: str, fault: str) -> None:
        """Set a fault of a sensor or the adapter; ValueError if it does not exist."""
        if fault not in possible_faults(self.spec, name):
            raise ValueError(name, fault)
        self.clear_fault(name)
        self.faults[name] = fault
        if name == ADAPTER:
            self._break_adapter(fault)
        elif fault == "gone":
            self.bluez.forget(self.spec.sensor[name].address)

    def clear_fault(self, name: str) -> None:
        fault = self.faults.pop(name, None)
        if name == ADAPTER and fault == "off":
            self.bluez.power(on=True)
        elif name == ADAPTER and fault == "unplugged":
            self.bluez.plug()
        elif name == ADAPTER:
            self.bluez.deaf = False

    def set_value(self, name: str, what: str, value: Any) -> None:
        """Fix a quantity's value; ValueError if it does not exist."""
        if name not in self.spec.sensor or what not in self.spec.sensor[name].says:
            raise ValueError(name, what)
        self._fixed[name][what] = value

    def next_messages(self, name: str) -> AdvertPayload:
        """The sensor's next message."""
        spec = self.spec.sensor[name]
        self._counts[name] += 1
        key = bytes.fromhex(spec.key) if spec.key else None
        if key and self.faults.get(name) == "wrong-key":
            key = key[::-1]
        mac = bytes.fromhex(spec.address.replace(":", ""))
        turn = SensorTurn(self._counts[name], self._values(name), mac, key)
        if spec.format == "mibeacon":
            said = encode_mibeacon(turn, spec.product)
        else:
            said = {
                "bthome": encode_bthome,
                "ibeacon": encode_ibeacon,
                "eddystone": encode_eddystone,
            }[spec.format](turn)
        return self._garbled(said) if self.faults.get(name) == "garbage" else said

    def _break_adapter(self, fault: str) -> None:
        if fault == "off":
            self.bluez.power(on=False)
        elif fault == "unplugged":
            self.bluez.unplug()
        else:
            self.bluez.deaf = True

    def _values(self, name: str) -> dict[str, Any]:
        loop_s = asyncio.get_running_loop().time()
        values: dict[str, Any] = {}
        for what, said in self.spec.sensor[name].says.items():
            phase = zlib.crc32(f"{name} {what}".encode()) % 1000 / 1000
            value = _wander(said, loop_s / _SWING_S + phase) if isinstance(said, list) else said
            values[what] = self._fixed[name].get(what, value)
        return values

    def _garbled(self, said: AdvertPayload) -> AdvertPayload:
        """The same envelope with random content of any length."""

        def rubble(data: bytes) -> bytes:
            return self._random.randbytes(self._random.randrange(len(data) + 1))

        return AdvertPayload(
            {uuid: rubble(data) for uuid, data in said.service_data.items()},
            {maker: rubble(data) for maker, data in said.maker_data.items()},
        )

    async def _speak(self, name: str) -> None:
        spec = self.spec.sensor[name]
        await asyncio.sleep(spec.every_s * self._random.random())
        while True:
            if self.faults.get(name) not in {"silent", "gone"}:
                said = self.next_messages(name)
                for copy in range(spec.copies):
                    self.bluez.advert(spec.address, said, spec.rssi - copy)
                    await asyncio.sleep(min(_COPY_S, spec.every_s / (spec.copies + 1)))
            await asyncio.sleep(spec.every_s - spec.copies * min(_COPY_S, spec.every_s / 4))

    async def _walk_by(self) -> None:
        """Phones and tags of strangers, a hundredth of them at a time."""
        if not self.spec.crowd:
            return
        apple = {0x004C: b"\x10\x05\x01\x18\x44\x5c\x5e"}
        while True:
            for number in range(self.spec.crowd):
                address = f"7A:00:00:00:{number >> 8:02X}:{number & 0xFF:02X}"
                self.bluez.advert(address, AdvertPayload(maker_data=apple), -90)
                if number % max(1, self.spec.crowd // 100) == 0:
                    await asyncio.sleep(0.01)


def _wander(bounds: list[float], turns: float) -> float:
    low, high = bounds
    return low + (high - low) * (1 + math.sin(2 * math.pi * turns)) / 2
