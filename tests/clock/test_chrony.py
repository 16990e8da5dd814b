"""What chronyd answers: recorded from 4.3 of Debian 12, and asked of a daemon that is emulated."""

import contextlib
import errno
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import Clock, LinuxKernel, chrony
from gateway.event import Trust
from tests.clock.test_linux import answering, refusing

SEQUENCE = 0x01020304
# `chronyc tracking` beside it: 0.250000834 s fast of NTP time, root dispersion 1.4 µs.
HELD = bytes.fromhex(
    "060200000021000500000000000000000102030400000000000000007f0000017f00000100000000000000000000"
    "00000001000000040000000000006b0e2bca33f18c77017fffe4d57c595ed8b37fd3fab39f57f57d2c6ffeb85dc4"
    "e09f0c4adcb36c3002811957"
)

SEEKING = bytes.fromhex(
    "06020000002100050000000000000000010203040000000000000000000000000000000000000000000000000000"
    "00000000000000000003000000000000000000000000000000000000000000000000000000000000000000000000"
    "000000048000000480000000"
).ljust(104, b"\0")
REFERENCE = slice(28, 32)


def test_a_daemon_that_follows_a_server_says_how_far_off_the_system_clock_is() -> None:
    told = chrony.decode_reply(HELD, SEQUENCE)
    assert told is not None
    assert told.ahead_s == pytest.approx(0.250000834, abs=1e-9)
    assert told.error_s == pytest.approx(0.250000834 + 1.353e-6 + 4.740e-6 / 2, abs=1e-7)
    assert told.ref_s == pytest.approx(1_796_090_826.871, abs=1e-3)


def test_a_daemon_that_seeks_one_or_follows_its_own_crystal_holds_nothing() -> None:
    assert chrony.decode_reply(SEEKING, SEQUENCE) is None
    alone = bytearray(HELD)
    alone[REFERENCE] = bytes((127, 127, 1, 1))
    assert chrony.decode_reply(bytes(alone), SEQUENCE) is None


def test_an_answer_to_another_question_or_a_refusal_is_none() -> None:
    assert chrony.decode_reply(HELD, SEQUENCE + 1) is None
    refused = bytearray(HELD)
    refused[9] = 2  # unauthorised
    assert chrony.decode_reply(bytes(refused), SEQUENCE) is None


@given(st.binary(max_size=256), st.integers(0, 103), st.integers(0, 255))
def test_garbage_is_never_an_error(noise: bytes, at: int, byte: int) -> None:
    chrony.decode_reply(noise, SEQUENCE)
    chrony.decode_reply(HELD[:at], SEQUENCE)
    flipped = bytearray(HELD)
    flipped[at] = byte
    told = chrony.decode_reply(bytes(flipped), SEQUENCE)
    assert told is None or told.error_s == told.error_s  # no NaN


def test_the_question_is_as_long_as_its_answer() -> None:
    asked = chrony.encode_request(SEQUENCE)
    assert len(asked) == len(HELD)
    assert asked[:12] == bytes.fromhex("060100000021000001020304")


@contextlib.contextmanager
def daemon(answer: bytes) -> Iterator[tuple[str, int]]:
    """Answers one question with that, its sequence put in."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(5)

        def serve() -> None:
            asked, asker = server.recvfrom(256)
            server.sendto(answer[:16] + asked[8:12] + answer[20:], asker)

        serving = threading.Thread(target=serve)
        serving.start()
        yield server.getsockname()
        serving.join()


def test_under_the_sandbox_chronyd_is_ntp_and_its_correction_is_applied(tmp_path: Path) -> None:
    with daemon(HELD) as address:
        kernel = answering(LinuxKernel(tmp_path / "none", address), refusing(errno.EPERM))
        clock = Clock("0" * 16, kernel)
        assert clock.poll() is not None
    status = clock.status()
    assert status.trust is Trust.NTP
    assert status.wall_ns is not None
    assert (kernel.realtime_ns() - status.wall_ns) / 1e9 == pytest.approx(0.25, abs=0.1)


def test_chronyd_speaks_where_the_mark_of_timesyncd_is_of_one_that_is_gone(tmp_path: Path) -> None:
    mark = tmp_path / "synchronized"
    mark.touch()
    for age_s, tracked in ((60, False), (7200, True)):
        with daemon(HELD) as address:
            kernel = answering(LinuxKernel(mark, address), refusing(errno.EPERM))
            when = kernel.realtime_ns() - age_s * 10**9
            os.utime(mark, ns=(when, when))
            hold = kernel.ntp()
            if not tracked:
                chrony.query_chronyd(address)  # lets the daemon go
        assert hold is not None
        assert (hold.ahead_ns != 0) is tracked


def test_without_chronyd_nothing_waits(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        assert chrony.query_chronyd(silent.getsockname()) is None
        nobody = silent.getsockname()
    kernel = answering(LinuxKernel(tmp_path / "none", nobody), refusing(errno.EPERM))
    assert kernel.ntp() is None


CHRONYD = os.environ.get("YIZHAN_CHRONYD") or shutil.which("chronyd")


@pytest.mark.proof
@pytest.mark.skipif(CHRONYD is None, reason="chronyd is not installed, nor in YIZHAN_CHRONYD")
def test_a_real_chronyd_is_heard(tmp_path: Path) -> None:
    """One serves its crystal, another follows it; neither may touch this machine's clock (-x)."""
    ports = [_free_port() for _ in range(2)]
    settings = {
        "serves": f"local stratum 3\nport {ports[0]}\ncmdport 0\nallow 127.0.0.1\n",
        "follows": f"server 127.0.0.1 port {ports[0]} iburst minpoll -2 maxpoll 0\nport 0\n"
        f"cmdport {ports[1]}\nbindcmdaddress /\n",
    }
    running = []
    try:
        for name, text in settings.items():
            file = tmp_path / name
            file.write_text(f"{text}pidfile {tmp_path}/{name}.pid\n", "ascii")
            command = [str(CHRONYD), "-x", "-d", "-u", "root", "-f", str(file)]
            running.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        told = None
        for _ in range(200):
            told = chrony.query_chronyd(("127.0.0.1", ports[1]))
            if told is not None:
                break
            time.sleep(0.1)
    finally:
        for each in running:
            each.terminate()
            each.wait()
    assert told is not None
    assert abs(told.ahead_s) < 0.1
    assert told.error_s < 5
    print(f"chronyd: {told}")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.bind(("127.0.0.1", 0))
        return int(asker.getsockname()[1])
