"""The promise of a ride, over thousands of bad days; and that what breaks it is noticed."""

import os

import pytest

from kiosk.request_types.ride.outside import DispatchClient
from kiosk.request_types.ride.rules import RideRules
from kiosk.request_types.ride.type import RideState
from kiosk.speech.announcer import Announcer
from tests.kiosk.requests.schedules import broken

pytestmark = pytest.mark.slow

SHARE = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
SEED = int(os.environ.get("YIZHAN_SEED", "0"))
LARGE = 10_000


def test_no_ride_is_late_double_lost_or_left_unsaid():
    assert broken(range(20)) == {}


@pytest.mark.proof
@pytest.mark.timeout(7200)
def test_no_ride_is_late_double_lost_or_left_unsaid_in_ten_thousand_schedules():
    count = round(LARGE * SHARE)
    first = SEED * LARGE
    assert broken(range(first, first + count)) == {}
    print(f"{count} schedules: 0 late, 0 double, 0 lost, every end spoken")


def _never_owed(monkeypatch):
    monkeypatch.setattr(RideRules, "_withdraw", lambda *_: None)


def _asked_anew(monkeypatch):
    """After a restart, a ride that was being asked is simply asked again, by the next road, too."""

    def resume(self, moment):
        for request in self.repository.open_requests(family="ride"):
            if request.state in (RideState.ASKING, RideState.AGAIN):
                self.start_request(request, moment)

    monkeypatch.setattr(RideRules, "resume", resume)


def _doubt_is_a_no(monkeypatch):
    def doubt(self, request, moment, **_):
        self._refused(request, moment, heard=True)

    monkeypatch.setattr(RideRules, "_doubt", doubt)


def _no_deadline_over_reboots(monkeypatch):
    real = RideRules._aged

    def aged(self, request, moment):
        if request.ride.until.boot != moment.stamps.boot:
            return request
        return real(self, request, moment)

    monkeypatch.setattr(RideRules, "_aged", aged)


def _ends_in_silence(monkeypatch):
    real = Announcer._unsaid

    def unsaid(self, request_id):
        request = real(self, request_id)
        return None if request is not None and request.state == RideState.EXPIRED else request

    monkeypatch.setattr(Announcer, "_unsaid", unsaid)


def _asked_until_answered(monkeypatch):
    """As an outbox would: no answer, and it is sent once more, for an hour."""

    def unanswered(self, request, answer, moment):
        if not request.ended:
            self._ask(request, "request", moment.deadline_after(3600))

    real = RideRules._aged

    def aged(self, request, moment):
        return request if request.state == RideState.ASKING else real(self, request, moment)

    monkeypatch.setattr(RideRules, "_unanswered", unanswered)
    monkeypatch.setattr(RideRules, "_aged", aged)


def _however_old(monkeypatch):
    """Nobody looks at the deadline again when the press is stored and its fields unsealed."""
    monkeypatch.setattr(DispatchClient, "_is_late", lambda *_: False)


# What is broken, and from which seed on to look: the first that is known to show it is near.
MUTANTS = {
    "the deadline is not looked at before the question": (_however_old, 0),
    "what is owed is never called off": (_never_owed, 0),
    "a restart asks again": (_asked_anew, 30),
    "a doubt counts as a no": (_doubt_is_a_no, 0),
    "a deadline outlives a reboot": (_no_deadline_over_reboots, 30),
    "an end is not spoken": (_ends_in_silence, 0),
    "no answer, and it is asked again": (_asked_until_answered, 0),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_what_would_break_the_promise_is_noticed(mutant, monkeypatch):
    breaks, first = MUTANTS[mutant]
    breaks(monkeypatch)
    assert any(broken(range(seed, seed + 1)) for seed in range(first, first + 60))
