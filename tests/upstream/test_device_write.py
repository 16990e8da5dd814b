"""Commands into the field: what is done, and what was only sent."""

import pytest

from drivers.contract import Device, Point, Quality, Reading, WriteNotKept
from gateway.errors import CommandRefused
from gateway.upstream.inbox.command import Mandate, UnconfirmedResult
from gateway.upstream.inbox.device_write import DeviceWrite, device_write
from tests.sim.loop import simulated
from tests.upstream.harness import Rig

VALVE = Device(
    id="valve",
    family="cjt188",
    address="1",
    points=(Point(id="open", address="901F"), Point(id="limit", address="A010")),
)


class Line:
    """A bus whose device says so much of what was written."""

    def __init__(self, quality: Quality | None) -> None:
        self.written: list[tuple[str, object]] = []
        self._quality = quality

    async def write(self, device, point, value):
        self.written.append((point, value))
        if self._quality is None:
            raise WriteNotKept("bus.not-kept", device=device, point=point)
        return Reading(device, point, value, "1", self._quality, 0)


async def written(quality: Quality | None, asked: DeviceWrite) -> tuple[object, Line]:
    clock, line = Rig().clock, Line(quality)
    kind = device_write(lambda name: (line, VALVE) if name == "valve" else None, clock)
    return await kind.act(asked, Mandate("id", clock.deadline(60))), line


@simulated
async def test_a_write_that_was_read_again_is_done() -> None:
    detail, line = await written(Quality.GOOD, DeviceWrite("valve", "limit", "21.5"))
    assert detail == {"value": 21.5, "quality": "good"}
    assert line.written == [("limit", 21.5)]


@simulated
async def test_a_write_that_cannot_be_read_again_was_only_sent() -> None:
    detail, _ = await written(Quality.SUBSTITUTED, DeviceWrite("valve", "open", value=True))
    assert detail == UnconfirmedResult({"value": True, "quality": "substituted"})


@simulated
@pytest.mark.parametrize("device", ["valve", "nobody"])
async def test_a_write_that_fails_says_why(device) -> None:
    with pytest.raises(CommandRefused) as refused:
        await written(None, DeviceWrite(device, "open", value=True))
    assert refused.value.code == ("bus.not-kept" if device == "valve" else "bus.no-point")
