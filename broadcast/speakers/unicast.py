"""RTP to each receiver separately."""

import contextlib
import random
import socket

from broadcast.audio_protocol.speaker_options import UnicastOptions
from broadcast.speakers.codec import CODECS
from broadcast.speakers.contract import ProofLevel
from broadcast.speakers.network import even_socket, host_and_port, own_address
from broadcast.speakers.rtp import RtpStream
from gateway.errors import Unavailable

# Half a second of refused packets in a row is a closed port and no longer a lost packet.
CLOSED_FRAMES = 25


class UnicastSpeaker:
    """A list of receivers, each with a socket of its own: the kernel reports closed ports."""

    busy = behind = False

    def __init__(self, id_: str, options: UnicastOptions, chance: random.Random) -> None:
        self.codec: str = options.codec
        self.rung = ProofLevel.UNKNOWN
        self._id = id_
        self._targets = [host_and_port(text) for text in options.to]
        self._chance = chance
        self._links: list[socket.socket] = []
        self._closed: list[int] = []
        self._stream: RtpStream | None = None

    def open(self) -> None:
        """Connect a socket to each receiver."""
        for target in self._targets:
            link = even_socket(own_address(target))
            self._links.append(link)
            link.connect(target)
        self._closed = [0] * len(self._links)

    def play(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        """Send the same packet to all; Unavailable if no receiver listens."""
        del rank, silent  # one address for all classes: the mixer has already decided
        if self._stream is None:
            self._stream = RtpStream(CODECS[self.codec], self._chance)
        packet = self._stream.packet(payload)
        for number, link in enumerate(self._links):
            self._send(number, link, packet)
        if all(closed >= CLOSED_FRAMES for closed in self._closed):
            raise Unavailable("speaker.nobody-listens", address=self._where())
        self.rung = max(self.rung, ProofLevel.SENT)

    def cut(self) -> None:
        """Do nothing: no frames wait here."""

    def rest(self) -> None:
        self._stream = None

    def tend(self) -> None:
        """Do nothing."""

    def probe(self) -> ProofLevel:
        """SENT: UDP cannot be asked, only whether there is a route to all of them."""
        for target in self._targets:
            own_address(target)
        return ProofLevel.SENT

    def close(self) -> None:
        self._stream = None
        for link in self._links:
            link.close()
        self._links.clear()

    def _send(self, number: int, link: socket.socket, packet: bytes) -> None:
        with contextlib.suppress(BlockingIOError):  # already late; the next may pass
            try:
                link.send(packet)
                self._closed[number] = max(0, self._closed[number] - 1)
            except ConnectionRefusedError:
                # The error belongs to the packet before; a closed port refuses every other packet.
                self._closed[number] = min(self._closed[number] + 2, 2 * CLOSED_FRAMES)

    def _where(self) -> str:
        return ", ".join(f"{host}:{port}" for host, port in self._targets)
