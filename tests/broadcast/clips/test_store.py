"""The shelf over restarts, damage and want of room; the station's own signals."""

import array
import hashlib
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.clips import store as shelf_module
from broadcast.clips.chime import NAMES, make_chime
from broadcast.clips.clip import RATE, is_canonical, wav_bytes
from broadcast.clips.index import ClipEntry, ClipIndex, ClipKind
from broadcast.clips.store import ClipStore
from gateway import disk
from gateway.errors import Unavailable, UsageError

SECOND = b"\1\2" * RATE


async def test_a_clip_is_named_by_its_content_and_found_after_a_restart(tmp_path):
    shelf = ClipStore(tmp_path)
    clip = await shelf.put_pcm(SECOND, title="一秒", key="k")
    assert clip.sha == hashlib.sha256(clip.path.read_bytes()).hexdigest()
    assert (clip.seconds, clip.title) == (1.0, "一秒")
    assert clip.path.read_bytes() == wav_bytes(SECOND)
    again = ClipStore(tmp_path)
    assert again.clip(clip.sha) == clip == again.find("k")
    assert (await again.put_pcm(SECOND, title="二", kind=ClipKind.UPLOAD)).sha == clip.sha
    assert len(again.clips()) == 1


async def test_a_damaged_list_costs_titles_and_no_sound(tmp_path, caplog):
    clip = await ClipStore(tmp_path).put_pcm(SECOND, title="一秒")
    (tmp_path / "shelf.json").write_bytes(b"\0" * 100)
    shelf = ClipStore(tmp_path)
    assert shelf.clip(clip.sha).path == clip.path
    assert "titles are lost" in caplog.text


async def test_a_file_that_is_gone_or_cut_off_is_not_offered(tmp_path):
    shelf = ClipStore(tmp_path)
    gone = await shelf.put_pcm(SECOND, title="a", key="a")
    cut = await shelf.put_pcm(SECOND * 2, title="b", key="b")
    gone.path.unlink()
    cut.path.write_bytes(cut.path.read_bytes()[:-100])
    again = ClipStore(tmp_path)
    assert again.clips() == ()
    assert again.find("a") is None
    with pytest.raises(UsageError, match=r"clip\.unknown"):
        again.clip(gone.sha)


async def test_what_a_stop_left_half_made_is_cleared_away(tmp_path):
    (tmp_path / "making" / "x").mkdir(parents=True)
    (tmp_path / "making" / "x" / "raw.wav").write_bytes(b"x")
    ClipStore(tmp_path)
    assert list((tmp_path / "making").iterdir()) == []


async def test_the_least_recently_used_speech_goes_first_and_never_what_is_referred_to(tmp_path):
    kept = set()
    shelf = ClipStore(tmp_path, quota_bytes=3 * 32_100, kept=lambda: kept)
    a, b, c = [
        await shelf.put_pcm(bytes([n, 1]) * RATE, title=str(n), key=str(n)) for n in range(3)
    ]
    kept.add(a.sha)
    shelf.clip(b.sha)
    await shelf.put_pcm(b"\7\1" * RATE, title="new")
    assert {clip.sha for clip in shelf.clips()} >= {a.sha, b.sha}
    assert shelf.find("2") is None
    assert not c.path.exists()


async def test_a_shelf_full_of_what_is_needed_says_so(tmp_path):
    shelf = ClipStore(tmp_path, quota_bytes=40_000)
    await shelf.put_pcm(SECOND, title="mine", kind=ClipKind.UPLOAD)
    with pytest.raises(Unavailable, match=r"clip\.no-room"):
        await shelf.put_pcm(b"\7\1" * RATE, title="more")
    assert len(shelf.clips()) == 1


async def test_what_is_in_use_cannot_be_taken_away(tmp_path):
    kept = set()
    shelf = ClipStore(tmp_path, kept=lambda: kept)
    clip = await shelf.put_pcm(SECOND, title="a", kind=ClipKind.UPLOAD)
    kept.add(clip.sha)
    with pytest.raises(UsageError, match=r"clip\.in-use"):
        await shelf.remove(clip.sha)
    kept.clear()
    await shelf.remove(clip.sha)
    assert not clip.path.exists()
    assert ClipStore(tmp_path).clips() == ()


entries = st.lists(
    st.tuples(st.sampled_from(ClipKind), st.integers(1, 100), st.booleans()), max_size=12
)


@given(entries, st.integers(1, 150), st.integers(0, 400))
def test_room_is_made_only_by_what_may_go_and_only_as_much_as_needed(lying, size, quota):
    index, kept = ClipIndex(), set()
    for n, (kind, bytes_, keep) in enumerate(lying):
        index.add(ClipEntry(str(n), "", kind, bytes_))
        if keep:
            kept.add(str(n))
    free = [
        e for e in index.entries.values() if e.kind is not ClipKind.UPLOAD and e.sha not in kept
    ]
    try:
        going = index.evictable(size, quota, kept)
    except Unavailable:
        assert index.size() - sum(e.size for e in free) + size > quota
        return
    gone = sum(index.entries[sha].size for sha in going)
    assert index.size() - gone + size <= quota
    assert set(going) <= {e.sha for e in free}
    if going:
        last = index.entries[going[-1]].size
        assert index.size() - gone + last + size > quota  # without the last it had not sufficed


@pytest.mark.parametrize("name", NAMES)
async def test_a_signal_is_the_same_every_time_and_never_clips(tmp_path, name):
    sound = make_chime(name)
    assert sound == make_chime(name)
    samples = array.array("h", sound)
    assert 0.1 * 32767 < max(map(abs, samples)) < 0.8 * 32767
    assert max(abs(samples[0]), abs(samples[-1])) < 400  # no click at either end
    shelf = ClipStore(tmp_path)
    assert await shelf.chime(name) == await shelf.chime(name)


async def test_an_unknown_signal_names_those_that_there_are(tmp_path):
    with pytest.raises(UsageError) as caught:
        await ClipStore(tmp_path).chime("gong")
    assert "notice" in caught.value.data["known"]


def test_the_siren_lasts_as_long_as_the_cadence_asks_and_is_no_fire_sounder():
    """Steady sweeps with no pause: the evacuation signal of fire sounders is pulses and pauses."""
    samples = array.array("h", make_chime("emergency"))
    assert 8 <= len(samples) / RATE <= 20
    window = RATE // 20
    levels = [
        math.sqrt(sum(s * s for s in samples[at : at + window]) / window)
        for at in range(window, len(samples) - 2 * window, window)
    ]
    assert min(levels) > 0.8 * max(levels)


async def test_what_the_disk_does_not_take_is_made_in_memory_but_for_uploads(tmp_path):
    (tmp_path / "media").write_text("no folder")
    shelf = ClipStore(tmp_path / "media", spare=tmp_path / "memory")
    assert isinstance(shelf.error, OSError)
    siren = await shelf.chime("emergency")
    assert siren.path.is_relative_to(tmp_path / "memory")
    assert is_canonical(siren.path)
    assert (await shelf.chime("emergency")).path == siren.path
    words = await shelf.put_pcm(SECOND, title="a", key="a")
    assert shelf.find("a") == words
    with pytest.raises(Unavailable), shelf.workshop(lasting=True):
        pass


async def test_in_memory_too_what_an_emergency_needs_never_makes_room(tmp_path, monkeypatch):
    (tmp_path / "media").write_text("no folder")
    pinned, kept = set(), set()
    shelf = ClipStore(
        tmp_path / "media",
        spare=tmp_path / "memory",
        pinned=lambda: pinned,
        kept=lambda: kept,
    )
    monkeypatch.setattr(shelf_module, "SPARE_BYTES_MAX", 3 * 32_100)
    siren, used, other = [await shelf.put_pcm(bytes([n, 1]) * RATE, title=str(n)) for n in range(3)]
    pinned.add(siren.sha)
    kept.add(used.sha)
    for n in range(3, 5):
        await shelf.put_pcm(bytes([n, 1]) * RATE, title=str(n))
        assert siren.path.exists()
    assert used.path.exists()
    assert not other.path.exists()
    pinned.update(clip.sha for clip in shelf.clips())
    with pytest.raises(Unavailable, match=r"clip\.no-room"):
        await shelf.put_pcm(b"\7\1" * RATE, title="more")


async def test_a_disk_that_hangs_keeps_the_siren_from_nobody(tmp_path, monkeypatch):
    """The sync of what was made on it does not return."""
    go_on = threading.Event()
    monkeypatch.setattr(shelf_module, "SEALED_S", 0.01)
    monkeypatch.setattr(shelf_module, "_seal", hangs_but_in(tmp_path / "memory", go_on))
    shelf = ClipStore(tmp_path / "media", spare=tmp_path / "memory")
    siren = await shelf.chime("emergency")
    assert siren.path.is_relative_to(tmp_path / "memory")
    assert is_canonical(siren.path)
    go_on.set()
    for late in disk._late:
        late.join()


def hangs_but_in(memory, go_on):
    seal = shelf_module._seal

    def sealed(path):
        if not path.is_relative_to(memory):
            go_on.wait()
        return seal(path)

    return sealed


async def test_without_any_folder_a_chime_is_a_file_without_a_name(tmp_path):
    (tmp_path / "media").write_text("no folder")
    shelf = ClipStore(tmp_path / "media")
    siren = await shelf.chime("emergency")
    assert is_canonical(siren.path)
    assert siren.seconds > 1
