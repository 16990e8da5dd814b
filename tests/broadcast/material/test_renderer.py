"""What an order's sound is made of where something of it cannot be made."""

from pathlib import Path
from typing import NamedTuple

import pytest

from broadcast.material.presets import Presets
from broadcast.material.renderer import OrderRenderer
from broadcast.options import PresetOptions
from broadcast.order import OrderClass, PresetContent
from gateway.errors import StationError, Unavailable
from tests.broadcast.policy.zones import order

LEAVE = {"leave": PresetOptions(name="疏散", text="请马上离开。", cls="emergency")}


class Sound(NamedTuple):
    sha: str
    seconds: float

    @property
    def path(self) -> Path:
        return Path(self.sha)


class Bench:
    """Shelf and voice at once; each fails as it is told."""

    def __init__(self) -> None:
        self.no_chime: Exception | None = None
        self.no_words: Exception | None = None

    async def chime(self, name: str) -> Sound:
        if self.no_chime is not None:
            raise self.no_chime
        return Sound(f"chime-{name}", 8.0)

    async def render(self, text: str, language: str = "zh") -> Sound:
        if self.no_words is not None:
            raise self.no_words
        return Sound("words", 6.0)

    def clip(self, sha: str) -> Sound:
        return Sound(sha, 6.0)


def emergency(**more):
    return order(class_=OrderClass.EMERGENCY, content=PresetContent("leave"), **more)


@pytest.fixture(name="bench")
def _bench():
    return Bench()


@pytest.fixture(name="studio")
def _studio(bench):
    return OrderRenderer(bench, bench, Presets(None, LEAVE), lambda place: place, {})


NO_ROOM = [OSError(28, "No space left on device"), Unavailable("clip.no-room", missing_mb=1)]


@pytest.mark.parametrize("why", NO_ROOM)
async def test_an_emergency_without_its_siren_is_its_words(studio, bench, why):
    bench.no_chime = why
    made = await studio.make(emergency())
    assert [part.file for part in made.parts] == ["words", "words"]
    with pytest.raises(StationError):
        await studio.siren(emergency())


@pytest.mark.parametrize("why", NO_ROOM)
async def test_an_emergency_without_its_words_is_its_siren(studio, bench, why):
    bench.no_words = why
    made = await studio.make(emergency(chime="urgent"))
    assert [part.file for part in made.parts] == ["chime-urgent"]


async def test_without_either_it_is_told_why(studio, bench):
    bench.no_chime, bench.no_words = NO_ROOM
    with pytest.raises(StationError, match=r"broadcast\.failed"):
        await studio.make(emergency())


async def test_a_notice_without_its_chime_is_not_made(studio, bench):
    bench.no_chime = NO_ROOM[1]
    with pytest.raises(Unavailable, match=r"clip\.no-room"):
        await studio.make(order(content=PresetContent("leave")))
