"""A microphone of the station's own: a key is held, somebody speaks, a receiver hears the words.

The microphone is the monitor of a PulseAudio sink into which a file is played; ffmpeg receives the
loudspeaker's packets.
"""

import asyncio
import contextlib
import os
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from broadcast.clips.clip import HEADER_BYTES
from broadcast.clips.index import ClipKind
from drivers.contract import Quality, Reading
from gateway.audit.events import Actor
from tests.access.harness import browser as reader
from tests.broadcast.audio_process.harness import load, speechlike, until
from tests.broadcast.pages.gallery import HOME
from tests.broadcast.pages.harness import CastSite, cast_site
from tests.broadcast.pages.test_live import SPOKEN_S, is_of, receiver
from tests.broadcast.speakers.sound_cards import pulse

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

STAFF = Actor("staff", "zhang")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def made(tmp_path_factory) -> AsyncIterator[CastSite]:
    folder = tmp_path_factory.mktemp("paging")
    with pytest.MonkeyPatch.context() as patch, contextlib.ExitStack() as closing:
        for name, value in closing.enter_context(pulse(folder)).items():
            patch.setenv(name, value)
        async with cast_site(folder / "station") as site:
            yield site


@contextlib.asynccontextmanager
async def spoken(folder: Path) -> AsyncIterator[None]:
    """Somebody speaks into the microphone, over and over."""
    raw = folder / "spoken.raw"
    await asyncio.to_thread(raw.write_bytes, speechlike(SPOKEN_S).tobytes() * 20)
    speaker = await asyncio.create_subprocess_exec(
        *("pacat", "--device=zone_a", "--rate=16000", "--channels=1", "--format=s16le"),
        *("--latency-msec=50", str(raw)),
        env=dict(os.environ),
    )
    try:
        yield
    finally:
        speaker.kill()
        await speaker.wait()


def key(made: CastSite, *, down: bool, quality: Quality = Quality.GOOD) -> None:
    made.sounding.handle_readings("di", [Reading("di", "talk-key", down, "1", quality, 0)])


async def on_air(made: CastSite) -> str:
    """The order that sounds, its first packet out."""
    await until(lambda: bool(made.room.orders()) and bool(made.room.orders()[0].reached))
    return str(made.room.orders()[0].order.id)


def state(made: CastSite, order_id: str) -> tuple[str, str | None]:
    kept = made.room.require(order_id)
    return kept.state.value, kept.why


async def test_while_the_key_is_held_a_receiver_hears_what_is_said_and_it_is_kept(
    made: CastSite, tmp_path: Path
) -> None:
    await made.hush()
    ffmpeg = await receiver(tmp_path)
    async with spoken(tmp_path):
        key(made, down=False)
        key(made, down=True)
        order = await on_air(made)
        key(made, down=True)  # ten polls of a held key are one press
        assert await ffmpeg.wait() == 0
        key(made, down=False)
        await until(lambda: state(made, order) == ("finished", None))
    assert is_of(load(tmp_path / "heard.wav"), speechlike(SPOKEN_S))
    (clip,) = made.sounding.shelf.clips(ClipKind.RECORDING)
    assert clip.title.startswith("值班室话筒 ")
    recorded = array("h", (await asyncio.to_thread(clip.path.read_bytes))[HEADER_BYTES:])
    assert is_of(recorded, speechlike(SPOKEN_S))
    assert len(made.room.orders()) == 1


async def test_a_key_whose_line_dies_is_let_go(made: CastSite) -> None:
    await made.hush()
    key(made, down=False)
    key(made, down=True)
    order = await on_air(made)
    key(made, down=True, quality=Quality.TIMEOUT)
    await until(lambda: state(made, order) == ("finished", None))
    key(made, down=True)  # the line is back: nobody has pressed anew
    assert len(made.room.orders()) == 1


async def test_stop_closes_the_microphone(made: CastSite) -> None:
    await made.hush()
    key(made, down=False)
    key(made, down=True)
    order = await on_air(made)
    await made.room.stop((), STAFF)
    await until(lambda: not made.sounding.paging._speaking)
    assert state(made, order) == ("stopped", "broadcast.by-hand")
    key(made, down=False)


async def test_at_the_desk_it_is_switched_on_and_off_and_one_that_is_gone_is_told(
    made: CastSite,
) -> None:
    await made.hush()
    async with reader(made) as staff:
        await staff.enter("zhang")
        await staff.post(f"{HOME}/microphone/duty", zone="b3")
        order = await on_air(made)
        assert "说完了" in await staff.page(HOME)
        await staff.post(f"{HOME}/microphone/duty/end")
        await until(lambda: state(made, order) == ("finished", None))
        await staff.post(f"{HOME}/microphone/gone", zone="b3")
        order = made.room.orders()[0].order.id
        await until(lambda: state(made, order) == ("failed", "speaker.no-pickup"))
        assert (
            "没有“nobody”这只话筒"
            in await (await staff.post(f"{HOME}/microphone/nobody", zone="b3")).text()
        )
