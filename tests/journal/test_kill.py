"""A share of the proof: kill -9 of a real writer."""

import pytest

from tests.proof.journal_kill import kills


@pytest.mark.slow
def test_no_kill_loses_what_was_acknowledged(tmp_path):
    figures = kills(tmp_path, count=15, seed=20_261_123)
    assert figures["inside a commit"] >= 5
    assert figures["acknowledged"] > 500
    assert set(figures) == {"kills", "inside a commit", "acknowledged"}
