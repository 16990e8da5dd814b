from broadcast.engine.mirror import FRAME_NS, Again, Mirror
from broadcast.engine.wire import Ended, Finished, Programme, Sounding, Started, State, Stopped


def _programme(id_: str, **more) -> Programme:
    return Programme(id=id_, zones=("all",), rank=3, **({"files": ("x",)} | more))


def _state(*there: str, ended: tuple[Ended, ...] = ()) -> State:
    held = tuple(Sounding(id_, "playing", 3, ("all",)) for id_ in there)
    return State(1, "p", "b", realtime=True, programmes=held, ended=ended)


def test_a_lost_process_is_brought_to_where_it_was() -> None:
    mirror = Mirror()
    playing, ready, gone = _programme("a"), _programme("b"), _programme("c", expires_ns=50)
    for each in (playing, ready, gone):
        mirror.note_prepared(each, 100)
    mirror.note_played("a", 0)
    mirror.handle_event(Started("a", 1000, 0))
    again, over = mirror.plan_restart(1000 + 30 * FRAME_NS + 5, 1000 + 40 * FRAME_NS)
    assert again == [Again(playing, 30, had=()), Again(ready, None)]
    assert over == [Stopped("c", "expired", 0)]
    assert mirror.plan_restart(0, 0)[1] == []


def test_what_had_been_asked_but_not_started_starts_from_its_place() -> None:
    mirror, wanted = Mirror(), _programme("a")
    mirror.note_prepared(wanted, 100)
    mirror.note_played("a", 7)
    assert mirror.plan_restart(10**12, 10**12) == ([Again(wanted, 7)], [])


def test_live_sound_is_lost_and_what_had_ended_is_finished() -> None:
    mirror = Mirror()
    mirror.note_prepared(_programme("mic", files=()), 0)
    mirror.handle_event(Started("mic", 0))
    mirror.note_prepared(_programme("a"), 10)
    mirror.handle_event(Started("a", 0))
    again, over = mirror.plan_restart(12 * FRAME_NS, 12 * FRAME_NS)
    assert again == []
    assert over == [Stopped("mic", "lost", 12, ()), Finished("a", 10, (), ())]


def test_met_again_the_same_process_tells_what_was_missed() -> None:
    mirror = Mirror()
    for id_ in "abcd":
        mirror.note_prepared(_programme(id_), 10)
    ended = (Ended("a", "finished", 10), Ended("b", "stop", 4))
    assert mirror.missed_events(_state("c", ended=ended)) == [
        Finished("a", 10), Stopped("b", "stop", 4), Stopped("d", "lost", 0),
    ]  # fmt: skip
    assert mirror.missed_events(_state("c")) == []


def test_what_is_stopped_is_not_brought_back() -> None:
    mirror = Mirror()
    mirror.note_prepared(_programme("a"), 10)
    mirror.forget("a")
    mirror.note_prepared(_programme("b"), 10)
    mirror.handle_event(Stopped("b", "stop", 1))
    assert mirror.plan_restart(0, 0) == ([], [])


def test_an_emergency_is_brought_back_before_what_takes_long_to_read() -> None:
    mirror = Mirror()
    music, alarm = _programme("music"), _programme("alarm", urgent=True)
    for each in (music, alarm):
        mirror.note_prepared(each, 100)
        mirror.note_played(each.id, 0)
    again, _ = mirror.plan_restart(0, 0)
    assert [each.programme.id for each in again] == ["alarm", "music"]
