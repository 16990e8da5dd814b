"""Carries out what linkages ask for. An action that nothing here handles is `unavailable`."""

from collections.abc import Callable
from typing import Literal, Protocol

from drivers.contract import Device, Quality
from drivers.field_bus import FieldBus
from gateway.errors import Unavailable
from gateway.rules.linkage import LinkageTask, MessageAction, RelayAction, task_action


class ActionHandler(Protocol):
    """Carries out one kind of action.

    `task.id` is the idempotency key: after a crash an urgent task may come twice, and must be
    done once. Returns when it is done, or "sent" if nobody can prove that it was; StationError
    or FieldError says why not.
    """

    async def handle(self, task: LinkageTask) -> Literal["sent"] | None: ...


class RelayHandler:
    """Writes a point over its device's bus."""

    def __init__(self, of_device: Callable[[str], tuple[FieldBus, Device] | None]) -> None:
        """`of_device` returns a device and its bus."""
        self._of_device = of_device

    async def handle(self, task: LinkageTask) -> Literal["sent"] | None:
        """Write, and read back if the device supports it."""
        action = task_action(task)
        assert isinstance(action, RelayAction)
        device, _, point = action.relay.partition(".")
        found = self._of_device(device)
        if found is None:
            raise Unavailable("rules.missing-room", does=action.relay)
        reading = await found[0].write(device, point, action.value)
        return None if reading.quality is Quality.GOOD else "sent"


class MessageHandler:
    """A message is the event that goes with its record: nothing else is to be done."""

    async def handle(self, task: LinkageTask) -> None:
        assert isinstance(task_action(task), MessageAction)
