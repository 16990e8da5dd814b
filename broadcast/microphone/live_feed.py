"""Brings live speech to the loudspeakers of an order, and into a recording."""

import contextlib
from collections.abc import AsyncIterable
from functools import partial

from broadcast.clips.store import ClipStore
from broadcast.microphone.live_frames import LiveRecorder, relay_speech
from broadcast.playback.service import BroadcastService
from gateway.errors import StationError, Unavailable


class _OverError(Exception):
    """The order does not sound any more: something more urgent does, or a person stopped it."""


class LiveFeed:
    """Live orders, wherever their microphone is."""

    def __init__(self, room: BroadcastService, shelf: ClipStore) -> None:
        """What is said is kept in `shelf` afterwards."""
        self._room = room
        self._shelf = shelf

    async def relay(self, order_id: str, pieces: AsyncIterable[bytes], title: str) -> bool:
        """Bring a microphone's bytes to the order; False if the order ended before they did."""
        over = False
        with LiveRecorder(self._shelf) as recorder:
            try:
                await relay_speech(pieces, partial(self._play, order_id), recorder)
            except _OverError:
                over = True
            except Unavailable as error:
                # This comes before the end of the order is reported: the speech is not complete.
                over = True
                self._room.fail_order(order_id, error.code)
            finally:
                with contextlib.suppress(StationError):  # away: the speech is kept all the same
                    await self._room.end_live(order_id)
            await recorder.keep(title)
        return not over

    async def _play(self, order_id: str, pcm: bytes) -> None:
        if not await self._room.feed_live(order_id, pcm):
            raise _OverError
