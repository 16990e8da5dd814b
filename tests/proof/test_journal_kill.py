"""kill -9, 200 times, at least a third of them inside a commit: nothing acknowledged is lost."""

import os

import pytest

from tests.proof.journal_kill import kills

SEED = int(os.environ.get("YIZHAN_SEED", "0"))
SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))


@pytest.mark.proof
def test_no_kill_loses_what_was_acknowledged(tmp_path):
    count = max(3, int(200 * SHARE))
    figures = kills(tmp_path, count=count, seed=SEED)
    print(f"kill -9: {dict(figures)}")
    assert figures["inside a commit"] >= count / 3
    assert set(figures) == {"kills", "inside a commit", "acknowledged"}
