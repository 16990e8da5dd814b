"""A keeper on a simulated clock: faults told once, back-off, and nobody else disturbed."""

from broadcast.audio_protocol.messages import AudioEvent, SpeakerFailed, SpeakerWorks
from broadcast.speakers.contract import ProofLevel
from broadcast.speakers.supervisor import (
    RETRY_MAX_NS,
    TABLE,
    SpeakerSupervisor,
    SupervisorEvent,
    SupervisorState,
)
from gateway.errors import Unavailable

SECOND_NS = 1_000_000_000


class Flaky:
    """A speaker that does as it is told."""

    codec = "raw"
    busy = False
    behind = False

    def __init__(self) -> None:
        self.rung = ProofLevel.UNKNOWN
        self.broken: Exception | None = None
        self.calls: list[str] = []

    def _do(self, what: str) -> None:
        self.calls.append(what)
        if self.broken is not None and what != "close":
            raise self.broken

    def open(self) -> None:
        self._do("open")

    def play(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        self._do("play")
        self.rung = ProofLevel.SENT

    def cut(self) -> None:
        self._do("cut")

    def rest(self) -> None:
        self._do("rest")

    def tend(self) -> None:
        self._do("tend")

    def probe(self) -> ProofLevel:
        self._do("probe")
        return ProofLevel.REACHABLE

    def close(self) -> None:
        self._do("close")


class Bench:
    def __init__(self) -> None:
        self.speaker = Flaky()
        self.events: list[AudioEvent] = []
        self.later: list = []
        self.keeper = SpeakerSupervisor(
            "s", lambda: self.speaker, self.events.append, self.later.append
        )
        self.now_ns = 0

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.keeper.tend(self.now_ns)
            self.work()
            self.now_ns += SECOND_NS

    def work(self) -> None:
        """What was put off the clock."""
        later, self.later[:] = list(self.later), []
        for each in later:
            each()


def test_it_is_opened_off_the_clock_and_plays_only_then() -> None:
    bench = Bench()
    bench.keeper.tend(0)
    bench.keeper.play(b"", 3)
    assert bench.speaker.calls == []
    bench.run(2)
    bench.keeper.play(b"", 3)
    assert bench.keeper.works
    assert bench.events[0] == SpeakerWorks("s", "unknown")
    bench.run(1)
    assert bench.events[1:] == [SpeakerWorks("s", "sent")]


def test_a_fault_is_told_once_and_tried_again_ever_more_seldom() -> None:
    bench = Bench()
    bench.speaker.broken = Unavailable("speaker.unreachable", address="x")
    bench.run(600)
    assert bench.events == [SpeakerFailed("s", "speaker.unreachable", {"address": "x"})]
    tries = bench.speaker.calls.count("open")
    assert 8 <= tries <= 20
    bench.speaker.broken = None
    bench.run(RETRY_MAX_NS // SECOND_NS + 2)
    assert bench.events[-1] == SpeakerWorks("s", "unknown")
    assert bench.keeper.state().code is None


def test_what_breaks_in_the_middle_is_a_fault_and_a_new_session_is_worth_a_try_at_once() -> None:
    bench = Bench()
    bench.run(2)
    bench.keeper.play(b"", 3)
    bench.speaker.broken = OSError(19, "No such device")
    bench.keeper.play(b"", 3)
    assert bench.events[-1] == SpeakerFailed("s", "speaker.failed", {"why": "No such device"})
    assert bench.keeper.stage is SupervisorState.WAITING
    bench.run(300)
    bench.speaker.broken = None
    bench.keeper.rest()
    bench.keeper.missed()
    bench.run(2)
    assert bench.keeper.works


def test_a_long_session_is_no_reason_to_hammer() -> None:
    bench = Bench()
    bench.speaker.broken = OSError(19, "No such device")
    for _ in range(600):
        bench.keeper.missed()
        bench.run(1)
    assert bench.speaker.calls.count("open") <= 20


def test_one_that_opens_well_and_fails_at_once_is_tried_ever_more_seldom_too() -> None:
    bench = Bench()
    for _ in range(600):
        bench.run(1)
        bench.speaker.broken = OSError(111, "Connection refused") if bench.keeper.works else None
    assert bench.speaker.calls.count("open") <= 20
    bench.speaker.broken = None
    bench.run(200)
    assert bench.keeper.works
    bench.speaker.broken = OSError(5, "Input/output error")
    bench.run(1)
    bench.speaker.broken = None
    bench.run(4)
    assert bench.keeper.works  # it had been well for minutes: back after a second


def test_a_probe_climbs_and_a_microphone_climbs_higher() -> None:
    bench = Bench()
    bench.run(2)
    bench.keeper.probe()
    bench.run(2)
    assert bench.events[-1] == SpeakerWorks("s", "reachable")
    bench.keeper.note_microphone(None)
    assert bench.events[-1] == SpeakerFailed("s", "speaker.no-microphone", {})
    bench.keeper.note_microphone(True)
    assert bench.events[-1] == SpeakerWorks("s", "heard")
    bench.keeper.note_microphone(False)
    assert bench.events[-1] == SpeakerFailed("s", "speaker.not-heard", {})
    assert bench.keeper.works  # it goes on playing: maybe it is the microphone


def test_a_driver_that_raises_anything_is_a_fault() -> None:
    bench = Bench()
    bench.speaker.broken = RuntimeError("oops")
    bench.run(3)
    assert bench.events == [SpeakerFailed("s", "speaker.failed", {"why": "RuntimeError"})]


def test_one_closed_while_it_is_opening_is_given_back() -> None:
    bench = Bench()
    bench.keeper.tend(0)
    bench.keeper.close()
    bench.work()
    assert bench.speaker.calls.count("close") == 2


def test_every_stage_has_a_way_on() -> None:
    assert {stage for stage, _ in TABLE} == set(SupervisorState)
    assert {turn for _, turn in TABLE} == set(SupervisorEvent)


def test_a_session_that_nobody_took_is_known_until_it_works_again() -> None:
    bench = Bench()
    bench.run(2)
    for code, untaken in (("speaker.no-answer", True), ("speaker.hung-up", False)):
        bench.speaker.broken = Unavailable(code)
        bench.keeper.tend(bench.now_ns)
        assert (bench.keeper.works, bench.keeper.untaken) == (False, untaken)
        bench.speaker.broken = None
        bench.run(100)
        assert (bench.keeper.works, bench.keeper.untaken) == (True, False)
