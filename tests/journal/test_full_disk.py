"""A share of the proof: the disk is full to the last byte, and no emergency is refused."""

import pytest

from tests.proof.journal_full_disk import fill_up
from tests.proof.small_disk import may_mount

needs_root = pytest.mark.skipif(not may_mount(), reason="mounting a small disk needs root")


@needs_root
@pytest.mark.parametrize("kind", ["ext4", "tmpfs"])
@pytest.mark.parametrize("before", [0, 8_000])
def test_no_emergency_is_refused_and_every_number_is_accounted_for(tmp_path, kind, before):
    full = fill_up(tmp_path, kind, before=before, offered=150)
    print(full)
    assert full.refused_emergencies == 0
    assert full.issued == full.stored + full.in_gaps + full.receipted
    if before:
        assert full.refused_others == 0
