"""Which speakers took a programme, where it was stopped, and what takes another's place."""

import msgspec
import pytest

from broadcast.audio_client.shadow import ProcessShadow
from broadcast.audio_process.mixer import Mixer
from broadcast.audio_process.track import MISSED_FRAMES_MAX
from broadcast.audio_protocol import messages
from broadcast.audio_protocol.messages import (
    AudioState,
    EndedProgramme,
    Programme,
    ProgrammeFinished,
    ProgrammeStarted,
    ProgrammeStopped,
)
from broadcast.audio_protocol.pcm import FRAME_BYTES, FRAME_NS
from broadcast.audio_protocol.speaker_options import MulticastOptions
from gateway.errors import CommandRefused
from tests.broadcast.audio_process.harness import tone
from tests.broadcast.audio_process.test_mixer import HALL, YARD, Sim


class Fragile(Sim):
    """Speakers may break."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: set[str] = set()
        self.untaken = False
        self.mixer = Mixer(broken=lambda: dict.fromkeys(self.broken, self.untaken))
        self.mixer.set_speakers((HALL, YARD))

    def seen(self, event: messages.AudioEvent) -> messages.AudioEvent:
        return event


def finished(sim: Sim, id_: str = "a") -> ProgrammeFinished:
    return next(e for e in sim.events if isinstance(e, ProgrammeFinished) and e.id == id_)


def test_the_end_says_who_took_it() -> None:
    sim = Fragile()
    sim.broken = {"yard"}
    sim.put("a", tone(440, 1))
    sim.play("a")
    sim.run(60)
    assert finished(sim) == ProgrammeFinished("a", 50, ("hall",), ("hall",))
    assert sim.mixer.ended() == (EndedProgramme("a", "finished", 50, ("hall",), ("hall",)),)


def test_nobody_took_what_no_speaker_could() -> None:
    sim = Fragile()
    sim.broken = {"hall", "yard"}
    sim.put("a", tone(440, 1))
    sim.play("a")
    sim.run(60)
    assert finished(sim) == ProgrammeFinished("a", 50, (), ())


@pytest.mark.parametrize(("late", "whole"), [(MISSED_FRAMES_MAX, True), (110, False)])
def test_one_that_comes_late_has_it_whole_if_it_lacks_two_seconds_at_most(late, whole) -> None:
    sim = Fragile()
    sim.put("a", tone(440, 4))
    sim.play("a")
    sim.broken = {"yard"}
    sim.run(late)
    sim.broken = set()
    sim.run(150)
    expected = ("hall", "yard") if whole else ("hall",)
    assert finished(sim) == ProgrammeFinished("a", 200, ("hall", "yard"), expected)


def test_one_that_fails_in_the_middle_has_not_had_it_whole() -> None:
    sim = Fragile()
    sim.put("a", tone(440, 4))
    sim.play("a")
    sim.run(50)
    sim.broken = {"yard"}
    sim.run(1)
    sim.broken = set()
    sim.run(160)
    assert finished(sim).whole == ("hall",)
    assert finished(sim).speakers == ("hall", "yard")


def test_a_horn_that_never_answered_its_call_took_nothing() -> None:
    sim = Fragile()
    sim.put("a", tone(440, 4))
    sim.play("a")
    sim.run(150)
    sim.broken, sim.untaken = {"yard"}, True
    sim.run(60)
    assert finished(sim) == ProgrammeFinished("a", 200, ("hall",), ("hall",))


def test_one_that_it_was_stopped_at_took_some_and_it_stays_away() -> None:
    sim = Fragile()
    sim.put("a", tone(440, 1))
    sim.play("a")
    sim.run(10)
    sim.mixer.stop("a", ("speaker:yard",), messages.CUT)
    assert sim.mixer.programmes()[0].speakers == ("hall",)
    moved = messages.SpeakerSetting("yard", MulticastOptions(zones=("all",), group="239.255.13.0"))
    sim.mixer.set_speakers((HALL, moved))
    sim.run(60)
    assert len(sim.sound["yard"]) <= 13 * FRAME_BYTES
    assert finished(sim) == ProgrammeFinished("a", 50, ("hall", "yard"), ("hall",))


def test_what_is_only_ready_can_be_kept_from_a_speaker() -> None:
    sim = Fragile()
    sim.put("a", tone(440, 1))
    sim.mixer.stop("a", ("speaker:yard",), messages.CUT)
    sim.play("a")
    sim.run(60)
    assert set(sim.sound) == {"hall"}
    assert finished(sim).speakers == ("hall",)


def test_music_joins_in_where_it_goes_on() -> None:
    sim = Fragile()
    sim.put("a", tone(440, 2))
    sim.play("a")
    sim.run(10)
    sim.mixer.stop("a", ("speaker:yard",), messages.CUT)
    sim.run(20)
    sim.mixer.play("a", 0, sim.now_ns, zones=("speaker:yard",))
    sim.sound.clear()
    sim.run(20)
    tail = 10 * FRAME_BYTES
    assert sim.sound["yard"][-tail:] == sim.sound["hall"][-tail:]


def test_it_joins_in_where_it_had_not_been_meant_for() -> None:
    sim = Fragile()
    sim.put("a", tone(440, 2), zones=("speaker:yard",))
    sim.play("a")
    sim.run(10)
    sim.mixer.play("a", 0, sim.now_ns, zones=("hall",))
    sim.run(100)
    assert len(sim.sound["hall"]) == 90 * FRAME_BYTES
    assert set(finished(sim).whole or ()) == {"hall", "yard"}


def test_the_words_take_the_place_of_their_siren_within_a_frame() -> None:
    sim = Fragile()
    sim.put("e~0", tone(500, 8), rank=8, urgent=True)
    sim.put("e~1", tone(900, 1), rank=8, urgent=True)
    sim.play("e~0")
    sim.run(10)
    sim.mixer.play("e~1", 0, sim.now_ns, replaces=("e~0", "gone"))
    sim.run(10)
    started = next(e for e in sim.events if isinstance(e, ProgrammeStarted) and e.id == "e~1")
    stopped = next(e for e in sim.events if isinstance(e, ProgrammeStopped))
    assert (stopped.id, stopped.why, stopped.speakers) == ("e~0", messages.CUT, ("hall", "yard"))
    assert stopped.frames == 13, "it fades out while the other begins"
    assert started.at_ns == 10 * FRAME_NS
    assert len(sim.sound["hall"]) == 20 * FRAME_BYTES


def test_what_is_refused_takes_nobodys_place() -> None:
    sim = Fragile()
    sim.put("e~1", tone(900, 0.1), rank=8, urgent=True)
    sim.play("e~1")
    sim.run(10)
    sim.put("e~0", tone(500, 8), rank=8)
    sim.play("e~0")
    sim.put("e~1", tone(900, 0.1), rank=8, urgent=True)
    with pytest.raises(CommandRefused, match="played"):
        sim.mixer.play("e~1", 0, sim.now_ns, replaces=("e~0",))
    sim.run(10)
    assert [(each.id, each.state) for each in sim.mixer.programmes()] == [("e~0", "playing")]


def test_a_new_process_is_told_where_a_programme_was_stopped() -> None:
    mirror = ProcessShadow()
    wanted = Programme(id="a", zones=("all",), rank=3, files=("x",))
    mirror.note_prepared(wanted, 100)
    mirror.note_played("a", 0)
    mirror.note_left("a", ("speaker:yard", "speaker:hall"))
    mirror.note_played("a", 0, ("speaker:hall",))
    (again,) = mirror.plan_restart(0, 0)[0]
    assert again.left == ("speaker:yard",)
    assert again.programme.zones == ("all", "speaker:hall")


def test_the_state_fits_a_packet_whoever_took_what() -> None:
    many = tuple(f"a-loudspeaker-with-a-long-name-{n:03}" for n in range(256))
    ended = tuple(EndedProgramme(f"order-{n}", "finished", 10, many, many) for n in range(256))
    state = messages.fit_state(AudioState(1, "p", "b", realtime=True, ended=ended))
    assert len(messages.pack_message(state)) <= messages.PACKET_BYTES_MAX
    assert [each.id for each in state.ended] == [each.id for each in ended]
    assert state.ended[0].speakers is None


def test_a_process_of_an_older_release_is_not_told_where_a_loudspeaker_stands():
    options = MulticastOptions(zones=("all", "hall"), group="239.255.12.0", stands="indoors")
    told = msgspec.json.encode(messages.speaker_setting("hall", options, None))
    assert b"stands" not in told
    assert msgspec.json.decode(told, type=messages.SpeakerSetting).options.zones == ("all", "hall")


def test_who_lacked_the_first_part_has_not_had_it_whole_after_a_lost_process() -> None:
    mirror, wanted = ProcessShadow(), Programme(id="a", zones=("all",), files=("x",), rank=8)
    mirror.note_prepared(wanted, 200)
    mirror.note_played("a", 0)
    mirror.handle_event(ProgrammeStarted("a", 0, 0, ("hall", "roof")))
    mirror.handle_event(messages.SpeakerFailed("roof", "speaker.failed"))
    (again,) = mirror.plan_restart(100 * FRAME_NS, 110 * FRAME_NS)[0]
    assert (again.start, again.had) == (100, ("hall",))
    sim = Fragile()
    sim.put("a", tone(440, 4))
    sim.mixer.play("a", 100, sim.now_ns, had=again.had)
    sim.run(110)
    assert finished(sim) == ProgrammeFinished("a", 200, ("hall", "yard"), ("hall",))
    # the next process dies in its turn: who worked then alone has still had it all
    mirror.handle_event(ProgrammeStarted("a", 110 * FRAME_NS, 100, ("hall", "roof", "yard")))
    assert mirror.plan_restart(150 * FRAME_NS, 150 * FRAME_NS)[0][0].had == ("hall",)


def test_who_took_the_first_part_took_some_though_it_is_broken_since() -> None:
    sim = Fragile()
    sim.broken = {"yard"}
    sim.put("a", tone(440, 4))
    sim.mixer.play("a", 100, sim.now_ns, had=("yard",))
    sim.run(110)
    assert finished(sim) == ProgrammeFinished("a", 200, ("hall", "yard"), ())


def test_what_had_ended_with_its_process_was_taken_by_those_who_worked() -> None:
    mirror = ProcessShadow()
    mirror.note_prepared(Programme(id="a", zones=("all",), files=("x",), rank=8), 100)
    mirror.handle_event(ProgrammeStarted("a", 0, 0, ("hall",)))
    over = mirror.plan_restart(120 * FRAME_NS, 130 * FRAME_NS)[1]
    assert over == [ProgrammeFinished("a", 100, ("hall",), ("hall",))]
