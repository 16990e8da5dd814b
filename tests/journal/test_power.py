"""A share of the proof: disk states that a power cut could leave."""

import pytest

from tests.proof.journal_power import cut_power


@pytest.mark.slow
def test_no_power_cut_loses_what_was_acknowledged(tmp_path):
    outcomes = cut_power(tmp_path, states=500, seed=20_261_123)
    assert set(outcomes) == {"ok"}
    assert outcomes["ok"] >= 400


@pytest.mark.slow
def test_with_less_than_full_synchronisation_it_would(tmp_path):
    outcomes = cut_power(tmp_path, states=200, seed=20_261_123, synchronous="NORMAL")
    assert outcomes["lost"] > 20
