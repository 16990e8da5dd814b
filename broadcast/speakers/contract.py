"""The contract of a loudspeaker: it takes a frame every 20 ms and never blocks.

`tests/broadcast/speakers/test_conformance.py` holds every kind of loudspeaker to it.
"""

import enum
from typing import Protocol


class ProofLevel(enum.IntEnum):
    """How far a sound is known to have come; each level claims more than the one before.

    SENT: it left this machine. REACHABLE: the loudspeaker answers on the network. ACCEPTED: it
    agreed to play the sound. HEARD: a microphone heard it. Multicast alone never gets above SENT.
    """

    UNKNOWN = 0
    SENT = 1
    REACHABLE = 2
    ACCEPTED = 3
    HEARD = 4

    @property
    def wire(self) -> str:
        """The level's name on every wire."""
        return self.name.lower()


# The levels by which a receipt counts an order's loudspeakers.
REPORTED_LEVELS = (ProofLevel.SENT, ProofLevel.REACHABLE, ProofLevel.ACCEPTED, ProofLevel.HEARD)


class Speaker(Protocol):
    """One loudspeaker. It raises Unavailable or OSError on failure and is then built anew.

    `open`, `probe` and `close` may block and are called in a thread. `play`, `cut`, `rest` and
    `tend` are called by the audio clock and must not block.
    """

    # What `play` takes: a name in `codec.CODECS`.
    codec: str

    @property
    def rung(self) -> ProofLevel:
        """How far it is known to work since it was opened."""

    @property
    def busy(self) -> bool:
        """Whether it needs the clock although nothing plays any more."""

    @property
    def behind(self) -> bool:
        """Whether frames that it was given have not been played yet."""

    def open(self) -> None:
        """Acquire what it needs."""

    def play(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        """Play one frame of a session of that rank; the first frame after `rest` begins a session.

        A loudspeaker that is behind may leave out frames that are `silent` or of a lower rank.
        """

    def cut(self) -> None:
        """Drop what has not been played yet; the next frame is heard at once."""

    def rest(self) -> None:
        """End the session after what has not been played yet."""

    def tend(self) -> None:
        """Do periodic work: called each frame while it is busy or plays, otherwise each second."""

    def probe(self) -> ProofLevel:
        """Find out how far it works, without a sound."""

    def close(self) -> None:
        """Release everything; harmless if it is not open."""
