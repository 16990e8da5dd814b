"""The microphone and the listener, judged by what comes out: real browser, real audio process.

The browser's microphone plays a file; ffmpeg receives the loudspeaker's packets and writes what it
heard, which is compared with the file.
"""

import asyncio
import contextlib
from array import array
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import WSMsgType
from playwright.async_api import Browser as Chromium

from broadcast.audio_protocol.pcm import audioop
from broadcast.audio_protocol.speaker_options import MulticastOptions
from broadcast.clips.clip import HEADER_BYTES
from broadcast.clips.index import ClipKind
from broadcast.order import OrderClass
from broadcast.speakers import sdp
from gateway.audit.events import CONSOLE, HERE
from tests.access.gallery import sign_in
from tests.access.harness import browser as reader
from tests.broadcast.audio_process.harness import (
    RATE,
    WITHIN_S,
    correlation,
    load,
    save,
    speechlike,
    until,
)
from tests.broadcast.pages.gallery import HOME
from tests.broadcast.pages.harness import GROUP, CastSite, cast_site
from tests.broadcast.speakers.test_receivers import users
from tests.web import browser

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SPOKEN_S = 3.0
ENDED = {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED}
# The horn of building 3 as its receiver knows it.
HORN = MulticastOptions(
    zones=("b3",), group=GROUP, port=15004, codec="l16", ttl=0, interface="127.0.0.1"
)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def made(tmp_path_factory) -> AsyncIterator[CastSite]:
    async with cast_site(tmp_path_factory.mktemp("live")) as site:
        yield site


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def talking(tmp_path_factory) -> AsyncIterator[Chromium]:
    """A browser whose microphone hears a file, again and again."""
    file = save(tmp_path_factory.mktemp("mic") / "spoken.wav", speechlike(SPOKEN_S))
    async with browser.browser(
        "--use-fake-device-for-media-stream",
        "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-audio-capture={file}",
    ) as started:
        yield started


async def receiver(folder: Path) -> asyncio.subprocess.Process:
    """ffmpeg at the loudspeaker's end, listening; it leaves when it has heard two seconds."""
    description = folder / "horn.sdp"
    await asyncio.to_thread(
        description.write_text, sdp.describe_group("l16", HORN, OrderClass.LIVE)
    )
    process = await asyncio.create_subprocess_exec(
        *("ffmpeg", "-nostdin", "-v", "error", "-protocol_whitelist", "file,udp,rtp"),
        *("-localaddr", "127.0.0.1", "-i", str(description), "-t", "2"),
        *("-y", str(folder / "heard.wav")),
    )
    await until(lambda: users(HORN.address(OrderClass.LIVE)) > 0)
    return process


# A browser resamples, and its clock is not the station's: only short spans can be compared.
SPAN = RATE // 8

LIKE_MIN = 0.95


def is_of(heard: "array[int]", source: "array[int]") -> bool:
    """Whether it is the endless file: one span at least, for a busy machine drops frames."""
    spans = (heard[at : at + SPAN] for at in range(0, len(heard) - SPAN, SPAN))
    return any(_alike(span, source + source) > LIKE_MIN for span in spans if any(span))


def _alike(span: "array[int]", source: "array[int]") -> float:
    """How alike the span is to the source, wherever in it that lies."""
    at, _ = audioop.findfit(source.tobytes(), span.tobytes())
    return correlation(span, source[at : at + len(span)])


LEVEL = "() => Number(document.querySelector('#mic-level .v').getAttribute('width')) > 20"


async def test_what_is_said_at_the_desk_is_heard_by_a_receiver_and_kept(
    made: CastSite, talking: Chromium, tmp_path: Path
) -> None:
    context = {"ignore_https_errors": True, "permissions": ["microphone"]}
    async with browser.tab(talking, **context) as page:
        await sign_in(page, made, "zhang")
        await page.goto(made.https + HOME)
        await page.uncheck("#zone-all")
        await page.check("#zone-b3")
        await page.click("#mic-open")
        await page.wait_for_selector("text=话筒开着，还没有播")
        await page.wait_for_function(LEVEL)
        ffmpeg = await receiver(tmp_path)
        await page.focus("#mic-talk")
        await page.keyboard.down(" ")
        await page.wait_for_selector("text=正在直播，松开就停")
        assert await ffmpeg.wait() == 0
        await page.keyboard.up(" ")
        await page.wait_for_selector("text=说完了，录音在下面")
        (kept,) = made.room.orders()
        await until(lambda: not made.room.require(kept.order.id).open)
    assert made.room.require(kept.order.id).state.value == "finished"
    spoken = speechlike(SPOKEN_S)
    assert is_of(load(tmp_path / "heard.wav"), spoken)
    (clip,) = made.sounding.shelf.clips(ClipKind.RECORDING)
    recorded = array("h", (await asyncio.to_thread(clip.path.read_bytes))[HEADER_BYTES:])
    assert is_of(recorded, spoken)
    acts = [past.act.what for past in await made.acts(3)]
    assert "broadcast/live" in acts


async def test_who_speaks_and_is_not_connected_is_told(made: CastSite, talking: Chromium) -> None:
    await made.hush()
    context = {"ignore_https_errors": True, "permissions": ["microphone"]}
    async with browser.tab(talking, **context) as page:
        await sign_in(page, made, "zhang")
        await page.goto(made.https + HOME)
        await page.click("#mic-open")
        await page.wait_for_selector("text=话筒开着，还没有播")
        await page.focus("#mic-talk")
        await page.route("**/desk/broadcast/live", lambda route: route.abort())
        await page.keyboard.down(" ")
        await page.wait_for_selector("text=连不上或断开了")
        await page.keyboard.up(" ")
        await page.unroute("**/desk/broadcast/live")
        await page.keyboard.down(" ")
        await page.wait_for_selector("text=正在直播，松开就停")
        await page.keyboard.up(" ")
        await page.wait_for_selector("text=说完了，录音在下面")
    await until(lambda: not made.room.orders()[-1].open)


async def test_a_stranger_cannot_speak_into_somebody_elses_order(made: CastSite) -> None:
    await made.hush()
    receipt = await made.speak("b3")
    async with reader(made) as other:
        await other.enter("boss")
        line = {"Origin": made.https, "Connection": "Upgrade", "Upgrade": "websocket"}
        answer = await other.get(f"{HOME}/live/{receipt.of}", headers=line)
        assert answer.status == 403
    await made.hush()


async def test_an_open_microphone_ends_with_its_account(made: CastSite) -> None:
    await made.hush()
    async with reader(made) as desk:
        await desk.enter("zhang")
        receipt = await made.speak("b3")
        line = await desk.session.ws_connect(
            f"{desk.base}{HOME}/live/{receipt.of}", headers={"Origin": made.https}
        )
        silence = bytes(RATE // 5)
        async with asyncio.timeout(WITHIN_S):
            while not any(made.room.require(receipt.of).reached):
                await line.send_bytes(silence)
                await asyncio.sleep(0.05)
        await made.keys.disable(CONSOLE, HERE, "zhang")
        with contextlib.suppress(ConnectionResetError):
            while True:  # as a browser does, until it is told
                await line.send_bytes(silence)
                await asyncio.sleep(0.05)
                if line.closed or not made.room.require(receipt.of).open:
                    break
        await until(lambda: not made.room.require(receipt.of).open)
        async with asyncio.timeout(WITHIN_S):
            while (await line.receive()).type not in ENDED:
                pass
        await made.keys.enable(CONSOLE, HERE, "zhang")
    await made.hush()


async def test_the_listener_hears_the_very_sound_of_the_zone_and_leaves_no_trace(
    made: CastSite,
) -> None:
    await made.hush()
    async with reader(made) as somebody:
        await somebody.enter("guest")
        assert (await somebody.get(f"{HOME}/listen/b3.wav")).status == 403
        await somebody.enter("zhang")
        answer = await somebody.get(f"{HOME}/listen/b3.wav")
        assert answer.content_type == "audio/wav"
        await answer.content.readexactly(HEADER_BYTES + RATE)  # half a second of silence
        kept = await made.play("long", "b3")
        heard = array("h", await answer.content.readexactly(RATE * 2 * 4))
        answer.close()
    chime = made.sounding.shelf.clip(kept.clips[0])
    source = array("h", (await asyncio.to_thread(chime.path.read_bytes))[HEADER_BYTES:])
    begins = next(n for n, sample in enumerate(heard) if abs(sample) > 8)
    first = next(n for n, sample in enumerate(source) if abs(sample) > 8)
    piece = heard[begins : begins + RATE]
    assert correlation(piece, source[first : first + RATE]) > 0.99
    assert kept.reached[0] == 1, "who listens at the desk is no loudspeaker"
    await until(lambda: made.sounding.ears.speakers() == ())
    await made.hush()
