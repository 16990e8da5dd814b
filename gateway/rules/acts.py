"""Who carries out what a linkage asks for. A room that is not there answers `unavailable`."""

from collections.abc import Callable
from typing import Literal, Protocol

from drivers.contract import Device, Quality
from drivers.field_bus import FieldBus
from gateway.errors import Unavailable
from gateway.rules.linkage import Message, Relay, Task, action_of


class Doer(Protocol):
    """Carries out one kind of action.

    `task.id` is the idempotency key: an urgent task may come twice, after a crash, and must be
    done once. Returns when it is done, or "sent" where nobody can prove that it was; StationError
    or FieldError says why not.
    """

    async def do(self, task: Task) -> Literal["sent"] | None:
        """Do it."""


class Relays:
    """Writes a point over its device's bus."""

    def __init__(self, of_device: Callable[[str], tuple[FieldBus, Device] | None]) -> None:
        """`of_device` finds a device and the bus that it is on."""
        self._of_device = of_device

    async def do(self, task: Task) -> Literal["sent"] | None:
        """Write, and read back where that can be."""
        action = action_of(task)
        assert isinstance(action, Relay)
        device, _, point = action.relay.partition(".")
        found = self._of_device(device)
        if found is None:
            raise Unavailable("rules.missing-room", does=action.relay)
        reading = await found[0].write(device, point, action.value)
        return None if reading.quality is Quality.GOOD else "sent"


class Messages:
    """A message is the event that goes with its record: there is nothing else to do."""

    async def do(self, task: Task) -> None:
        """Say it."""
        assert isinstance(action_of(task), Message)
