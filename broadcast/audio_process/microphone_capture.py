"""Microphones of this machine, passed on to the client that asked for them."""

import socket
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from broadcast.audio_process.control_socket import ControlSocket
from broadcast.audio_protocol import messages
from broadcast.speakers.microphone import MicrophoneReader
from gateway.errors import CommandRefused

CAPTURES_MAX = 4


class _Capture(NamedTuple):
    pickup: MicrophoneReader
    asked_by: socket.socket


class MicrophoneCaptures:
    """Open microphones; a microphone is closed when its client has left."""

    def __init__(self, door: ControlSocket, post: Callable[[Callable[[], None]], None]) -> None:
        """`post` runs work on the clock; a microphone's sound comes from a thread of its own."""
        self._door = door
        self._post = post
        self._open: dict[str, _Capture] = {}

    def begin(self, asked_by: socket.socket, id_: str, device: str | None) -> None:
        """Open one; `Captured` follows, `CaptureOver` is last. CommandRefused says why not."""
        if id_ in self._open:
            raise CommandRefused("audio.in-use", id=id_)
        if len(self._open) >= CAPTURES_MAX:
            raise CommandRefused("audio.full", max=CAPTURES_MAX)
        pickup = MicrophoneReader(
            device,
            lambda pcm: self._post(partial(self._heard, id_, pcm)),
            lambda code: self._post(partial(self._over, id_, code)),
        )
        self._open[id_] = _Capture(pickup, asked_by)
        pickup.start()

    def end(self, id_: str) -> None:
        """Close one; nothing happens if it is not open."""
        if found := self._open.get(id_):
            found.pickup.end()

    def close(self) -> None:
        """Close all of them."""
        for each in self._open.values():
            each.pickup.end()
        for each in self._open.values():
            each.pickup.join()

    def _heard(self, id_: str, pcm: bytes) -> None:
        found = self._open.get(id_)
        if found is not None and not self._door.send(
            found.asked_by, messages.CapturedPcm(id_, pcm)
        ):
            found.pickup.end()

    def _over(self, id_: str, code: str | None) -> None:
        found = self._open.pop(id_, None)
        if found is not None:
            self._door.send(found.asked_by, messages.CaptureEnded(id_, code))
