"""What the stage says in the log while the audio process does not do as it is told."""

import asyncio
import logging

from broadcast.playback.playout import Playout
from gateway.errors import Unavailable
from tests.broadcast.policy.zones import HOUSE


class Away:
    """An audio process that is there or not."""

    here = False

    async def stop(self, _programme: str, why: str) -> None:
        if not self.here:
            raise Unavailable("audio.away", why=why)


async def test_a_lasting_fault_is_said_once_and_once_its_end(caplog) -> None:
    engine = Away()
    stage = Playout(engine, HOUSE, lambda _: None)
    with caplog.at_level(logging.INFO, "broadcast.playback.playout"):
        for here in (False, False, False, True, True):
            engine.here = here
            stage.cut("o-1")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
    await stage.close()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


async def test_a_part_of_an_order_is_named_by_whole_zones_for_whoever_listens_to_one() -> None:
    stage = Playout(Away(), HOUSE, lambda _: None)  # type: ignore[arg-type]  # it is asked nothing
    everywhere = frozenset({"horn-b3", "horn-b5"})
    assert stage._zones(("all",), everywhere) == ("all",)
    assert stage._zones(("all",), frozenset({"horn-b3"})) == ("b3",)
    assert stage._zones(("all", "hall"), frozenset({"horn-b5", "card"})) == ("hall", "b5")
    one = HOUSE._replace(zones={"all": HOUSE.zones["all"]})
    alone = Playout(Away(), one, lambda _: None)  # type: ignore[arg-type]  # see above
    assert alone._zones(("all",), frozenset({"horn-b3"})) == ("speaker:horn-b3",)
