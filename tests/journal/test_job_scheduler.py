"""What is done next: lingers, urgent flush, overtaking, reads between commits."""

import pytest

from gateway.event import Lane
from gateway.journal import StateChange
from gateway.journal.append_request import AppendRequest
from gateway.journal.job_scheduler import MS, CommitJob, JobScheduler, ReadJob
from gateway.journal.options import COMMIT_BYTES_MAX
from gateway.journal.write_budget import COMMIT_BYTES, SAVED_BYTES_MAX, WriteBudget
from tests.sim.journal import one

DAY_S = 86_400


@pytest.fixture
def agenda():
    return JobScheduler(WriteBudget(1.8, 0))


def waiting(lane, n=0, at_ns=0, size=0, state=()):
    return one(lane, n, size, state), at_ns, f"{lane.wire}{n}"


def tickets(job):
    assert isinstance(job, CommitJob)
    return [each.ticket for each in job.waiting]


@pytest.mark.parametrize(
    ("lane", "linger_ms"),
    [(Lane.EMERGENCY, 0), (Lane.ALARM, 0), (Lane.SERVICE, 50), (Lane.TELEMETRY, 20)],
)
def test_each_lane_lingers_in_its_own_way(agenda, lane, linger_ms):
    agenda.add(*waiting(lane))
    assert agenda.due_ns(0) == linger_ms * MS
    assert agenda.next(linger_ms * MS - 1) is None
    assert tickets(agenda.next(linger_ms * MS)) == [f"{lane.wire}0"]
    assert agenda.due_ns(0) is None


def test_readings_wait_a_second_when_the_allowance_is_spent(agenda):
    agenda._wear.spend(SAVED_BYTES_MAX * 10, 0)
    agenda.add(*waiting(Lane.TELEMETRY))
    assert agenda.due_ns(0) == 1_000 * MS


def test_an_urgent_append_takes_along_what_waits(agenda):
    agenda.add(*waiting(Lane.TELEMETRY))
    agenda.add(*waiting(Lane.SERVICE))
    agenda.add(*waiting(Lane.ALARM, at_ns=1))
    assert tickets(agenda.next(1)) == ["telemetry0", "service0", "alarm0"]
    assert not agenda


def test_state_alone_lingers_like_service(agenda):
    agenda.add(AppendRequest((), (StateChange("r", "k", b""),)), 0, "s")
    assert agenda.due_ns(0) == 50 * MS


def test_an_emergency_overtakes_when_not_all_fits(agenda):
    for n in range(5):
        agenda.add(*waiting(Lane.SERVICE, n, size=COMMIT_BYTES_MAX // 2))
    agenda.add(*waiting(Lane.EMERGENCY))
    assert tickets(agenda.next(0)) == ["emergency0", "service0"]
    assert tickets(agenda.next(50 * MS)) == ["service1"]
    assert agenda.waiting_bytes > COMMIT_BYTES_MAX


def test_it_does_not_overtake_an_earlier_change_of_the_same_state(agenda):
    for n in range(4):
        agenda.add(*waiting(Lane.SERVICE, n, size=COMMIT_BYTES_MAX // 4))
    agenda.add(*waiting(Lane.ALARM, 9, state=(StateChange("alarm", "a-1", b"open"),)))
    agenda.add(*waiting(Lane.EMERGENCY, state=(StateChange("alarm", "a-1", b"acknowledged"),)))
    assert tickets(agenda.next(0))[:2] == ["alarm9", "emergency0"]


def test_one_append_larger_than_a_transaction_goes_alone(agenda):
    agenda.add(*waiting(Lane.ALARM, 0, size=3 * COMMIT_BYTES_MAX))
    agenda.add(*waiting(Lane.ALARM, 1))
    assert tickets(agenda.next(0)) == ["alarm0"]
    assert tickets(agenda.next(0)) == ["alarm1"]


def test_reads_of_urgent_lanes_come_first_and_in_turn(agenda):
    for lane, name in [(Lane.TELEMETRY, "t1"), (Lane.ALARM, "a1"), (Lane.TELEMETRY, "t2")]:
        agenda.add_read(lane, ReadJob(int, name))
    assert [agenda.next(0).ticket for _ in range(3)] == ["a1", "t1", "t2"]


def test_between_two_commits_one_slice_may_pass(agenda):
    agenda.add_read(Lane.TELEMETRY, ReadJob(int, "r1"))
    agenda.add_read(Lane.TELEMETRY, ReadJob(int, "r2"))
    agenda.add(*waiting(Lane.ALARM, 0))
    jobs = []
    for n in range(1, 4):
        jobs.append(agenda.next(0))
        agenda.add(*waiting(Lane.ALARM, n))
    assert [isinstance(job, CommitJob) for job in jobs] == [True, False, True]


def test_no_slice_passes_an_emergency(agenda):
    agenda.add_read(Lane.EMERGENCY, ReadJob(int, "r"))
    for n in range(3):
        agenda.add(*waiting(Lane.EMERGENCY, n))
        assert isinstance(agenda.next(0), CommitJob)


def test_nothing_lingers_when_the_journal_is_closed(agenda):
    agenda.add(*waiting(Lane.TELEMETRY, at_ns=5))
    agenda.hurry = True
    assert tickets(agenda.next(5)) == ["telemetry0"]


def test_dropping_tells_everybody(agenda):
    agenda.add(*waiting(Lane.TELEMETRY))
    agenda.add_read(Lane.ALARM, ReadJob(int, "r"))
    assert agenda.drop() == ["telemetry0", "r"]
    assert (bool(agenda), agenda.waiting_bytes, agenda.due_ns(0)) == (False, 0, None)


@pytest.mark.slow
@pytest.mark.parametrize("events_per_s", [1, 5, 20, 60])
def test_a_day_of_readings_costs_the_allowance_and_none_waits_longer_than_a_second(events_per_s):
    """Simulated for an hour; the allowance is what the day may cost, in bytes."""
    wear = WriteBudget(1.8, 0)
    agenda = JobScheduler(wear)
    hour_ns, step_ns = 3_600 * 1_000 * MS, 1_000 * MS // events_per_s
    commits, longest_ns, now_ns, next_ns = 0, 0, 0, 0
    while now_ns < hour_ns:
        due_ns = agenda.due_ns(now_ns)
        if due_ns is not None and due_ns <= max(now_ns, next_ns):
            now_ns = max(now_ns, due_ns)
            job = agenda.next(now_ns)
            longest_ns = max(longest_ns, *(now_ns - each.since_ns for each in job.waiting))
            commits += 1
        else:
            now_ns = next_ns
            agenda.add(*waiting(Lane.TELEMETRY, at_ns=now_ns, size=160))
            next_ns += step_ns
    day_bytes = (commits * COMMIT_BYTES + 3_600 * events_per_s * 200 - SAVED_BYTES_MAX) * 24
    assert longest_ns <= 1_000 * MS
    assert day_bytes <= 1.8e9 * 1.05 or commits <= 3_600 * 1.05 + SAVED_BYTES_MAX / COMMIT_BYTES
