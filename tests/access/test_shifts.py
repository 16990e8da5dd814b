"""A duty desk over a shift's end and over a power cut: it goes on hearing, and acts for nobody."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access import Access, codes
from gateway.access.sessions import (
    IDLE_S,
    LOOK_S,
    PAGE_S,
    REBOOT_S,
    WHOLE_S,
    Session,
    SessionStatus,
)
from gateway.clock import Clock
from gateway.event import Trust
from tests.access.harness import CHEAP, PASSWORDS, MovedKernel, Site, browser, site
from tests.web.station import WALL_NS

S = 10**9
# So long the new boot has lived when the state is read.
UP_S = 40

STAFF_PAGE = "/desk/record"


def before(worked_s: int, *, wall: bool = True) -> Session:
    """Somebody signed in and at work for so long, when the power goes."""
    seen_ns = 1000 * S + worked_s * S
    return Session("a", "pin", "d", 0, "b1", 1000 * S, seen_ns, seen_ns, WALL_NS if wall else None)


def age_ns(session: Session, now_ns: int) -> int:
    return session.spent_ns + now_ns - session.began_ns


@pytest.mark.parametrize(
    ("worked_s", "away_s", "after_s", "standing"),
    [
        (3600, 300, 10, SessionStatus.ACTIVE),  # the clock vouches for a short cut
        (3600, None, 10, SessionStatus.LOCKED),  # nobody knows how long it was
        (3600, IDLE_S, 10, SessionStatus.LOCKED),
        (3600, 300, IDLE_S, SessionStatus.LOCKED),
        (WHOLE_S - 60, 300, 10, SessionStatus.LOCKED),  # the shift is over, its page may come back
        (WHOLE_S - 60, 300, PAGE_S, SessionStatus.ENDED),  # and has not
        (3600, WHOLE_S, PAGE_S, SessionStatus.ENDED),
        (3600, LOOK_S, 10, SessionStatus.ENDED),
        (3600, None, WHOLE_S, SessionStatus.ENDED),
        (3600, -300, 10, SessionStatus.LOCKED),  # a clock that went back says nothing
    ],
)
def test_after_a_reboot_a_session_looks_and_acts_only_where_the_clock_vouches(
    worked_s: int, away_s: int | None, after_s: int, standing: SessionStatus
) -> None:
    session = before(worked_s).after_load("b2", UP_S * S)
    wall_ns = None if away_s is None else WALL_NS + away_s * S
    assert session.status("b2", (UP_S + after_s) * S, wall_ns) is standing
    assert session.status("b1", (UP_S + after_s) * S, wall_ns) is SessionStatus.ENDED


def test_begun_without_the_time_it_is_locked_by_a_reboot() -> None:
    session = before(3600, wall=False).after_load("b2", UP_S * S)
    assert session.status("b2", UP_S * S, WALL_NS) is SessionStatus.LOCKED


def test_a_press_after_the_reboot_counts_the_time_that_it_took() -> None:
    session = before(3600).after_load("b2", UP_S * S)
    now_ns, wall_ns = (UP_S + 10) * S, WALL_NS + 600 * S
    pressed = session.after_press(now_ns, wall_ns)
    assert not pressed.carried
    assert age_ns(pressed, now_ns) // S == 3600 + 600
    assert pressed.status("b2", now_ns, wall_ns) is SessionStatus.ACTIVE


@given(st.lists(st.tuples(st.integers(0, 7200), st.booleans()), min_size=1, max_size=30))
def test_no_number_of_reboots_gives_back_what_was_spent(boots: list[tuple[int, bool]]) -> None:
    session, spent_ns = before(0, wall=False), 0
    for n, (lived_s, presses) in enumerate(boots, 2):
        session = session.after_load(f"b{n}", UP_S * S)
        now_ns = (UP_S + lived_s) * S
        assert age_ns(session, now_ns) >= spent_ns + lived_s * S + REBOOT_S * S
        if presses:
            session = session.after_press(now_ns, None)
            assert age_ns(session, now_ns) >= spent_ns + lived_s * S
            spent_ns = age_ns(session, now_ns)


def test_a_session_of_an_older_version_is_read() -> None:
    old = msgspec.to_builtins(before(60))
    for new in ("seen_wall_ns", "carried", "page_ns"):
        del old[new]
    session = msgspec.convert(old, Session).after_load("b2", UP_S * S)
    assert session.status("b2", UP_S * S, WALL_NS) is SessionStatus.LOCKED


async def rebooted(made: Site, wall_ns: int | None = None) -> Access:
    """The same state, read by a later boot."""
    clock = Clock("0" * 15 + "2", MovedKernel())
    if wall_ns is not None:
        clock.learn(Trust.NTP, wall_ns, 1_000_000)
    return await Access.open(made.journal, made.ledger, clock, made.folder / "keys", cost=CHEAP)


async def test_only_the_computer_that_was_signed_in_at_comes_back(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.furnish()
        signed = await made.access.sign_in("zhang", PASSWORDS["zhang"], made.place())
        access = await rebooted(made)
        assert access.identify(signed.token) is None, "a stolen token alone"
        assert access.identify(signed.token, codes.new_token()) is None
        caller = access.identify(signed.token, signed.desk)
        assert caller is not None
        assert caller.locked
        assert access.is_live(caller)
        again = await access.sign_in(
            "zhang", PASSWORDS["zhang"], made.place(), signed.desk, signed.token
        )
        assert access.identify(signed.token, signed.desk) is None
        back = access.identify(again.token)
        assert back is not None
        assert not back.locked
        access.close()


async def test_where_ntp_vouches_for_a_short_cut_staff_go_on(tmp_path: Path) -> None:
    async with site(tmp_path) as made:
        await made.furnish()
        made.clock.learn(Trust.NTP, WALL_NS, 1_000_000)
        signed = await made.access.sign_in("zhang", PASSWORDS["zhang"], made.place())
        access = await rebooted(made, WALL_NS + 120 * S)
        caller = access.identify(signed.token, signed.desk)
        assert caller is not None
        assert not caller.locked
        access.touch(caller)
        kept = access.book.session(caller.session)
        assert kept is not None
        assert not kept.carried
        access.close()


async def test_a_night_duty_hears_the_station_until_the_next_evening(tmp_path: Path) -> None:
    async with site(tmp_path) as made, browser(made) as reader:
        await made.furnish()
        await reader.enter("zhang")
        caller = made.access.identify(reader.token)
        assert caller is not None
        step_s = PAGE_S - 20
        for _ in range(WHOLE_S // step_s + 5):
            made.clock.advance(step_s)
            assert made.access.is_live(caller)
        assert (await reader.get("/desk/")).status == 200, "in at 18:00, and not mute at 06:00"
        assert (await reader.get(STAFF_PAGE)).status == 401, "but who acts says who they are"
        lived_s = 0
        while made.access.is_live(caller):
            made.clock.advance(step_s)
            lived_s += step_s
            assert lived_s < LOOK_S
        assert made.access.identify(reader.token) is None


async def test_a_page_that_was_closed_ends_with_the_shift(tmp_path: Path) -> None:
    async with site(tmp_path) as made, browser(made) as reader:
        await made.furnish()
        await reader.enter("zhang")
        caller = made.access.identify(reader.token)
        assert caller is not None
        made.clock.advance(WHOLE_S - PAGE_S)
        assert made.access.is_live(caller)
        made.clock.advance(PAGE_S + 1)
        assert not made.access.is_live(caller)


async def test_a_start_in_the_first_minute_of_a_boot_takes_over_sessions(
    tmp_path: Path,
) -> None:
    """Instants of a boot are never before it, however long the shift has lasted already."""
    async with site(tmp_path) as made:
        await made.furnish("zhang")
        signed = await made.access.sign_in("zhang", PASSWORDS["zhang"], made.place())
        made.clock.advance(3600)
        kernel = MovedKernel()
        kernel.moved_ns = UP_S * S - kernel.boottime_ns()
        young = Clock("0" * 15 + "2", kernel)
        access = await Access.open(
            made.journal, made.ledger, young, made.folder / "keys", cost=CHEAP
        )
        woken = access.book.session(codes.token_digest(signed.token))
        assert woken is not None
        assert 0 <= woken.began_ns <= young.now_ns()
        assert woken.spent_ns >= REBOOT_S * S
        access.close()
