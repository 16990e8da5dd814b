"""Damage to the journal that took a damaged one's place: the wrecks still hold what came over."""

import pytest

from tests.proof import journal_damage


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_came_over_is_read_again_from_its_wreck(tmp_path, times):
    """Killed after any number of steps between one damage and the next."""
    assert journal_damage.run(tmp_path, "0", times)["entries"] == 270
