"""Horns on multicast groups: they never answer, so nothing above "sent" is claimed."""

import random
import socket

from broadcast.audio_protocol.speaker_options import MulticastOptions
from broadcast.speakers import sap, sdp
from broadcast.speakers.codec import CODECS
from broadcast.speakers.contract import ProofLevel
from broadcast.speakers.network import own_address, voice_socket
from broadcast.speakers.rtp import RtpStream

_ANY = "0.0.0.0"  # noqa: S104 - compared with, never bound


class MulticastSpeaker:
    """One group of horns; each class has an address of its own."""

    busy = behind = False

    def __init__(self, id_: str, options: MulticastOptions, chance: random.Random) -> None:
        self.codec: str = options.codec
        self.rung = ProofLevel.UNKNOWN
        self._id = id_
        self._options = options
        self._chance = chance
        self._socket: socket.socket | None = None
        self._stream: RtpStream | None = None
        self._rank = 0
        self._origin = _ANY
        self._frames = 0

    def open(self) -> None:
        """Open a socket on the interface that is configured or that the route selects."""
        options = self._options
        self._origin = options.interface or own_address((options.address(1), options.port))
        self._socket = voice_socket()
        for option, value in (
            (socket.IP_MULTICAST_TTL, bytes([options.ttl])),
            (socket.IP_MULTICAST_LOOP, b"\1"),
            (socket.IP_MULTICAST_IF, socket.inet_aton(self._origin)),
        ):
            self._socket.setsockopt(socket.IPPROTO_IP, option, value)

    def play(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        """Send to the group of that class; a change of class is a new session."""
        del silent
        if self._stream is None or rank != self._rank:
            self.rest()
            self._stream = RtpStream(CODECS[self.codec], self._chance)
            self._rank, self._frames = rank, 0
        if self._options.announce and self._frames % sap.AGAIN_FRAMES == 0:
            self._announce(over=False)
        self._frames += 1
        self._send(self._stream.packet(payload), self._options.address(rank), self._options.port)
        self.rung = max(self.rung, ProofLevel.SENT)

    def cut(self) -> None:
        """Do nothing: no frames wait here."""

    def rest(self) -> None:
        if self._stream is not None and self._options.announce:
            self._announce(over=True)
        self._stream = None

    def tend(self) -> None:
        """Do nothing."""

    def probe(self) -> ProofLevel:
        """SENT: a group cannot be asked, only whether packets can leave."""
        own_address((self._options.address(1), self._options.port))
        return ProofLevel.SENT

    def close(self) -> None:
        self._stream = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _announce(self, *, over: bool) -> None:
        address = self._options.address(self._rank)
        text = sdp.describe_group(self._id, self._options, self._rank, self._origin)
        self._send(
            sap.build_announcement(text, self._origin, over=over),
            sap.announcement_address(address),
            sap.PORT,
        )

    def _send(self, packet: bytes, address: str, port: int) -> None:
        assert self._socket is not None
        try:
            self._socket.sendto(packet, (address, port))
        except BlockingIOError:
            return  # the interface's queue is full: this frame is late anyhow, the next may pass
