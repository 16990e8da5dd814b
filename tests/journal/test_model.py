"""The journal against a dictionary: whatever is done, and wherever the process dies.

A crash is a copy of the files at that instant: what the operating system would still write.
"""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.errors import JournalFull
from gateway.event import Lane
from gateway.journal import JournalOptions, StateChange
from gateway.journal.append_request import AppendRequest
from tests.sim.journal import body, open_core, read_all

OPTIONS = JournalOptions(quota_mb=16, reserve_mb=1)
NAMES = ("a", "b")
LANES = st.sampled_from(list(Lane))


class JournalModel(RuleBasedStateMachine):
    """`stored` is what was acknowledged, `receipted` what each follower has receipted."""

    def __init__(self):
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.runs = 0
        self.stored = {lane: {} for lane in Lane}
        self.state = {}
        self.receipted = {name: dict.fromkeys(Lane, 0) for name in NAMES}

    @initialize()
    def begin(self):
        self.path.parent.mkdir()
        self.core = open_core(self.path, options=OPTIONS, retaining=NAMES)
        assert self.core.chore(idle=True)  # the reserve
        self.tight = False

    @property
    def path(self):
        return self.directory / f"{self.runs}" / "journal.db"

    def teardown(self):
        if hasattr(self, "core"):
            self.core.abandon()
        shutil.rmtree(self.directory)

    @rule(
        lanes=st.lists(LANES, max_size=6),
        size=st.sampled_from([0, 50, 3_000]),
        changes=st.dictionaries(st.sampled_from("xyz"), st.none() | st.binary(max_size=900)),
    )
    def append(self, lanes, size, changes):
        bodies = tuple((lane, body(lane, len(self.stored[lane]), size)) for lane in lanes)
        state = tuple(StateChange("room", key, value) for key, value in changes.items())
        (outcome,) = self.core.commit([AppendRequest(bodies, state)], self.receipted)
        if isinstance(outcome, JournalFull):
            assert Lane.EMERGENCY not in lanes
            return
        for entry, (lane, written) in zip(outcome, bodies, strict=True):
            assert (entry.lane, entry.body) == (lane, written)
            assert entry.seq == len(self.stored[lane]) + 1
            self.stored[lane][entry.seq] = written
        self.state |= changes
        self.state = {key: value for key, value in self.state.items() if value is not None}

    @rule(name=st.sampled_from(NAMES), lane=LANES, share=st.floats(0, 1))
    def receipt(self, name, lane, share):
        upto = int(len(self.stored[lane]) * share)
        self.receipted[name][lane] = max(upto, self.receipted[name][lane])

    @rule(spare=st.integers(-200, 40))
    def the_disk_is_full(self, spare):
        self.core._quota.limit(max(1, self.core._db.pages + spare))
        self.tight = True

    @rule()
    def the_disk_has_room(self):
        self.core._checkpoint()
        self.core._allocate()
        self.tight = False

    @rule()
    def upkeep(self):
        while self.core.chore(idle=True):
            self.tight = False

    @rule(clean=st.booleans())
    def restart(self, clean):
        if clean:
            self.core.close(self.receipted)
        old = self.path.parent
        self.runs += 1
        shutil.copytree(old, self.path.parent)
        self.core.abandon()
        self.core = open_core(self.path, options=OPTIONS, retaining=NAMES)
        for name in NAMES:
            for lane in Lane:
                known = self.core.positions[name][lane]
                assert known <= self.receipted[name][lane]
                assert self.tight or not clean or known == self.receipted[name][lane]
                self.receipted[name][lane] = known
        self.tight = False

    @invariant()
    def every_number_is_stored_receipted_or_in_a_gap(self):
        if not hasattr(self, "core"):
            return
        self.core.positions.advance(self.receipted)
        for lane in Lane:
            assert self.core.heads()[lane] == len(self.stored[lane])
            floor = min(self.receipted[name][lane] for name in NAMES)
            due = 1
            for entry in read_all(self.core, lane):
                if entry.gap_from is None:
                    assert entry.body == self.stored[lane][entry.seq]
                assert due == (entry.seq if entry.gap_from is None else entry.gap_from)
                if entry.gap_from is not None and b"gap-history" in entry.body:
                    assert entry.seq <= floor
                due = entry.seq + 1
            assert due == len(self.stored[lane]) + 1

    @invariant()
    def the_state_is_what_was_written(self):
        if hasattr(self, "core"):
            assert self.core.load("room") == self.state


TestJournalModel = pytest.mark.slow(JournalModel.TestCase)
TestJournalModel.settings = settings(
    max_examples=60,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
