"""When a deadline passes in UTC, as an event's `expirytime` says it."""

from gateway.clock import Deadline
from gateway.event import Timestamps, Trust

S = 10**9
KNOWN = Timestamps("a", 100 * S, 1_800_000_000 * S, Trust.NTP)


def test_a_deadline_of_this_boot_is_told_by_the_stamps() -> None:
    assert Deadline("a", 160 * S).wall_by(KNOWN) == 1_800_000_060 * S


def test_what_somebody_has_signed_is_told_as_it_was_signed() -> None:
    assert Deadline("b", 0, 1_800_000_500 * S).wall_by(KNOWN) == 1_800_000_500 * S


def test_of_another_boot_or_without_a_clock_nobody_can_tell() -> None:
    assert Deadline("b", 160 * S).wall_by(KNOWN) is None
    assert Deadline("a", 160 * S).wall_by(Timestamps("a", 100 * S)) is None
