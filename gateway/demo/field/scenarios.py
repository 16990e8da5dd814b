"""The demo's story: what happens in a community, each by one button, and undone by another.

A scene does to the emulated field what the world would do to the real one; the station is told
nothing. `rule` is the rule of the demo's settings that must notice.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from drivers.emulate.field import EmulatedField

# A burst pipe, against what the meter counts on a usual day.
LEAK_TIMES = 60

ScenarioStep = Callable[[EmulatedField], Awaitable[None]]


class Scenario(NamedTuple):
    """One thing that happens: to which device, which rule must notice, its two steps."""

    name: str
    pictogram: str
    device: str
    rule: str
    begin: ScenarioStep
    end: ScenarioStep


def _contact(device: str, point: str, *, active: bool) -> tuple[ScenarioStep, ScenarioStep]:
    """A contact changes, and rests again."""

    async def begin(field: EmulatedField) -> None:
        field.set_value(device, point, active)

    async def end(field: EmulatedField) -> None:
        field.set_value(device, point, not active)

    return begin, end


def _pace(device: str, point: str, times: float) -> tuple[ScenarioStep, ScenarioStep]:
    """A counter runs so many times as fast, and as always again."""

    async def begin(field: EmulatedField) -> None:
        field.meters[device].scale_pace(point, times)

    async def end(field: EmulatedField) -> None:
        field.meters[device].scale_pace(point, 1)

    return begin, end


def _dead(device: str) -> tuple[ScenarioStep, ScenarioStep]:
    """A meter answers no more, and does again."""

    async def begin(field: EmulatedField) -> None:
        await field.set_fault(device, "dead")

    async def end(field: EmulatedField) -> None:
        await field.clear_faults(device)

    return begin, end


SCENES = (
    Scenario("smoke", "smoke", "di-b3", "smoke-b3", *_contact("di-b3", "input-1", active=False)),
    Scenario("ebike", "ebike", "di-b3", "ebike-b3", *_contact("di-b3", "input-2", active=True)),
    Scenario("leak", "water", "water-yard", "leak", *_pace("water-yard", "volume", LEAK_TIMES)),
    Scenario("bin", "bin", "di-yard", "bin-east", *_contact("di-yard", "input-3", active=True)),
    Scenario("dry", "person", "water-501", "no-water-501", *_pace("water-501", "volume", 0)),
    Scenario("dead", "meter", "em-b5", "silent-meters", *_dead("em-b5")),
)


class Scenarios:
    """The scenes over a running field; any number of them may be on."""

    def __init__(self, field: EmulatedField) -> None:
        """Nothing has happened."""
        self._field = field
        self._on: set[str] = set()

    def state(self) -> list[dict[str, Any]]:
        """The scenes as the page draws them."""
        return [
            {"name": scene.name, "pictogram": scene.pictogram, "on": scene.name in self._on}
            for scene in SCENES
        ]

    async def play(self, name: str, *, on: bool) -> None:
        """Let it happen, or undo it; KeyError if there is no such scene."""
        scene = next((scene for scene in SCENES if scene.name == name), None)
        if scene is None:
            raise KeyError(name)
        await (scene.begin if on else scene.end)(self._field)
        if on:
            self._on.add(name)
        else:
            self._on.discard(name)

    async def heal(self) -> None:
        """Undo all that has happened."""
        for name in tuple(self._on):
            await self.play(name, on=False)
