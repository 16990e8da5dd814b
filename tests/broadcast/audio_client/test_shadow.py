from broadcast.audio_client.shadow import FRAME_NS, ProcessShadow, ProgrammeRestart
from broadcast.audio_protocol.messages import (
    AudioState,
    EndedProgramme,
    Programme,
    ProgrammeFinished,
    ProgrammeStarted,
    ProgrammeState,
    ProgrammeStopped,
)


def _programme(id_: str, **more) -> Programme:
    return Programme(id=id_, zones=("all",), rank=3, **({"files": ("x",)} | more))


def _state(*there: str, ended: tuple[EndedProgramme, ...] = ()) -> AudioState:
    held = tuple(ProgrammeState(id_, "playing", 3, ("all",)) for id_ in there)
    return AudioState(1, "p", "b", realtime=True, programmes=held, ended=ended)


def test_a_lost_process_is_brought_to_where_it_was() -> None:
    mirror = ProcessShadow()
    playing, ready, gone = _programme("a"), _programme("b"), _programme("c", expires_ns=50)
    for each in (playing, ready, gone):
        mirror.note_prepared(each, 100)
    mirror.note_played("a", 0)
    mirror.handle_event(ProgrammeStarted("a", 1000, 0))
    again, over = mirror.plan_restart(1000 + 30 * FRAME_NS + 5, 1000 + 40 * FRAME_NS)
    assert again == [ProgrammeRestart(playing, 30, had=()), ProgrammeRestart(ready, None)]
    assert over == [ProgrammeStopped("c", "expired", 0)]
    assert mirror.plan_restart(0, 0)[1] == []


def test_what_had_been_asked_but_not_started_starts_from_its_place() -> None:
    mirror, wanted = ProcessShadow(), _programme("a")
    mirror.note_prepared(wanted, 100)
    mirror.note_played("a", 7)
    assert mirror.plan_restart(10**12, 10**12) == ([ProgrammeRestart(wanted, 7)], [])


def test_live_sound_is_lost_and_what_had_ended_is_finished() -> None:
    mirror = ProcessShadow()
    mirror.note_prepared(_programme("mic", files=()), 0)
    mirror.handle_event(ProgrammeStarted("mic", 0))
    mirror.note_prepared(_programme("a"), 10)
    mirror.handle_event(ProgrammeStarted("a", 0))
    again, over = mirror.plan_restart(12 * FRAME_NS, 12 * FRAME_NS)
    assert again == []
    assert over == [ProgrammeStopped("mic", "lost", 12, ()), ProgrammeFinished("a", 10, (), ())]


def test_met_again_the_same_process_tells_what_was_missed() -> None:
    mirror = ProcessShadow()
    for id_ in "abcd":
        mirror.note_prepared(_programme(id_), 10)
    ended = (EndedProgramme("a", "finished", 10), EndedProgramme("b", "stop", 4))
    assert mirror.missed_events(_state("c", ended=ended)) == [
        ProgrammeFinished("a", 10), ProgrammeStopped("b", "stop", 4), ProgrammeStopped("d",
        "lost", 0),
    ]  # fmt: skip
    assert mirror.missed_events(_state("c")) == []


def test_what_is_stopped_is_not_brought_back() -> None:
    mirror = ProcessShadow()
    mirror.note_prepared(_programme("a"), 10)
    mirror.forget("a")
    mirror.note_prepared(_programme("b"), 10)
    mirror.handle_event(ProgrammeStopped("b", "stop", 1))
    assert mirror.plan_restart(0, 0) == ([], [])


def test_an_emergency_is_brought_back_before_what_takes_long_to_read() -> None:
    mirror = ProcessShadow()
    music, alarm = _programme("music"), _programme("alarm", urgent=True)
    for each in (music, alarm):
        mirror.note_prepared(each, 100)
        mirror.note_played(each.id, 0)
    again, _ = mirror.plan_restart(0, 0)
    assert [each.programme.id for each in again] == ["alarm", "music"]
