"""The demo's story: each scene does something that its rule would notice, and leaves no trace."""

import pytest
from aiohttp.test_utils import TestClient, TestServer

from drivers.emulate.field import EmulatedField, parse_field
from drivers.profiles import find_profile
from gateway.config.load import load
from gateway.demo.config_files import PORTS, write_settings
from gateway.demo.field.fault_panel import FaultPanel
from gateway.demo.field.scenarios import SCENES, Scenario, Scenarios


@pytest.fixture
def demo(tmp_path):
    write_settings(tmp_path, PORTS._replace(gateway=0), air=False)
    spec = parse_field((tmp_path / "field.toml").read_text("utf-8"))
    return load(tmp_path / "config"), EmulatedField.from_spec(spec, find_profile)


def shows(field: EmulatedField, scene: Scenario) -> list[object]:
    """All that a scene could have changed about its device."""
    meter = field.meters[scene.device]
    motions = {name: (m.pinned, m.times) for name, m in meter._motions.items()}
    return [field.active_faults(scene.device), motions]


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
async def test_a_scene_is_about_a_device_that_its_rule_watches_and_can_be_undone(
    demo, scene: Scenario
) -> None:
    settings, field = demo
    watched = {
        device
        for watch in settings.rules.watches
        if watch.facts.rule == scene.rule
        for device, _ in watch.inputs
    }
    assert scene.device in watched
    story = Scenarios(field)
    await story.play(scene.name, on=False)
    before = shows(field, scene)
    await story.play(scene.name, on=True)
    assert shows(field, scene) != before
    assert [each["name"] for each in story.state() if each["on"]] == [scene.name]
    await story.heal()
    assert shows(field, scene) == before
    assert not any(each["on"] for each in story.state())


async def test_the_panel_plays_a_scene_by_one_press_and_says_what_to_look_for(demo) -> None:
    _, field = demo
    panel = FaultPanel([], Scenarios(field), *["http://127.0.0.1:9"] * 3)
    async with TestClient(TestServer(panel.app())) as client:
        answer = await client.post("/api/story/smoke", json={"on": True})
        state = await answer.json()
        assert [each["on"] for each in state["story"]] == [True, *[False] * (len(SCENES) - 1)]
        assert all(state["words"][f"story-{scene.name}-look"] for scene in SCENES)
        assert (await client.post("/api/story/flood", json={"on": True})).status == 400
        healed = await (await client.post("/api/heal")).json()
        assert not any(each["on"] for each in healed["story"])


def test_a_counter_runs_at_its_pace_and_at_that_of_a_scene(demo) -> None:
    _, field = demo
    meter = field.meters["water-501"]
    motion = meter._motions["volume"]
    paces = []
    for times in (1, 0, 1):
        meter.scale_pace("volume", times)
        before = motion.at(0.0, 1.0, 0.0)
        after = motion.at(0.0, 1.0, 3600.0)
        paces.append(round(after - before, 6))
    assert paces == [14.0, 0.0, 14.0]
