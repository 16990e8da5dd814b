"""How often a password may be tried, and how long a session lasts: pure, on made-up instants."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.access.sessions import IDLE_S, WHOLE_S, Session, SessionStatus
from gateway.access.throttle import (
    COUNTS_MAX,
    FREE,
    SOURCE_A_MINUTE,
    STRANGERS_A_MINUTE,
    WAIT_S_MAX,
    Throttle,
    address_block,
)

S = 10**9


def test_a_few_tries_are_free_and_then_the_wait_doubles_to_its_bound() -> None:
    throttle, now_ns, waits = Throttle(), 0, []
    for _ in range(FREE + 12):
        wait_s = throttle.admit(("account:a",), now_ns)
        if wait_s:
            waits.append(wait_s)
            now_ns += int(wait_s * S)
            assert throttle.admit(("account:a",), now_ns) == 0
    assert waits[:5] == [2, 4, 8, 16, 32]
    assert max(waits) == WAIT_S_MAX


@given(
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 30), st.integers(0, 30)), max_size=300)
)
def test_strangers_have_a_few_tries_a_minute_each_and_together(tries) -> None:
    throttle, now_ns, admitted = Throttle(), 0, []
    for after_ms, account, address in tries:
        now_ns += after_ms * 10**6
        keys = (f"account:{account}", f"address:{address}")
        if not throttle.admit(keys, now_ns, stranger=str(address)):
            admitted.append((address, now_ns))
    for address, begin in admitted:
        minute = [source for source, at in admitted if begin <= at < begin + 60 * S]
        assert len(minute) <= STRANGERS_A_MINUTE
        assert minute.count(address) <= SOURCE_A_MINUTE


def test_one_guesser_leaves_room_for_the_others() -> None:
    throttle = Throttle()
    for n in range(100):
        throttle.admit((f"account:{n}", f"try:{n}"), 0, stranger="192.168.1.66")
    assert throttle.admit(("account:zhang", "address:192.168.1.7"), 0, stranger="192.168.1.7") == 0


def test_a_thousand_at_one_instant_are_as_few_as_one_by_one() -> None:
    throttle = Throttle()
    admitted = [throttle.admit(("account:a", "address:b"), 0, stranger="b") for _ in range(1000)]
    assert admitted.count(0) == FREE


def test_a_right_password_takes_nothing_from_anybody() -> None:
    throttle = Throttle()
    for n in range(3 * STRANGERS_A_MINUTE):
        keys = (f"account:{n}", f"address:{n}")
        assert throttle.admit(keys, 0, stranger="b") == 0
        throttle.forgive(keys, stranger="b")


def test_counts_outlive_the_process_and_waits_begin_anew() -> None:
    throttle = Throttle()
    for _ in range(FREE):
        throttle.admit(("account:a",), 5 * S)
    again = Throttle.from_stored(msgspec.json.decode(throttle.dump()), 1 * S)
    assert again.admit(("account:a",), 1 * S) == 2
    assert again.attempts_left(("account:b",), 1 * S) == FREE


def test_counts_are_bounded_and_a_day_forgets_them() -> None:
    throttle = Throttle()
    for n in range(COUNTS_MAX + 50):
        throttle.admit((f"account:{n}",), n)
    assert len(throttle._counts) == COUNTS_MAX
    for _ in range(FREE):
        throttle.admit(("account:x",), 0)
    assert throttle.admit(("account:x",), 25 * 3600 * S) == 0


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("240e:1:2:3::7", "240e:1:2:3::/64"),
        ("240e:1:2:3:ffff::1", "240e:1:2:3::/64"),
        ("fd00:1:2:3::7", "fd00:1:2:3::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", "?"),
    ],
)
def test_who_owns_a_network_has_one_count(address: str, counted: str) -> None:
    assert address_block(address) == counted


@pytest.mark.parametrize(
    ("boot", "idle_s", "age_s", "standing"),
    [
        ("b", 0, 0, SessionStatus.ACTIVE),
        ("b", IDLE_S - 1, 3600, SessionStatus.ACTIVE),
        ("b", IDLE_S, 3600, SessionStatus.LOCKED),
        ("b", 0, WHOLE_S - 1, SessionStatus.ACTIVE),
        ("b", 0, WHOLE_S, SessionStatus.ENDED),
        ("other", 0, 0, SessionStatus.ENDED),
    ],
)
def test_a_session_locks_when_idle_and_ends_with_the_shift_or_the_boot(
    boot: str, idle_s: float, age_s: float, standing: SessionStatus
) -> None:
    now_ns = 10**6 * S
    began, seen = now_ns - int(age_s * S), now_ns - int(idle_s * S)
    session = Session("a", "password", "d", 0, "b", began, seen, seen)
    assert session.status(boot, now_ns) is standing
