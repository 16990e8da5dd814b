"""A share of the proofs: I/O errors at run time, and a disk that dies for good."""

import pytest

from tests.proof.journal_dead_disk import die
from tests.proof.journal_errors import FAULTS, sweep


@pytest.mark.slow
def test_an_error_of_the_disk_loses_nothing_that_was_acknowledged(tmp_path):
    outcomes = sweep(tmp_path, points=2 * len(FAULTS), seed=20_261_123)
    assert outcomes.total() == 2 * len(FAULTS)
    assert {outcome.partition(": ")[2] for outcome in outcomes} <= {"refused", "went on"}
    assert sum(outcomes[f"{call} EIO: went on"] for call in ("write", "sync")) == 0


@pytest.mark.parametrize(("call", "number"), [("sync", 40), ("write", 600)])
def test_a_disk_that_dies_for_good_is_replaced_by_memory_that_says_so(tmp_path, call, number):
    outcome = die(tmp_path, call, number)
    assert outcome.processes == 2, "the first that is started anew is the one in memory"
    assert (outcome.said_saved, outcome.lost) == (0, 0)
