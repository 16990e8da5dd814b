"""Listen in the browser to what a zone plays: one more loudspeaker of that zone, returned as WAV.

The audio process sends the zone's mix to a port of this machine, as to any receiver; it is passed
on endlessly, silence included. So a trial needs no loudspeaker at all.
"""

import array
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from aiohttp import web

from broadcast.audio_protocol.messages import SpeakerSetting
from broadcast.audio_protocol.speaker_options import UnicastOptions
from broadcast.clips.clip import wav_header
from broadcast.microphone.live_frames import FRAME_BYTES, FRAME_S, JitterBuffer
from broadcast.pages.context import PATH, BroadcastPageContext
from broadcast.policy import guard
from broadcast.policy.guard import SoundZone
from gateway.errors import NotFound, Unavailable
from gateway.web.authorization import LIVES
from gateway.web.section import Permission, Route

LISTENERS_MAX = 8
HELD_FRAMES, WAITING_FRAMES_MAX = 4, 50
RTP_HEADER_BYTES = 12
# The length in the header: a day of sound, so that no player stops before the zone does.
ENDLESS_BYTES = 0x7FFF_FF00

_SILENCE = bytes(FRAME_BYTES)


class _Inlet(asyncio.DatagramProtocol):
    """Receives one zone's packets for its listeners."""

    def __init__(self) -> None:
        self.listeners: set[JitterBuffer] = set()
        self.line: asyncio.BaseTransport | None = None

    def datagram_received(self, data: bytes, _addr: object) -> None:
        samples = array.array("h", data[RTP_HEADER_BYTES:][:FRAME_BYTES])
        if sys.byteorder == "little":
            samples.byteswap()
        for frames in self.listeners:
            frames.feed(samples.tobytes())

    def close(self) -> None:
        if self.line is not None:
            self.line.close()


class ZoneListeners:
    """The temporary loudspeakers of listeners; `changed` is called when they change."""

    def __init__(self, changed: Callable[[], Awaitable[None]]) -> None:
        self._changed = changed
        self._inlets: dict[str, tuple[_Inlet, SpeakerSetting]] = {}
        self._turn = asyncio.Lock()

    def speakers(self) -> tuple[SpeakerSetting, ...]:
        """Their settings for the audio process."""
        return tuple(setting for _, setting in self._inlets.values())

    @contextlib.asynccontextmanager
    async def listening(self, zone: SoundZone) -> AsyncIterator[JitterBuffer]:
        """The zone's frames while somebody listens."""
        if sum(len(inlet.listeners) for inlet, _ in self._inlets.values()) >= LISTENERS_MAX:
            raise Unavailable("cast.listeners", max=LISTENERS_MAX)
        frames = JitterBuffer(HELD_FRAMES, WAITING_FRAMES_MAX)
        inlet = await self._opened(zone)
        inlet.listeners.add(frames)
        try:
            yield frames
        finally:
            inlet.listeners.discard(frames)
            if not inlet.listeners and self._inlets.get(zone.id, (None,))[0] is inlet:
                del self._inlets[zone.id]
                inlet.close()
                with contextlib.suppress(Unavailable):  # the process gets them when it is back
                    await self._changed()

    async def _opened(self, zone: SoundZone) -> _Inlet:
        async with self._turn:
            if zone.id in self._inlets:
                return self._inlets[zone.id][0]
            loop = asyncio.get_running_loop()
            line, inlet = await loop.create_datagram_endpoint(_Inlet, ("127.0.0.1", 0))
            inlet.line = line
            to = f"127.0.0.1:{line.get_extra_info('sockname')[1]}"
            options = UnicastOptions(zones=(zone.id,), to=(to,), codec="l16")
            cap_db = guard.LEVEL_DB_MAX[zone.sound] if zone.sound == "near" else None
            self._inlets[zone.id] = (inlet, SpeakerSetting(f"listen-{zone.id}", options, cap_db))
            await self._changed()
            return inlet


class ListenRoutes:
    """The handler."""

    def __init__(self, context: BroadcastPageContext, ears: ZoneListeners) -> None:
        self._context = context
        self._ears = ears

    def routes(self) -> list[Route]:
        return [
            Route(
                path=f"{PATH}/listen/{{zone}}.wav",
                handler=self.stream,
                permission=Permission.STAFF,
                media="audio/wav",
            )
        ]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Endless WAV, at the pace of the sound."""
        zone = self._context.room.house.zones.get(request.match_info["zone"])
        if zone is None:
            raise NotFound("broadcast.unknown-zone", zone=request.match_info["zone"][:60])
        response = web.StreamResponse(headers={"Cache-Control": "no-store"})
        response.content_type = "audio/wav"
        if request.method == "HEAD":
            return response
        async with self._ears.listening(zone) as frames:
            await response.prepare(request)
            await response.write(wav_header(ENDLESS_BYTES))
            lives = request.get(LIVES)
            with contextlib.suppress(ConnectionResetError):  # the listener has gone
                for due_s in _beats():
                    if lives is not None and not lives():
                        break
                    await asyncio.sleep(due_s)
                    await response.write(frames.next_frame() or _SILENCE)
        return response


def _beats() -> Iterator[float]:
    """The wait before each frame, so that none is early and delays do not add up."""
    loop = asyncio.get_running_loop()
    at_s = loop.time()
    while True:
        at_s += FRAME_S
        yield max(0.0, at_s - loop.time())
