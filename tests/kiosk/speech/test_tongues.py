"""An English sentence with a Chinese plate: every piece goes to a voice that can say it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from broadcast.material.renderer import OrderRenderer
from broadcast.order import OrderClass, SentenceContent
from gateway.errors import Unavailable
from kiosk.requests.request import Car
from kiosk.speech.sentences import build_sentence
from tests.broadcast.policy.zones import order
from tests.kiosk.requests.test_speech import PHONES, request


class Said(NamedTuple):
    """A clip by one of the voices."""

    sha: str
    path: Path = Path("/none.wav")
    seconds: float = 1.0


class Tongue:
    """The phrases of one language: a clip is called after both."""

    def __init__(self, language: str) -> None:
        self.language = language

    async def sentence(self, pieces: Iterable[tuple[str, str]]) -> tuple[Said, ...]:
        return tuple(Said(f"{self.language}:{words}") for _, words in pieces)


def studio(*languages: str) -> OrderRenderer:
    nothing: Any = None
    tongues = {each: Tongue(each) for each in languages}
    return OrderRenderer(nothing, nothing, nothing, str, tongues)


async def clips(language: str, *languages: str) -> tuple[str, ...]:
    car = Car("京BT3642", "黄绿色", "", 4)
    ride = request("ride", "assigned").ride
    assert ride is not None
    driven = type(ride)(began_ns=0, accept=ride.accept, until=ride.until, car=car)
    said = build_sentence(
        request("ride", "assigned", ride=driven, reply="到南门"), language, PHONES
    )
    content = SentenceContent(tuple((clip.id, clip.words) for clip in said.clips), language)
    made = await studio(*languages).make(order(class_=OrderClass.PROMPT, content=content))
    return made.clips


async def test_chinese_pieces_of_an_english_sentence_are_said_by_the_chinese_voice() -> None:
    assert await clips("en", "zh", "en") == (
        "en:A car is coming, plate", "zh:京", "en:B", "en:T", "en:3", "en:6", "en:4", "en:2",
        "en:,", "zh:黄绿色", "en:, in about", "en:4", "en:minutes.", "en:Staff say:", "zh:到南门",
        "en:.",
    )  # fmt: skip


async def test_a_chinese_sentence_is_of_one_voice() -> None:
    assert {clip[:3] for clip in await clips("zh", "zh")} == {"zh:"}


async def test_without_a_voice_for_a_piece_it_is_said_that_there_is_none() -> None:
    with pytest.raises(Unavailable, match=r"voice\.none"):
        await clips("en", "en")
