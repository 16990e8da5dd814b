"""Every kind of speaker against its real counterpart, held to the contract."""

import contextlib
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from broadcast.audio_process.speaker_bank import make_speaker
from broadcast.audio_protocol.pcm import FRAME_NS, SILENCE
from broadcast.audio_protocol.speaker_options import (
    SPEAKER_KINDS,
    MulticastOptions,
    SipOptions,
    SoundCardOptions,
    SpeakerOptions,
    UnicastOptions,
)
from broadcast.speakers.codec import CODECS
from broadcast.speakers.contract import ProofLevel, Speaker
from gateway.errors import Unavailable
from tests.broadcast.audio_process.harness import WITHIN_S, drain, group_of, membership
from tests.broadcast.speakers.sip_horn import horn
from tests.broadcast.speakers.sound_cards import file_card
from tests.ports import free_port

ZONES = ("all",)
RANK = 3
# No call of the clock's may take most of a frame; a loaded test machine is given its share.
BLOCKED_S = 0.015


class Bench(NamedTuple):
    """A speaker that works, one that cannot, and how far up the ladder the first one may get."""

    works: SpeakerOptions
    fails: SpeakerOptions
    top: ProofLevel
    sessions: Callable[[], int] | None = None


def sources(link: socket.socket) -> int:
    return len({packet[8:12] for packet in drain(link)})


@contextlib.contextmanager
def multicast(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Bench]:
    works = MulticastOptions(
        zones=ZONES, group=group_of(6), port=5010, ttl=0, interface="127.0.0.1"
    )
    with membership(works.address(RANK), works.port) as link:
        fails = MulticastOptions(zones=ZONES, group=works.group, interface="203.0.113.7")
        yield Bench(works, fails, ProofLevel.SENT, lambda: sources(link))


@contextlib.contextmanager
def unicast(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.bind(("127.0.0.1", 0))
        link.setblocking(False)
        works = UnicastOptions(zones=ZONES, to=(f"127.0.0.1:{link.getsockname()[1]}",))
        fails = UnicastOptions(zones=ZONES, to=(f"127.0.0.1:{free_port()}",))
        yield Bench(works, fails, ProofLevel.SENT, lambda: sources(link))


@contextlib.contextmanager
def sip(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with horn(folder / "horn") as address:
        yield Bench(
            SipOptions(zones=ZONES, uri=address, answer_within_s=10),
            SipOptions(zones=ZONES, uri=f"sip:x@127.0.0.1:{free_port()}"),
            ProofLevel.ACCEPTED,
            lambda: (folder / "horn" / "log").read_bytes().count(b"Call established"),
        )


@contextlib.contextmanager
def sound_card(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Bench]:
    conf, _ = file_card(folder)
    patch.setenv("ALSA_CONFIG_PATH", str(conf))
    yield Bench(
        SoundCardOptions(zones=ZONES, device="yizhan"),
        SoundCardOptions(zones=ZONES, device="no-such-card"),
        ProofLevel.ACCEPTED,
    )


BENCHES = {"multicast": multicast, "unicast": unicast, "sip": sip, "sound-card": sound_card}


@pytest.fixture(params=BENCHES)
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    with BENCHES[request.param](tmp_path, monkeypatch) as made:
        yield made


def build(options: SpeakerOptions) -> Speaker:
    return make_speaker("it", options, random.Random())


def play(speaker: Speaker, frames: int) -> None:
    """Real time: foreign receivers have clocks of their own."""
    encoder = CODECS[speaker.codec].encoder()
    due = time.monotonic()
    for _ in range(frames):
        payload = encoder.encode(SILENCE)
        began = time.thread_time()
        speaker.play(payload, RANK)
        speaker.tend()
        assert time.thread_time() - began < BLOCKED_S
        due += FRAME_NS / 1e9
        time.sleep(max(0.0, due - time.monotonic()))


def rest(speaker: Speaker) -> None:
    speaker.rest()
    ends = time.monotonic() + WITHIN_S
    while speaker.busy:
        assert time.monotonic() < ends, "it never came to rest"
        speaker.tend()
        time.sleep(FRAME_NS / 1e9)


def test_every_kind_is_here() -> None:
    assert set(BENCHES) == set(SPEAKER_KINDS)


def test_two_sessions_and_never_above_its_rung(bench: Bench) -> None:
    speaker = build(bench.works)
    assert speaker.rung is ProofLevel.UNKNOWN
    speaker.open()
    try:
        assert speaker.probe() <= bench.top
        for _ in range(2):
            play(speaker, 20)
            rest(speaker)
        assert speaker.rung is bench.top
        if bench.sessions is not None:
            ends = time.monotonic() + WITHIN_S
            while (sessions := bench.sessions()) < 2:  # the horn writes its log when it likes
                assert time.monotonic() < ends, f"{sessions} sessions"
                time.sleep(0.02)
            assert sessions == 2
    finally:
        speaker.close()


def test_closing_is_harmless_at_any_time(bench: Bench) -> None:
    speaker = build(bench.works)
    speaker.close()
    speaker.open()
    play(speaker, 3)
    speaker.close()
    speaker.close()


def test_one_that_cannot_work_says_so_as_a_fault(bench: Bench) -> None:
    speaker = build(bench.fails)
    try:
        with pytest.raises((Unavailable, OSError)):  # noqa: PT012 - wherever it first shows
            speaker.open()
            play(speaker, 150)
    finally:
        speaker.close()
    assert speaker.rung <= ProofLevel.SENT
