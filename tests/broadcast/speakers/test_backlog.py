"""What waits for a loudspeaker: in order, and nothing of it once it is over."""

from hypothesis import given
from hypothesis import strategies as st

from broadcast.audio_protocol.pcm import FRAME_BYTES, SILENCE
from broadcast.audio_protocol.speaker_options import SoundCardOptions
from broadcast.speakers.backlog import PAUSE_FRAMES, WAKE_RANK, FrameBacklog
from broadcast.speakers.soundcard import LEAD_FRAMES, SoundCardSpeaker


def taken(backlog: FrameBacklog) -> list[int]:
    found = []
    while (payload := backlog.pop()) is not None:
        found.append(payload[0])
    return found


def put(backlog: FrameBacklog, *numbers: int, rank: int = 3, silent: bool = False) -> None:
    for number in numbers:
        backlog.put(bytes([number]), rank, silent=silent)


def test_what_waits_comes_in_its_order_and_the_oldest_makes_room() -> None:
    backlog = FrameBacklog(4)
    put(backlog, 1, 2, 3, 4, 5)
    assert backlog.behind
    assert taken(backlog) == [2, 3, 4, 5]
    assert not backlog.behind


def test_what_is_stopped_is_not_heard_but_an_amplifier_still_wakes() -> None:
    backlog = FrameBacklog(9)
    put(backlog, 0, rank=WAKE_RANK)
    put(backlog, 1, 2)
    backlog.cut()
    put(backlog, 3)
    assert taken(backlog) == [0, 3]


def test_what_is_more_urgent_is_heard_at_once_and_what_is_less_comes_after() -> None:
    backlog = FrameBacklog(9)
    put(backlog, 0, rank=WAKE_RANK)
    put(backlog, 1, 2)
    put(backlog, 3, 4, rank=8)
    put(backlog, 5)
    assert taken(backlog) == [0, 3, 4, 5]


def test_pauses_shrink_while_it_is_behind_and_never_vanish() -> None:
    backlog = FrameBacklog(99)
    put(backlog, 1)
    put(backlog, *[0] * 30, silent=True)
    put(backlog, 2)
    assert taken(backlog) == [1, *[0] * PAUSE_FRAMES, 2]
    for _ in range(30):  # nothing waits: the pause is as long as it is
        put(backlog, 0, silent=True)
        assert taken(backlog) == [0]


def test_a_slow_amplifier_wakes_before_the_first_word() -> None:
    """A card takes a frame a beat; none of what sounds is lost while the amplifier wakes."""
    card = SoundCardSpeaker("hall", SoundCardOptions(zones=("hall",), warm_up_s=2.0))
    given = []
    for number in range(200):
        card.play(bytes([number + 1]) * FRAME_BYTES, 3)
        given.append(card._backlog.pop() or b"?")
    wakes = 100 + LEAD_FRAMES
    assert given[:wakes] == [SILENCE] * wakes
    assert [frame[0] for frame in given[wakes:]] == list(range(1, 201 - wakes))
    assert card.behind
    card.cut()
    assert not card.behind


@given(st.lists(st.tuples(st.integers(0, 99), st.integers(1, 9), st.booleans()), max_size=60))
def test_no_word_of_the_highest_class_is_lost_or_moved(frames) -> None:
    backlog = FrameBacklog(100)
    for number, rank, silent in frames:
        backlog.put(bytes([number]), rank, silent=silent)
    top = max((rank for _, rank, _ in frames), default=0)
    spoken = [number for number, rank, silent in frames if rank == top and not silent]
    heard = iter(taken(backlog))
    assert all(number in heard for number in spoken)
