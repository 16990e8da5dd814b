"""What an emergency needs is made ready first, and nothing takes its room on the shelf."""

import asyncio
import contextlib
from pathlib import Path

import msgspec

from broadcast.clips.index import ClipKind
from broadcast.clips.store import ClipStore
from broadcast.material.prerender import Prerenderer
from broadcast.material.presets import Presets
from broadcast.options import PresetOptions
from broadcast.voice.voice import Voice, recording_key, spoken_text
from gateway.config.load import examine
from gateway.config.schema import RequestsPlan, Settings
from tests.broadcast.audio_process.harness import until

EXAMPLE = (Path(__file__).parents[3] / "config" / "station.example.toml").read_text("utf-8")
SECOND_BYTES = 32_000
LEAVE = "请马上沿楼梯离开。"
SMOKE = "3号楼5层发现烟雾。"
READY = {
    "leave": PresetOptions(name="疏散", text=LEAVE, cls="emergency"),
    "smoke": PresetOptions(name="烟", text="{place}发现烟雾。", cls="emergency"),
    "visitors": PresetOptions(name="来访", text="请到驿站登记。"),
    "bare": PresetOptions(name="马上离开", cls="emergency"),
}


def settings(folder: Path) -> Settings:
    (folder / "station.toml").write_text(EXAMPLE, "utf-8")
    found, mistakes = examine(folder)
    assert found is not None, mistakes
    return msgspec.structs.replace(found, requests=RequestsPlan())


async def said(shelf: ClipStore, text: str, number: int) -> str:
    """A recording that says these words, as a person gives one: no engine is needed."""
    key = recording_key(spoken_text(text, "zh"), "zh")
    return (await shelf.put_pcm(bytes((number, 1)) * 16_000, title=text, key=key)).sha


async def test_the_siren_and_the_words_of_emergencies_outlast_any_recording(tmp_path):
    pinned: list[str] = []
    shelf = ClipStore(tmp_path / "media", quota_bytes=50 * SECOND_BYTES, pinned=lambda: pinned)
    words = [await said(shelf, text, n) for n, text in enumerate((LEAVE, SMOKE, "马上离开"))]
    visitors = await said(shelf, READY["visitors"].text, 9)
    loaded = settings(tmp_path)
    prerenderer = Prerenderer(
        Voice(shelf, []), Presets(None, READY), shelf, loaded.rules, loaded.places.spoken
    )
    running = asyncio.create_task(prerenderer.run())
    try:
        await until(lambda: (found := prerenderer.progress) is not None and found.done == found.of)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    siren = (await shelf.chime("emergency")).sha
    assert prerenderer.pinned == {siren, *words}
    pinned += prerenderer.pinned
    for number in range(12):
        pcm = bytes((number, 2)) * (5 * 16_000)
        await shelf.put_pcm(pcm, title="录音", kind=ClipKind.RECORDING)
    left = {clip.sha for clip in shelf.clips()}
    assert left >= {siren, *words}
    assert visitors not in left
