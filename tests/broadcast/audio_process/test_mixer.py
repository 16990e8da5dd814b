"""The mixer on a simulated clock: no sockets, no threads, no sleep."""

import contextlib
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.audio_process.mixer import (
    DRAINED_FRAMES_MAX,
    MEMORY_BYTES_MAX,
    URGENT_BYTES_MAX,
    Mixer,
)
from broadcast.audio_process.sources import FileSource, PcmFile
from broadcast.audio_protocol import messages
from broadcast.audio_protocol.messages import (
    Programme,
    ProgrammeFinished,
    ProgrammeStarted,
    ProgrammeStopped,
    SpeakerSetting,
    ZoneMeter,
)
from broadcast.audio_protocol.pcm import (
    FRAME_BYTES,
    FRAME_NS,
    FRAME_SAMPLES,
    Fader,
    audioop,
    db_factor,
)
from broadcast.audio_protocol.speaker_options import MulticastOptions
from gateway.errors import CommandRefused
from tests.broadcast.audio_process.harness import speechlike, tone

HALL = SpeakerSetting("hall", MulticastOptions(zones=("all", "hall"), group="239.255.12.0"))
YARD = SpeakerSetting("yard", MulticastOptions(zones=("all", "yard"), group="239.255.13.0"))


class Sim:
    """A mixer with its own time."""

    def __init__(self, *speakers: SpeakerSetting) -> None:
        self.behind: set[str] = set()
        self.mixer = Mixer(behind=lambda ids: bool(self.behind & set(ids)))
        self.mixer.set_speakers(speakers or (HALL, YARD))
        self.now_ns = 0
        self.sound: dict[str, bytes] = {}
        self.ranks: dict[str, list[int]] = {}
        self.events: list[messages.AudioEvent] = []

    def put(self, id_: str, samples: "array[int]", **more) -> None:
        more = {"zones": ("all",), "rank": 3, "files": ("x",)} | more
        programme = Programme(id=id_, **more)
        tape = FileSource([PcmFile(samples.tobytes())], programme.repeat, programme.gap_s)
        self.mixer.prepare(programme, tape, self.now_ns)

    def play(self, id_: str, start: int = 0) -> None:
        self.mixer.play(id_, start, self.now_ns)

    def do(self, what: str, n: int, heard: dict[str, int]) -> None:
        id_ = f"p{n}"
        {
            "put": lambda: self.put(id_, tone(440, 0.1), urgent=n % 2 == 0, rank=n + 1),
            "play": lambda: self.play(id_),
            "resume": lambda: self.play(id_, heard.get(id_, 3)),
            "stop": lambda: self.mixer.stop(id_, (), "stop"),
            "zone": lambda: self.mixer.stop(None, (("hall", "yard", "all", "attic")[n],), "stop"),
            "duck": lambda: self.mixer.set_level(id_, "hall", -15),
            "sinks": lambda: self.mixer.set_speakers((HALL, YARD)[: n % 3]),
            "run": lambda: self.run(n + 1),
        }[what]()

    def run(self, frames: int) -> None:
        for _ in range(frames):
            for mix in self.mixer.tick(self.now_ns):
                for id_ in mix.speakers:
                    self.sound[id_] = self.sound.get(id_, b"") + mix.frame
                    self.ranks.setdefault(id_, []).append(mix.rank)
            self.events += [
                self.seen(e) for e in self.mixer.take_events() if not isinstance(e, ZoneMeter)
            ]
            self.now_ns += FRAME_NS

    def seen(self, event: messages.AudioEvent) -> messages.AudioEvent:
        """What happened; who took it is looked at in test_takers.py."""
        match event:
            case ProgrammeFinished(id=id_, frames=frames):
                return ProgrammeFinished(id_, frames)
            case ProgrammeStopped(id=id_, why=why, frames=frames):
                return ProgrammeStopped(id_, why, frames)
        return event


def test_what_several_programmes_play_is_in_memory_once() -> None:
    sim, reel = Sim(HALL), PcmFile(bytes(MEMORY_BYTES_MAX // 4))
    for n in range(8):
        programme = Programme(id=f"p{n}", zones=("all",), files=("x",), rank=3)
        sim.mixer.prepare(programme, FileSource([reel, reel], 2, 0), 0)
    with pytest.raises(CommandRefused, match="full"):
        sim.mixer.prepare(
            Programme(id="more", zones=("all",), files=("y",), rank=3),
            FileSource([PcmFile(bytes(MEMORY_BYTES_MAX))], 1, 0),
            0,
        )


def test_a_clip_is_played_as_it_is_to_the_sample() -> None:
    sim, clip = Sim(), speechlike(0.5)
    sim.put("a", clip)
    sim.play("a")
    sim.run(30)
    assert sim.sound["hall"] == sim.sound["yard"] == clip.tobytes()
    assert sim.events == [ProgrammeStarted("a", 0, 0, ("hall", "yard")), ProgrammeFinished("a", 25)]
    assert sim.mixer.silent


def test_only_the_zones_meant_hear_it_and_any_speaker_is_a_zone() -> None:
    sim = Sim()
    sim.put("a", tone(440, 0.1), zones=("yard",))
    sim.put("b", tone(440, 0.1), zones=("speaker:hall",))
    sim.play("a")
    sim.run(10)
    assert set(sim.sound) == {"yard"}
    sim.play("b")
    sim.run(10)
    assert set(sim.sound) == {"yard", "hall"}


def test_what_is_ordinary_never_takes_the_room_of_an_emergency() -> None:
    sim = Sim(HALL)
    for n in range(messages.PROGRAMMES_MAX):
        sim.put(f"p{n}", tone(440, 0.1))
    with pytest.raises(CommandRefused, match="full"):
        sim.put("one more", tone(440, 0.1))
    for n in range(messages.URGENT_MAX):
        sim.put(f"u{n}", tone(440, 0.1), urgent=True, rank=8)
    with pytest.raises(CommandRefused, match="full"):
        sim.put("one more", tone(440, 0.1), urgent=True, rank=8)


def test_nor_does_it_take_all_of_the_memory() -> None:
    sim, minutes = Sim(HALL), array("h", bytes(1200 * 32_000))
    sim.put("music", minutes)
    with pytest.raises(CommandRefused, match="full"):
        sim.put("more", minutes)
    sim.put("almost", array("h", bytes(MEMORY_BYTES_MAX - len(minutes) * 2)))
    sim.put("alarm", array("h", bytes(URGENT_BYTES_MAX)), urgent=True, rank=8)
    with pytest.raises(CommandRefused, match="full"):
        sim.put("second", tone(440, 0.1), urgent=True, rank=8)


def test_repeats_with_gaps() -> None:
    sim, clip = Sim(HALL), tone(440, 0.04)
    sim.put("a", clip, repeat=3, gap_s=0.02)
    sim.play("a")
    sim.run(20)
    gap = bytes(FRAME_BYTES)
    assert sim.sound["hall"] == (clip.tobytes() + gap) * 2 + clip.tobytes()


def test_ducking_is_15_db_with_a_fade_of_50_ms_and_comes_back() -> None:
    sim = Sim(HALL)
    sim.put("music", tone(1000, 2), rank=1)
    sim.play("music")
    sim.run(10)
    sim.mixer.set_level("music", "hall", -15)
    sim.run(10)
    sim.mixer.set_level("music", "hall", 0)
    sim.run(10)
    levels = [
        audioop.rms(sim.sound["hall"][n : n + FRAME_BYTES], 2)
        for n in range(0, 30 * FRAME_BYTES, FRAME_BYTES)
    ]
    full, ducked = levels[5], levels[15]
    assert ducked / full == pytest.approx(db_factor(-15), rel=0.02)
    assert (
        full > levels[10] > levels[11] > levels[12] > ducked == pytest.approx(levels[13], rel=0.02)
    )
    assert levels[25] == pytest.approx(full, rel=0.02)


def test_a_stop_fades_in_50_ms_and_says_why() -> None:
    sim = Sim(HALL)
    sim.put("a", tone(1000, 2))
    sim.play("a")
    sim.run(10)
    sim.mixer.stop("a", (), "pre-empted")
    sim.run(10)
    assert sim.events[-1] == ProgrammeStopped("a", "pre-empted", 13)
    assert len(sim.sound["hall"]) == 13 * FRAME_BYTES
    assert array("h", sim.sound["hall"])[-160:] == array("h", bytes(320))


def test_preemption_the_new_class_leads_from_its_first_frame() -> None:
    sim = Sim(HALL)
    sim.put("notice", tone(500, 2), rank=3)
    sim.put("alarm", tone(1500, 1), rank=8, urgent=True)
    sim.play("notice")
    sim.run(10)
    sim.play("alarm")
    sim.mixer.stop("notice", (), "pre-empted")
    asked_ns = sim.now_ns
    sim.run(10)
    assert sim.ranks["hall"] == [3] * 10 + [8] * 10
    started = next(e for e in sim.events if isinstance(e, ProgrammeStarted) and e.id == "alarm")
    assert started.at_ns - asked_ns <= FRAME_NS


def test_stopping_a_zone_leaves_the_others() -> None:
    sim = Sim()
    sim.put("a", tone(440, 1))
    sim.play("a")
    sim.run(5)
    sim.mixer.stop(None, ("yard",), "stop")
    sim.run(60)
    assert len(sim.sound["yard"]) == 8 * FRAME_BYTES
    assert len(sim.sound["hall"]) == 50 * FRAME_BYTES
    assert sim.events[-1] == ProgrammeFinished("a", 50)


def test_stopping_every_zone_stops_it() -> None:
    sim = Sim()
    sim.put("a", tone(440, 1))
    sim.play("a")
    sim.run(5)
    sim.mixer.stop(None, ("hall", "yard"), "stop")
    sim.run(60)
    assert sim.events[-1] == ProgrammeStopped("a", "stop", 8)


def test_a_programme_in_a_zone_without_speakers_runs_and_can_be_stopped() -> None:
    sim = Sim()
    sim.put("a", tone(440, 1), zones=("attic",))
    sim.play("a")
    sim.run(5)
    assert sim.events == [ProgrammeStarted("a", 0, 0, ())]
    sim.mixer.stop(None, ("attic",), "stop")
    assert sim.mixer.silent
    sim.run(1)
    assert sim.events[-1] == ProgrammeStopped("a", "stop", 5)


def test_volume_is_passed_by_in_an_emergency_and_near_zones_keep_their_cap() -> None:
    turned_down = SpeakerSetting(
        "horn", MulticastOptions(zones=("all",), group="239.255.14.0", volume_db=-20)
    )
    near = SpeakerSetting(
        "lift", MulticastOptions(zones=("all",), group="239.255.15.0"), cap_db=-12
    )
    sim = Sim(turned_down, near)
    sim.put("notice", tone(1000, 0.1), rank=3)
    sim.put("alarm", tone(1000, 0.1), rank=8)
    full = audioop.rms(tone(1000, 0.1).tobytes(), 2)
    for id_, horn, lift in (("notice", -20, -12), ("alarm", 0, -12)):
        sim.sound.clear()
        sim.play(id_)
        sim.run(6)
        assert audioop.rms(sim.sound["horn"], 2) == pytest.approx(full * db_factor(horn), rel=0.02)
        assert audioop.rms(sim.sound["lift"], 2) == pytest.approx(full * db_factor(lift), rel=0.02)


def test_a_programme_is_not_over_before_the_last_speaker_has_said_it() -> None:
    sim = Sim()
    sim.put("a", tone(440, 0.2), expires_ns=60 * FRAME_NS)
    sim.play("a")
    sim.behind = {"yard"}
    sim.run(30)
    assert sim.events == [ProgrammeStarted("a", 0, 0, ("hall", "yard"))]
    assert len(sim.sound["hall"]) == 10 * FRAME_BYTES
    assert not sim.mixer.silent
    sim.behind.clear()
    sim.run(1)
    assert sim.events[-1] == ProgrammeFinished("a", 10)
    assert sim.mixer.take_cuts() == set()


@pytest.mark.parametrize("why", ["stopped", "replaced"])
def test_what_a_speaker_has_still_to_say_can_be_stopped(why: str) -> None:
    sim = Sim()
    sim.put("a", tone(440, 0.2))
    sim.play("a")
    sim.behind = {"yard"}
    sim.run(30)
    sim.mixer.stop("a", (), why)
    assert sim.mixer.take_cuts() == {"hall", "yard"}
    sim.run(1)
    assert sim.events[-1] == ProgrammeStopped("a", why, 10)


def test_what_a_speaker_has_still_to_say_expires_and_a_dead_one_is_not_waited_for() -> None:
    sim = Sim()
    for id_, more in (("a", {"expires_ns": 60 * FRAME_NS}), ("b", {})):
        sim.put(id_, tone(440, 0.2), **more)
        sim.play(id_)
    sim.behind = {"yard"}
    sim.run(56)
    assert ProgrammeFinished("a", 10) not in sim.events
    sim.run(1)
    assert sim.mixer.take_cuts() == {"hall", "yard"}
    assert sim.events[-1] == ProgrammeFinished("a", 10)
    sim.run(DRAINED_FRAMES_MAX)
    assert sim.events[-1] == ProgrammeFinished("b", 10)


def test_whatever_is_stopped_at_a_speaker_is_cut_there_and_nowhere_else() -> None:
    sim = Sim()
    for id_ in ("a", "b"):
        sim.put(id_, tone(440, 1))
    sim.play("a")
    sim.run(5)
    assert sim.mixer.take_cuts() == set()
    sim.mixer.stop(None, ("yard",), "stop")
    assert sim.mixer.take_cuts() == {"yard"}
    sim.play("b")
    sim.mixer.set_speakers((HALL,))
    assert sim.mixer.take_cuts() == {"yard"}
    sim.mixer.stop("a", (), "stop")
    assert sim.mixer.take_cuts() == {"hall"}


def test_what_expires_is_gone_before_its_time_and_never_starts_after() -> None:
    sim = Sim(HALL)
    sim.put("a", tone(440, 2), expires_ns=20 * FRAME_NS)
    sim.put("b", tone(440, 2), expires_ns=20 * FRAME_NS)
    sim.play("a")
    sim.run(30)
    assert len(sim.sound["hall"]) <= 20 * FRAME_BYTES
    assert {e.id: e.why for e in sim.events if isinstance(e, ProgrammeStopped)} == {
        "a": "expired", "b": "expired",
    }  # fmt: skip
    with pytest.raises(CommandRefused, match="expired"):
        sim.put("c", tone(440, 1), expires_ns=20 * FRAME_NS)


def test_an_urgent_id_sounds_once_in_a_boot_and_may_only_go_on_where_it_broke_off() -> None:
    sim = Sim(HALL)
    sim.put("a", tone(440, 1), urgent=True)
    sim.play("a")
    sim.run(10)
    sim.mixer.stop("a", (), "pre-empted")
    sim.run(10)
    stopped = sim.events[-1]
    assert isinstance(stopped, ProgrammeStopped)
    sim.put("a", tone(440, 1), urgent=True)
    with pytest.raises(CommandRefused, match="played"):
        sim.play("a")
    sim.put("a", tone(440, 1), urgent=True)
    sim.play("a", stopped.frames)
    sim.run(60)
    assert sim.events[-1] == ProgrammeFinished("a", 50)
    sim.put("a", tone(440, 1), urgent=True)
    with pytest.raises(CommandRefused, match="played"):
        sim.play("a")


def test_playing_again_what_plays_changes_nothing() -> None:
    sim = Sim(HALL)
    sim.put("a", tone(440, 0.2), urgent=True)
    sim.play("a")
    sim.run(5)
    sim.play("a")
    sim.run(10)
    assert len(sim.sound["hall"]) == 10 * FRAME_BYTES
    assert [type(e) for e in sim.events] == [ProgrammeStarted, ProgrammeFinished]


def test_live_sound_waits_for_40_ms_and_is_cut_when_it_lags() -> None:
    sim = Sim(HALL)
    voice = tone(700, 1)
    sim.mixer.open_live(Programme(id="mic", zones=("hall",), rank=6), 0)
    sim.mixer.feed_live("mic", voice[:FRAME_SAMPLES].tobytes())
    sim.run(3)
    assert sim.sound == {}
    sim.mixer.feed_live("mic", voice[FRAME_SAMPLES : 2 * FRAME_SAMPLES].tobytes())
    sim.run(1)
    assert len(sim.sound["hall"]) == FRAME_BYTES
    sim.mixer.feed_live("mic", voice.tobytes())
    sim.mixer.end_live("mic")
    sim.run(50)
    assert isinstance(sim.events[-1], ProgrammeFinished)
    assert len(sim.sound["hall"]) <= FRAME_BYTES * 7


@pytest.mark.parametrize("fed", [False, True])
def test_live_sound_that_nobody_feeds_is_over_after_5_s(fed: bool) -> None:
    sim = Sim(HALL)
    sim.mixer.open_live(Programme(id="mic", zones=("hall",), rank=6), 0)
    if fed:
        sim.mixer.feed_live("mic", bytes(FRAME_BYTES * 3))
    sim.run(260)
    assert isinstance(sim.events[-1], ProgrammeStopped)
    assert sim.events[-1].why == "starved"
    assert sim.mixer.silent


def test_a_speaker_that_comes_later_joins_and_one_that_goes_does_not_stop_it() -> None:
    sim = Sim(HALL)
    sim.put("a", tone(440, 1))
    sim.play("a")
    sim.run(10)
    sim.mixer.set_speakers([HALL, YARD])
    sim.run(10)
    sim.mixer.set_speakers([YARD])
    sim.run(40)
    assert len(sim.sound["hall"]) == 20 * FRAME_BYTES
    assert len(sim.sound["yard"]) == 40 * FRAME_BYTES


def test_everything_has_its_limit() -> None:
    sim = Sim(HALL)
    for n in range(messages.PROGRAMMES_MAX):
        sim.put(f"p{n}", tone(440, 0.02))
    with pytest.raises(CommandRefused, match="full"):
        sim.put("one-more", tone(440, 0.02))
    with pytest.raises(CommandRefused, match="unknown"):
        sim.play("nothing")
    with pytest.raises(CommandRefused, match="not-live"):
        sim.mixer.feed_live("p1", b"")


def test_meters_tell_how_loud_and_once_of_silence() -> None:
    sim = Sim(HALL)
    sim.put("a", tone(1000, 0.5))
    sim.play("a")
    told: list[ZoneMeter] = []
    for _ in range(60):
        sim.mixer.tick(sim.now_ns)
        told += [e for e in sim.mixer.take_events() if isinstance(e, ZoneMeter)]
    hall = [e.dbfs for e in told if e.zone == "hall"]
    assert hall[:2] == [pytest.approx(-13.5, abs=0.3)] * 2
    assert hall[-1] == -96
    assert hall.count(-96) == 1


steps = st.lists(
    st.tuples(
        st.sampled_from(["put", "play", "resume", "stop", "zone", "duck", "run", "sinks"]),
        st.integers(0, 3),
    ),
    max_size=60,
)


@given(steps)
def test_whatever_is_asked_every_start_has_one_end_and_urgent_frames_sound_once(script) -> None:
    sim = Sim()
    heard: dict[str, int] = {}
    for what, n in script:
        id_ = f"p{n}"
        with contextlib.suppress(CommandRefused):
            sim.do(what, n, heard)
        heard |= {
            e.id: e.frames
            for e in sim.events
            if isinstance(e, ProgrammeStopped | ProgrammeFinished)
        }
    sim.run(40)
    assert sim.mixer.silent
    for id_ in {e.id for e in sim.events}:
        mine = [e for e in sim.events if e.id == id_]
        starts = [e for e in mine if isinstance(e, ProgrammeStarted)]
        assert sum(isinstance(e, ProgrammeStarted) for e in mine) <= sum(
            isinstance(e, ProgrammeFinished | ProgrammeStopped) for e in mine
        )
        if id_ in ("p0", "p2"):
            ends = [
                e.frames
                for e in mine
                if isinstance(e, ProgrammeFinished | ProgrammeStopped)
                if e.frames
            ]
            assert all(later.start >= end for later, end in zip(starts[1:], ends, strict=False))


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 2000))
def test_a_fader_arrives_and_never_overshoots(now: float, goal: float, samples: int) -> None:
    fader, loud = Fader(now, goal, samples), tone(1000, 0.02, 1.0).tobytes()
    for _ in range(8):
        assert audioop.max(fader.frame(loud), 2) <= 32768 * max(now, goal) + 1
        fader = fader.after()
    assert fader == Fader(goal, goal)
