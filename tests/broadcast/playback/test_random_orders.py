"""Thousands of scrambles over shared horns, and what must hold at each horn in every one."""

import os
from collections.abc import Callable

import pytest

from broadcast.audio_protocol.messages import EndedProgramme
from broadcast.order import OrderClass
from broadcast.orders import store
from broadcast.orders.repository import OrderRepository
from broadcast.playback import scheduler
from broadcast.playback.outcomes import OrderOutcomes
from broadcast.policy import arbiter
from broadcast.policy.arbiter import OverlapVerdict
from tests.broadcast.playback.random_orders import scramble

SCRAMBLES = 10_000
QUICK = 200


def test_each_horn_hears_one_voice_and_every_emergency():
    lived = [scramble(seed) for seed in range(QUICK)]
    assert [fault for one in lived for fault in one.faults] == []
    heard = [heard for one in lived for heard in one.around.engine.heard]
    assert len(heard) > 2 * QUICK
    assert {h.how for h in heard} >= {"finished", "cut", "power"}


@pytest.mark.parametrize(
    "seed",
    [
        1_042,  # killed between the word to stop one and the word to begin the other
        1_789,  # the same, and both rows say that they sound
        2_348,  # heard after its last record, then the power was cut
        6_067,  # music that had joined in where its record did not say so
        116_954,  # a siren begun again, whose words had ended when it was made
        408_162,  # a microphone at a horn whose zone has left the settings
        608_665,  # what had broken before a restart had taken some of it
        9_240,  # words that were made while their siren waited for a full audio process
    ],
)
def test_a_scramble_that_once_went_wrong_goes_right(seed):
    assert scramble(seed).faults == []


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_ten_thousand_scrambles():
    seed = int(os.environ["YIZHAN_SEED"])
    share = float(os.environ.get("YIZHAN_PROOF_SHARE", "1"))
    count = max(QUICK, round(SCRAMBLES * share))
    heard = kills = 0
    for number in range(seed * SCRAMBLES, seed * SCRAMBLES + count):
        lived = scramble(number)
        assert lived.faults == [], number
        heard += len(lived.around.engine.heard)
        kills += len(lived.dead)
    print(f"{count} scrambles, {kills} kills and cuts, {heard} sounds, 0 faults")


def _beside(patch: pytest.MonkeyPatch) -> None:
    for one in (OrderClass.FIRE, OrderClass.EMERGENCY):
        patch.setitem(arbiter.TABLE, (OrderClass.FIRE, one), OverlapVerdict.DUCK)
        patch.setitem(arbiter.TABLE, (one, OrderClass.FIRE), OverlapVerdict.DUCK)


def _siren_goes_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(scheduler, "_sirens", lambda *_: iter(()))


def _nobody_is_enough(patch: pytest.MonkeyPatch) -> None:
    over = OrderOutcomes.end_airing

    def believed(self, kept, airing, ended, why=None) -> None:
        over(self, kept, airing, EndedProgramme(ended.id, ended.how, ended.frames), why)

    patch.setattr(OrderOutcomes, "end_airing", believed)


def _one_turn(patch: pytest.MonkeyPatch) -> None:
    owed = OrderOutcomes.speakers_owed
    patch.setattr(
        OrderOutcomes,
        "speakers_owed",
        lambda self, kept: frozenset() if kept.turn else owed(self, kept),
    )


def _same_ids(patch: pytest.MonkeyPatch) -> None:
    def numbers(self) -> int:
        self.count += 1
        return self.count % 2

    patch.setattr(store, "start_id", lambda *_: "0" * 8)
    patch.setattr(OrderRepository, "next_number", numbers)


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [
        (_beside, "together"),
        (_siren_goes_on, "together"),
        (_nobody_is_enough, "nobody has heard"),
        (_one_turn, "not heard at"),
        (_same_ids, "given twice"),
    ],
    ids=["beside", "siren", "nobody", "turn", "ids"],
)
def test_a_room_that_lacks_something_is_noticed(
    monkeypatch, spoil: Callable[[pytest.MonkeyPatch], None], noticed
):
    spoil(monkeypatch)
    for seed in range(200):
        if any(noticed in fault for fault in scramble(seed).faults):
            return
    pytest.fail("nobody noticed")
