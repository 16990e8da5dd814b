"""Somebody's voice on its way to the loudspeakers of a live order, and onto the shelf."""

import contextlib
from collections.abc import AsyncIterable
from functools import partial

from broadcast.prepare.live import Recorder, talk
from broadcast.prepare.shelf import Shelf
from broadcast.room import Broadcast
from gateway.errors import StationError, Unavailable


class _OverError(Exception):
    """The order does not sound any more: something more urgent does, or somebody stopped it."""


class Air:
    """Live orders, wherever their microphone is."""

    def __init__(self, room: Broadcast, shelf: Shelf) -> None:
        """Of that room; what is said lies on that shelf afterwards."""
        self._room = room
        self._shelf = shelf

    async def relay(self, order_id: str, pieces: AsyncIterable[bytes], title: str) -> bool:
        """Bring a microphone's bytes to the order; False if the order ended before they did."""
        over = False
        with Recorder(self._shelf) as recorder:
            try:
                await talk(pieces, partial(self._play, order_id), recorder)
            except _OverError:
                over = True
            except Unavailable as error:  # told before its end is: what was said is not all of it
                over = True
                self._room.fail_order(order_id, error.code)
            finally:
                with contextlib.suppress(StationError):  # away: what was said is kept all the same
                    await self._room.end_live(order_id)
            await recorder.keep(title)
        return not over

    async def _play(self, order_id: str, pcm: bytes) -> None:
        if not await self._room.feed_live(order_id, pcm):
            raise _OverError
