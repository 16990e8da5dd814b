"""RTP packets (RFC 3550). Pure; random numbers are given."""

import random
import struct

from broadcast.speakers.codec import AudioCodec

VERSION = 0x80
MARKER = 0x80
# Expedited forwarding: switches with priorities treat it as voice.
DSCP_EF = 46 << 2


class RtpStream:
    """One session: a source of its own, contiguous numbers, a marker on its first packet."""

    def __init__(self, codec: AudioCodec, chance: random.Random) -> None:
        self._codec = codec
        self._ssrc = chance.getrandbits(32)
        self._sequence = chance.getrandbits(16)
        self._timestamp = chance.getrandbits(32)
        self._first = True

    def packet(self, payload: bytes) -> bytes:
        """Build the next packet."""
        kind = self._codec.payload_type | (MARKER if self._first else 0)
        header = struct.pack("!BBHII", VERSION, kind, self._sequence, self._timestamp, self._ssrc)
        self._first = False
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._timestamp = (self._timestamp + self._codec.step) & 0xFFFF_FFFF
        return header + payload
