"""A year of a lively station whose staff forget: no ride and no call is refused, nothing grows."""

import os

import pytest

from kiosk.requests.repository import RequestRepository
from tests.kiosk.requests.harness import limit
from tests.kiosk.requests.simulated_year import lived

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
SEED = int(os.environ.get("YIZHAN_SEED", "0"))
YEAR = 365


def test_a_few_days_refuse_nothing_and_nothing_grows():
    for year in lived(range(2), days=4):
        assert year.wrong == []
        assert year.made >= 400


@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_a_year_in_which_staff_forget_refuses_no_ride_and_no_call():
    days = max(20, round(YEAR * SHARE))
    found = lived(range(2 * SEED, 2 * SEED + 2), days)
    print(f"seed {SEED}, {days} days")
    for year in found:
        told = ", ".join(f"{name} {count}" for name, count in sorted(year.most.items()))
        print(f"alert={year.alert}: {year.made} asked, {year.refused} orders refused; most {told}")
    assert {number: year.wrong[:3] for number, year in enumerate(found) if year.wrong} == {}
    assert all(year.refused == 0 for year in found if year.alert), "who closes refuses nothing"


def test_a_board_that_refuses_is_noticed(monkeypatch):
    """As it was: one bound for all of them."""
    real = RequestRepository.add_request

    def bounded(self, service, *rest, **fields):
        if service.family != "call" and sum(1 for _ in self.open_requests()) >= 20:
            limit(monkeypatch, "ride", 0)
        return real(self, service, *rest, **fields)

    monkeypatch.setattr(RequestRepository, "add_request", bounded)
    assert any(
        "ride was refused" in wrong for year in lived(range(1), days=4) for wrong in year.wrong
    )
