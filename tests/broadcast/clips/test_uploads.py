"""What people bring: usual formats at the station's loudness, hostile ones refused and bounded."""

import subprocess
import sys
import wave
from pathlib import Path

import pytest

from broadcast.clips.clip import is_canonical
from broadcast.clips.decode import LOUDNESS_LUFS, PEAK_DBTP, measure_loudness
from broadcast.clips.index import ClipKind
from broadcast.clips.limited_program import ProcessLimits, run_limited
from broadcast.clips.store import ClipStore
from broadcast.clips.upload import receive_upload, upload_title
from gateway.errors import ProgramFailed, UsageError
from gateway.texts import Texts
from tests.broadcast.clips.sounds import make, stream, with_cover


@pytest.fixture
def shelf(tmp_path):
    return ClipStore(tmp_path / "media")


async def refused(shelf, content):
    """The code of the refusal; nothing may be left of the upload, and people get a sentence."""
    with pytest.raises(UsageError) as caught:
        await shelf.store_upload(stream(content), "x.mp3")
    assert shelf.clips() == ()
    assert list((shelf.media / "making").iterdir()) == []
    for language in ("zh", "en"):
        text = Texts(language).say(caught.value.code, **caught.value.data)
        assert not text.startswith(caught.value.code)
    return caught.value.code


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.ogg", "a.flac", "a.wav", "a.opus", "a.webm"])
async def test_a_usual_file_becomes_a_clip_at_the_stations_loudness(shelf, tmp_path, name):
    codec = {"a.ogg": "libvorbis", "a.webm": "libopus"}.get(name, "")
    file = make(tmp_path / name, source="sine=f=440:b=4,volume=-20dB", codec=codec)
    clip = await shelf.store_upload(stream(file.read_bytes()), f"社区/{name}")
    assert clip.title == "a"
    assert clip.seconds == pytest.approx(3, abs=0.1)
    assert is_canonical(clip.path)
    found = await measure_loudness(clip.path)
    assert abs(found.lufs - LOUDNESS_LUFS) <= 1
    assert found.peak_db <= PEAK_DBTP
    with wave.open(str(clip.path)) as foreign:  # a foreign reader agrees on the form
        assert foreign.getparams()[:3] == (1, 2, 16000)


async def test_loud_peaks_are_limited_not_clipped(shelf, tmp_path):
    """Short loud clicks in quiet noise: bringing up the noise would overshoot without a limiter."""
    source = "aevalsrc='0.02*random(0)+0.98*lt(mod(t,1),0.002)'"
    file = make(tmp_path / "clicks.wav", source=source, seconds=4)
    clip = await shelf.store_upload(stream(file.read_bytes()), "clicks.wav")
    assert (await measure_loudness(clip.path)).peak_db <= PEAK_DBTP


async def test_a_cover_picture_does_not_matter(shelf, tmp_path):
    covered = with_cover(make(tmp_path / "plain.mp3"), tmp_path / "covered.mp3")
    assert (await shelf.store_upload(stream(covered.read_bytes()), "c.mp3")).seconds > 2


async def test_a_file_cut_off_is_refused(shelf, tmp_path):
    whole = make(tmp_path / "a.mp3", seconds=10).read_bytes()
    assert await refused(shelf, whole[: len(whole) // 2]) == "upload.cut-off"
    assert await refused(shelf, whole[:200]) == "upload.unreadable"


async def test_two_hours_in_a_few_bytes_are_refused_in_bounded_time(shelf, tmp_path):
    """Silence packs into nothing: two hours of it in a megabyte of FLAC."""
    bomb = make(tmp_path / "bomb.flac", source="anullsrc=r=8000:cl=mono", seconds=7200)
    assert bomb.stat().st_size < 2_000_000
    assert await refused(shelf, bomb.read_bytes()) == "upload.long"


async def test_silence_is_refused(shelf, tmp_path):
    file = make(tmp_path / "a.flac", source="anullsrc=r=8000:cl=mono")
    assert await refused(shelf, file.read_bytes()) == "upload.silent"


@pytest.mark.parametrize(
    "content",
    [
        b"#EXTM3U\n#EXTINF:5,\nfile:///etc/passwd\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        b"[playlist]\nFile1=file:///etc/passwd\nNumberOfEntries=1\n",
        b"PK\x03\x04" + b"\0" * 4000,
        b"%PDF-1.7\n" + b"<script>alert(1)</script>" * 100,
        b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\xff\xff\x80>\0\0" + b"\xff" * 4000,
        b"fLaC" + b"\0" * 4000,
        bytes(range(256)) * 64,
    ],
    ids=["m3u", "hls", "ffconcat", "pls", "zip", "pdf", "wav-65535-channels", "flac", "bytes"],
)
async def test_what_is_no_sound_is_refused(shelf, content):
    assert await refused(shelf, content) in {"upload.unreadable", "upload.no-sound"}


async def test_a_playlist_that_names_a_real_sound_is_not_followed(shelf, tmp_path):
    secret = make(tmp_path / "secret.wav")
    listed = f"ffconcat version 1.0\nfile '{secret}'\n".encode()
    assert await refused(shelf, listed) == "upload.unreadable"


async def test_of_a_polyglot_only_the_sound_is_left(shelf, tmp_path):
    payload = b"PK\x03\x04<script>alert('x')</script>#!/bin/sh\n" * 20
    sound = make(tmp_path / "a.wav").read_bytes()
    clip = await shelf.store_upload(stream(sound + payload), "a.wav")
    kept = clip.path.read_bytes()
    assert b"script" not in kept
    assert b"PK\x03\x04" not in kept


async def test_nothing_and_too_much_are_refused_while_they_come_in(shelf, tmp_path):
    assert await refused(shelf, b"") == "upload.empty"
    target, sent = tmp_path / "brought", []

    async def endless():
        while True:
            sent.append(1)
            yield b"x" * 65536

    with pytest.raises(UsageError, match=r"upload\.large"):
        await receive_upload(endless(), target, 1024 * 1024)
    assert len(sent) == 17  # one chunk more than a megabyte, and no further
    assert target.stat().st_size <= 1024 * 1024


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\通知.mp3", "通知"),
        ("a\nb\x00c.wav", "a b c"),
        ("", "?"),
        (".mp3", ".mp3"),
        ("长" * 300 + ".mp3", "长" * 80),
    ],
)
def test_a_name_is_only_ever_a_title(name, title):
    assert upload_title(name) == title


async def test_an_upload_never_follows_a_link(tmp_path):
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    (tmp_path / "link").symlink_to(victim)
    with pytest.raises(FileExistsError):
        await receive_upload(stream(b"x"), tmp_path / "link")
    assert victim.read_bytes() == b"precious"


async def test_a_clip_of_a_person_stays_when_speech_would_need_its_room(tmp_path):
    shelf = ClipStore(tmp_path / "media", quota_bytes=200_000)
    file = make(tmp_path / "a.wav", seconds=2)
    mine = await shelf.store_upload(stream(file.read_bytes()), "a.wav")
    for n in range(8):
        await shelf.put_pcm(bytes([n, 1]) * 20_000, title=str(n))
    assert mine in shelf.clips(ClipKind.UPLOAD)
    assert shelf.size() <= 200_000


@pytest.mark.parametrize(
    ("command", "limits", "code"),
    [
        (["sleep", "30"], ProcessLimits(wall_s=0.05), "program.slow"),
        (["python3", "-c", "b'x' * 10**9"], ProcessLimits(memory_mb=100), "program.failed"),
        (
            ["python3", "-c", "while True: pass"],
            ProcessLimits(wall_s=200, cpu_s=1),
            "program.failed",
        ),
        (
            ["dd", "if=/dev/zero", "of=/dev/shm/yizhan-x"],
            ProcessLimits(file_mb=1),
            "program.failed",
        ),
        (["no-such-program"], ProcessLimits(), "program.missing"),
        (["false"], ProcessLimits(), "program.failed"),
    ],
    ids=["time", "memory", "cpu", "file", "missing", "no"],
)
async def test_a_program_over_its_limits_is_ended_and_told(tmp_path, command, limits, code):
    command = [part.replace("/dev/shm/yizhan-x", str(tmp_path / "x")) for part in command]
    with pytest.raises(ProgramFailed) as caught:
        await run_limited(command, limits)
    assert caught.value.code == code


async def test_a_program_gets_no_secrets_and_cannot_flood_us(monkeypatch):
    monkeypatch.setenv("CREDENTIAL", "precious")
    assert "precious" not in await run_limited(["env"], ProcessLimits())
    assert (
        len(await run_limited(["head", "-c", "5000000", "/dev/zero"], ProcessLimits())) == 64 * 1024
    )


GREEDY = """
import asyncio, resource, sys
from pathlib import Path
from broadcast.clips.store import ClipStore
from gateway.errors import UsageError

async def upload():
    form = "57415645666d74201000000001000200401f0000007d00000400100064617461"
    size = (32 * 2**20).to_bytes(4, "little")
    yield b"RIFF" + size + bytes.fromhex(form) + size
    block = bytes(range(256)) * 256
    for _ in range(32 * 16 - 1):
        yield block

async def main():
    shelf = ClipStore(Path(sys.argv[1]))
    await shelf.put_pcm(b"ab" * 1000, title="warm")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        await shelf.store_upload(upload(), "greedy.wav")
    except UsageError as error:
        print(error.code, end=" ")
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_the_gateways_memory_does_not_move_with_the_size_of_an_upload(tmp_path):
    """A thousand seconds in 32 MB: more than a notice may last, found out by the program alone."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", GREEDY, str(tmp_path / "media")],
        cwd=root, capture_output=True, text=True, check=True,
    )  # fmt: skip
    code, grown_kb = done.stdout.split()
    print(f"32 MB brought and refused: {grown_kb} KB more memory at the peak")
    assert code == "upload.long"
    assert int(grown_kb) < 4096
