"""What every speaker is to the clock: something that takes a frame every 20 ms and never blocks.

Rung         how far up the ladder it is known to work
Speaker      the contract; `tests/broadcast/speakers/test_conformance.py` holds every kind to it
"""

import enum
from typing import Protocol


class ProofLevel(enum.IntEnum):
    """What is known of a sound on its way: each rung is a claim that the one before does not make.

    SENT left this machine. REACHABLE: the speaker answers on the network. ACCEPTED: it said yes to
    the sound. HEARD: a microphone heard it. Multicast by itself never gets above SENT.
    """

    UNKNOWN = 0
    SENT = 1
    REACHABLE = 2
    ACCEPTED = 3
    HEARD = 4

    @property
    def wire(self) -> str:
        """The rung's name on every wire."""
        return self.name.lower()


# The rungs that an order's receipt counts loudspeakers by.
REPORTED_LEVELS = (ProofLevel.SENT, ProofLevel.REACHABLE, ProofLevel.ACCEPTED, ProofLevel.HEARD)


class Speaker(Protocol):
    """One speaker. What fails is raised as Unavailable or OSError; its keeper opens it anew.

    `open`, `probe` and `close` may block and are called off the clock. `play`, `cut`, `rest` and
    `tend` are the clock's: they never block.
    """

    # What `play` takes: a name from `codec.CODECS`.
    codec: str

    @property
    def rung(self) -> ProofLevel:
        """How far it is known to work since it was opened."""

    @property
    def busy(self) -> bool:
        """Whether it needs the clock although nothing sounds any more."""

    @property
    def behind(self) -> bool:
        """Whether it has still to say something that it was given."""

    def open(self) -> None:
        """Take what it needs."""

    def play(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        """One frame of a session of that class; the first one after a rest begins it.

        One that is behind may leave out what is `silent`, and what is of a lower class.
        """

    def cut(self) -> None:
        """What it has still to say is stopped: the next frame is heard at once."""

    def rest(self) -> None:
        """No more comes of this session: it ends with what there is still to say."""

    def tend(self) -> None:
        """Whatever must go on by itself: each frame while it is busy or plays, else each second."""

    def probe(self) -> ProofLevel:
        """Find out how far it works, without a sound."""

    def close(self) -> None:
        """Give everything back; harmless on one that is not open."""
