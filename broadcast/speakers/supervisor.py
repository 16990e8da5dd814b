"""Supervises one loudspeaker: opens it in a thread, reports a fault once, and tries again.

    SHUT ──open──► OPENING ──opened──► OPEN
                    ▲   │                │
                    │   └──failed─► WAITING ◄─failed
                    └─────open──────┘

A loudspeaker that is away costs the others nothing: its frames are dropped until it is back.
"""

import enum
import threading
from collections.abc import Callable
from typing import Any

from broadcast.audio_protocol.messages import AudioEvent, SpeakerFailed, SpeakerState, SpeakerWorks
from broadcast.speakers.codec import CODECS
from broadcast.speakers.contract import ProofLevel, Speaker
from gateway.errors import StationError, Unavailable
from gateway.transitions import TransitionTable

RETRY_MIN_NS = 1_000_000_000
RETRY_MAX_NS = 60_000_000_000

# Faults of a horn that was called and did not answer: it has taken nothing.
UNTAKEN = frozenset({"speaker.no-answer", "speaker.declined"})

OffClock = Callable[[Callable[[], None]], None]


class SupervisorState(enum.Enum):
    SHUT = "shut"
    OPENING = "opening"
    OPEN = "open"
    WAITING = "waiting"


class SupervisorEvent(enum.Enum):
    OPEN = "open"
    OPENED = "opened"
    FAILED = "failed"


TABLE = TransitionTable(
    SupervisorState.SHUT,
    {
        (SupervisorState.SHUT, SupervisorEvent.OPEN): SupervisorState.OPENING,
        (SupervisorState.OPENING, SupervisorEvent.OPENED): SupervisorState.OPEN,
        (SupervisorState.OPENING, SupervisorEvent.FAILED): SupervisorState.WAITING,
        (SupervisorState.OPEN, SupervisorEvent.FAILED): SupervisorState.WAITING,
        (SupervisorState.WAITING, SupervisorEvent.OPEN): SupervisorState.OPENING,
    },
)


def run_in_thread(work: Callable[[], None]) -> None:
    """Run `work` in a thread of its own: a driver that hangs delays nothing else."""
    threading.Thread(target=work, daemon=True).start()


class SpeakerSupervisor:
    """One loudspeaker as the audio clock sees it; nothing here blocks."""

    def __init__(
        self,
        id_: str,
        make: Callable[[], Speaker],
        tell: Callable[[AudioEvent], None],
        off_clock: OffClock = run_in_thread,
    ) -> None:
        """`off_clock` may run work in another thread; its result is taken at the next `tend`."""
        self.id = id_
        self.stage = SupervisorState.SHUT
        self.rung = ProofLevel.UNKNOWN
        self._make = make
        self._tell = tell
        self._off_clock = off_clock
        self._speaker = make()
        self._fault: tuple[str, dict[str, Any]] | None = None
        self._found: Exception | ProofLevel | None = None
        self._probed: Exception | ProofLevel | None = None
        self._probing = False
        self._closed = False
        self._was_open = False
        self._opened_ns = 0
        self._retry_ns = RETRY_MIN_NS
        self._retry_at_ns: int | None = 0
        self._resting = True

    @property
    def codec(self) -> str:
        """The codec that it takes."""
        return self._speaker.codec

    @property
    def works(self) -> bool:
        """Whether frames that it is given are played."""
        return self.stage is SupervisorState.OPEN

    @property
    def untaken(self) -> bool:
        """Whether it failed because its session was not answered: nothing of that was heard."""
        return not self.works and self._fault is not None and self._fault[0] in UNTAKEN

    @property
    def busy(self) -> bool:
        """Whether it needs the clock."""
        return self.works and self._speaker.busy

    @property
    def behind(self) -> bool:
        """Whether it works and has frames left to play."""
        return self.works and self._speaker.behind

    def state(self) -> SpeakerState:
        """Its state for the gateway."""
        code, about = self._fault or (None, {})
        return SpeakerState(self.id, self.rung.wire, code, about)

    def play(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        """Play one frame."""
        self._resting = False
        if self.works:
            self._do(lambda: self._speaker.play(payload, rank, silent=silent))

    def cut(self) -> None:
        """Drop what has not been played yet."""
        if self.works:
            self._do(self._speaker.cut)

    def missed(self) -> None:
        """Note that it should play and does not work: try once more before its time."""
        if self._resting:
            self._resting = False
            if self._retry_at_ns is not None:
                self._retry_at_ns = 0

    def rest(self) -> None:
        """End the session."""
        if not self._resting:
            self._resting = True
            if self.works:
                self._do(self._speaker.rest)

    def tend(self, now_ns: int) -> None:
        """Open it when it is time, take results from threads, and let it do periodic work."""
        if self.stage is SupervisorState.OPENING:
            self._take_found(now_ns)
        if self.works:
            self._do(self._speaker.tend)
            self._take_probed()
            self._climb(self._speaker.rung)
        if self.stage is SupervisorState.WAITING and self._retry_at_ns is None:
            if self._was_open and now_ns - self._opened_ns >= RETRY_MAX_NS:
                self._retry_ns = RETRY_MIN_NS  # it worked for a while: this is a new fault
            self._retry_at_ns = now_ns + self._retry_ns
            self._retry_ns = min(self._retry_ns * 2, RETRY_MAX_NS)
        elif self.stage in (SupervisorState.SHUT, SupervisorState.WAITING) and now_ns >= (
            self._retry_at_ns or 0
        ):
            self._open()

    def probe(self) -> None:
        """Find out in a thread how far it works."""
        if self.works and not self._probing:
            self._probing = True
            self._off_clock(self._probe)
        elif self.stage is SupervisorState.WAITING:
            self._retry_at_ns = 0

    def note_microphone(self, verdict: bool | None) -> None:
        """Take a microphone's verdict; None if the microphone could not listen."""
        if verdict:
            self._climb(ProofLevel.HEARD)
        else:
            code = "speaker.no-microphone" if verdict is None else "speaker.not-heard"
            self._say_fault(Unavailable(code))

    def close(self) -> None:
        """Release it, also if it is only being opened."""
        self._closed = True
        self._off_clock(self._speaker.close)

    def _open(self) -> None:
        self.stage = TABLE[self.stage, SupervisorEvent.OPEN]
        self._found = None
        self._off_clock(self._try_open)

    def _try_open(self) -> None:
        try:
            CODECS[self._speaker.codec].encoder()  # raises if the codec is not installed
            self._speaker.open()
            if self._closed:
                self._speaker.close()
            self._found = self._speaker.rung
        except Exception as error:  # noqa: BLE001 - a driver may raise anything; it is a fault like others
            self._speaker.close()
            self._found = error

    def _probe(self) -> None:
        try:
            self._probed = self._speaker.probe()
        except Exception as error:  # noqa: BLE001 - a driver may raise anything; it is a fault like others
            self._probed = error

    def _take_found(self, now_ns: int) -> None:
        found = self._found
        if isinstance(found, Exception):
            self._fail(found)
        elif found is not None:
            self.stage = TABLE[self.stage, SupervisorEvent.OPENED]
            self._opened_ns = now_ns
            self._fault = None
            self.rung = found
            self._tell(SpeakerWorks(self.id, found.wire))

    def _take_probed(self) -> None:
        probed, self._probed = self._probed, None
        if probed is None:
            return
        self._probing = False
        if isinstance(probed, Exception):
            self._fail(probed)
        else:
            self.rung = max(self.rung, probed)
            self._tell(SpeakerWorks(self.id, self.rung.wire))

    def _climb(self, rung: ProofLevel) -> None:
        if rung > self.rung or (self._fault is not None and rung is ProofLevel.HEARD):
            self._fault = None
            self.rung = rung
            self._tell(SpeakerWorks(self.id, rung.wire))

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - a driver may raise anything; it is a fault like others
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        """Report a fault once, however often it is tried again."""
        self._was_open = self.works
        self.stage = TABLE[self.stage, SupervisorEvent.FAILED]
        self._off_clock(self._speaker.close)
        self._speaker = self._make()
        self._probing = False
        self.rung = ProofLevel.UNKNOWN
        self._retry_at_ns = None  # set by the next `tend`, which knows the time
        self._say_fault(error)

    def _say_fault(self, error: Exception) -> None:
        fault = _fault(error)
        if fault != self._fault:
            self._fault = fault
            self._tell(SpeakerFailed(self.id, *fault))


def _fault(error: Exception) -> tuple[str, dict[str, Any]]:
    if isinstance(error, StationError):
        return error.code, error.data
    return "speaker.failed", {"why": getattr(error, "strerror", None) or type(error).__name__}
