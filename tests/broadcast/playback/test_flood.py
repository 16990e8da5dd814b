"""One module of 32 inputs loses its power; then somebody presses an SOS, and is heard."""

import asyncio

from broadcast.triggers.linkage_orders import LinkageOrders
from drivers.contract import Quality, Reading
from gateway.places import PlaceOptions, Places
from gateway.rules.core import RulesCore
from gateway.rules.kinds import RuleInstant
from gateway.rules.linkage import ANSWER, RING
from tests.broadcast.playback.test_service import NOON_NS, world
from tests.broadcast.triggers.test_linkage_orders import Presets
from tests.rules import lives
from tests.rules.player import plan
from tests.sim.loop import simulated

INPUTS = range(32)
SCENARIO = {
    "rule": {
        "faulty": {"use": "sensor-faulty", "on": [f"mod.i{n}" for n in INPUTS]},
        "sos": {"use": "sos", "on": ["di.sos"]},
    },
    "duty": {
        "roster": [{"who": "duty", "by": ["desk", "hall", "office"]}],
        "escalate": [{"after_s": 30, "to": "duty"}],
    },
}
POWER_S, PRESS_S, END_S = 20, 715, 800


@simulated
async def test_an_sos_is_heard_while_a_module_is_dead():
    async with world() as around:
        core = RulesCore(plan(SCENARIO, look=lives.look), "0123456789abcdef")
        ordering = LinkageOrders(
            Presets(), Places("驿站", {"hall": PlaceOptions(name="大厅")}), "zh"
        )
        ordered, doing = {}, set()

        async def do(task):
            expires = around.clock.deadline((task.expires_ns - around.clock.now_ns()) / 1e9)
            ordered[task.id] = task, await around.room.place(ordering.order_of(task, expires))
            take(core.finish_task(task, "done"))

        def take(outcome):
            for task in outcome.tasks:
                assert task.does in (RING, ANSWER)
                doing.add(asyncio.ensure_future(do(task)))

        def moment():
            return RuleInstant(around.clock.now_ns(), NOON_NS)

        take(core.start(moment()))
        for second in range(END_S):
            quality = Quality.GOOD if second < POWER_S else Quality.TIMEOUT
            words = [Reading("mod", f"i{n}", False, "1", quality, 0) for n in INPUTS]
            take(core.read(words, moment()))
            if second == PRESS_S:
                pressed_ns = around.clock.now_ns()
            take(
                core.read([Reading("di", "sos", second == PRESS_S, "1", Quality.GOOD, 0)], moment())
            )
            take(core.tick(moment()))
            await asyncio.sleep(1)
        heard = {}
        for each in around.engine.heard:
            task, _ = ordered.get(each.programme.id, (None, None))
            if task is not None and task.rule == "sos":
                heard.setdefault(task.does, (each.began_ns - pressed_ns) / 1e9)
    assert heard[ANSWER] < 10
    assert heard[RING] < 45
    assert len(ordered) < 80
    assert all(receipt.state != "refused" for _, receipt in ordered.values())
