import random
import shutil
import subprocess
from array import array
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcast.audio_process.encoders import EncoderSet
from broadcast.audio_process.mixer import MixedFrame
from broadcast.audio_protocol.pcm import FRAME_BYTES, audioop
from broadcast.audio_protocol.speaker_options import SPEAKER_KINDS, MulticastOptions, SpeakerOptions
from broadcast.speakers.codec import CODECS, HalfBand
from broadcast.speakers.rtp import RtpStream
from tests.broadcast.audio_process.harness import WITHIN_S, speechlike, tone


def frames(samples: "array[int]") -> list[bytes]:
    sound = samples.tobytes()
    return [sound[n : n + FRAME_BYTES] for n in range(0, len(sound), FRAME_BYTES)]


def level(hz: float) -> float:
    half = HalfBand()
    halved = b"".join(half.halve(frame) for frame in frames(tone(hz, 0.4)))
    return audioop.rms(halved[320:], 2) / audioop.rms(tone(hz, 0.4).tobytes(), 2)


def test_the_filter_keeps_speech_and_lets_nothing_come_back_from_above_4_khz() -> None:
    assert [level(hz) for hz in (100, 1000, 2000, 2500)] == pytest.approx([1] * 4, abs=0.02)
    assert level(3000) > 0.9
    assert all(level(hz) < 0.02 for hz in (5500, 6000, 7000))


@given(st.integers(0, 2**32))
def test_halving_frame_by_frame_is_halving_the_whole(seed: int) -> None:
    sound = random.Random(seed).randbytes(2 * FRAME_BYTES)
    half, whole = HalfBand(), HalfBand()
    parts = half.halve(sound[:FRAME_BYTES]) + half.halve(sound[FRAME_BYTES:])
    assert parts == whole.halve(sound)


@pytest.mark.parametrize(("codec", "name"), [("pcma", "alaw"), ("pcmu", "mulaw"), ("g722", "g722")])
def test_ffmpeg_decodes_what_we_encode(tmp_path: Path, codec: str, name: str) -> None:
    assert shutil.which("ffmpeg")
    encoder = CODECS[codec].encoder()
    coded = tmp_path / "coded"
    payloads = [encoder.encode(frame) for frame in frames(speechlike(0.4))]
    assert {len(payload) for payload in payloads} == {CODECS[codec].payload_bytes}
    coded.write_bytes(b"".join(payloads))
    rate = [] if codec == "g722" else ["-ar", "8000", "-ac", "1"]
    command = ["ffmpeg", "-nostdin", "-v", "error", "-f", name, *rate, "-i", str(coded)]
    decoded = subprocess.run(
        [*command, "-f", "s16le", "-"], capture_output=True, check=True, timeout=WITHIN_S
    ).stdout
    source = audioop.rms(speechlike(0.4).tobytes(), 2)
    assert audioop.rms(decoded, 2) == pytest.approx(source, rel=0.05)


def test_numbers_wrap_around() -> None:
    stream = RtpStream(CODECS["pcma"], random.Random(1))
    stream._sequence, stream._timestamp = 0xFFFF, 0xFFFFFF80
    first, second = stream.packet(b""), stream.packet(b"")
    assert (first[2:8], second[2:8]) == (b"\xff\xff\xff\xff\xff\x80", b"\0\0\0\0\0\x20")


def test_one_encoding_for_all_that_hear_the_same_and_it_goes_on_where_it_was() -> None:
    encoders, codecs = EncoderSet(), {f"s{n}": "g722" for n in range(50)} | {"card": "raw"}
    alone = CODECS["g722"].encoder()
    for frame in frames(speechlike(0.2)):
        sent = encoders.encode([MixedFrame(frame, 3, tuple(codecs))], codecs)
        payloads = {payload for id_, payload, _ in sent if id_ != "card"}
        assert payloads == {alone.encode(frame)}
        assert len(encoders._of) == 51
        assert len({id(each) for each in encoders._of.values()}) == 2


def test_speakers_that_part_do_not_share_a_memory() -> None:
    encoders, codecs = EncoderSet(), {"a": "g722", "b": "g722"}
    quiet, loud = frames(tone(300, 0.02, 0.01))[0], frames(tone(2000, 0.02))[0]
    encoders.encode([MixedFrame(quiet, 3, ("a", "b"))], codecs)
    encoders.encode([MixedFrame(quiet, 3, ("a",)), MixedFrame(loud, 3, ("b",))], codecs)
    assert len({id(each) for each in encoders._of.values()}) == 2


def test_another_class_is_another_session() -> None:
    encoders, codecs = EncoderSet(), {"a": "g722"}
    frame = frames(tone(300, 0.02))[0]
    encoders.encode([MixedFrame(frame, 3, ("a",))], codecs)
    (sent,) = encoders.encode([MixedFrame(frame, 8, ("a",))], codecs)
    assert sent == ("a", CODECS["g722"].encoder().encode(frame), 8)
    assert list(encoders._of) == [("g722", 8, "a")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"group": "192.168.1.1"},
        {"group": "239.255.12.250"},
        {"group": "somewhere"},
        {"port": 5005},
        {"port": 80},
        {"codec": "mp3"},
        {"ttl": 200},
        {"zones": []},
        {"interface": "eth0"},
        {"colour": "blue"},
    ],
)
def test_settings_that_cannot_work_are_refused(wrong: dict) -> None:
    right = {"kind": "multicast", "zones": ["all"], "group": "239.255.12.0"}
    assert isinstance(msgspec.convert(right, SpeakerOptions), MulticastOptions)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(right | wrong, SpeakerOptions)


def test_every_kind_is_known_by_its_name() -> None:
    assert {kind.__struct_config__.tag: kind for kind in SPEAKER_KINDS.values()} == SPEAKER_KINDS


def test_each_class_has_its_address() -> None:
    options = MulticastOptions(zones=("all",), group="239.255.12.0")
    assert [options.address(rank) for rank in (1, 9)] == ["239.255.12.1", "239.255.12.9"]
