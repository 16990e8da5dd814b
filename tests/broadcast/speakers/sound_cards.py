"""Sound cards without hardware: ALSA's file plugin (exact, unpaced) and PulseAudio (real time)."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

from tests.broadcast.audio_process.harness import WITHIN_S

# 10 ms: what is long enough to be found by itself.
BLOCK_BYTES = 320

FILE_CARD = """
</usr/share/alsa/alsa.conf>
pcm.capture_file {{ type file; slave.pcm "null"; file {file}; format wav; }}
pcm.yizhan {{
    type plug
    slave {{ pcm capture_file; format S16_LE; rate 16000; channels 1 }}
    hint {{ show on; description "yizhan" }}
}}
"""

PULSE_CARDS = """
</usr/share/alsa/alsa.conf>
pcm.zone_a { type pulse; device zone_a; hint { show on; description "zone_a" } }
pcm.zone_b { type pulse; device zone_b; hint { show on; description "zone_b" } }
pcm.mic_a { type pulse; device zone_a.monitor; hint { show on; description "mic_a" } }
"""


def file_card(folder: Path) -> tuple[Path, Path]:
    """(the ALSA settings, the WAV file that the card `yizhan` writes)."""
    conf, capture = folder / "asound.conf", folder / "captured.wav"
    conf.write_text(FILE_CARD.format(file=capture))
    return conf, capture


@contextlib.contextmanager
def pulse(folder: Path) -> Iterator[dict[str, str]]:
    """A PulseAudio of our own with the sinks zone_a and zone_b; the environment to reach it."""
    conf = folder / "asound.conf"
    conf.write_text(PULSE_CARDS)
    home = Path(tempfile.mkdtemp(dir=folder))
    runtime = Path(tempfile.mkdtemp())  # a socket's path must be short
    native = runtime / "native"
    environ = {
        "XDG_RUNTIME_DIR": str(runtime),
        "HOME": str(home),
        "PULSE_SERVER": f"unix:{native}",
        "ALSA_CONFIG_PATH": str(conf),
    }
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--log-level=error"]
    command += ["-L", f"module-native-protocol-unix auth-anonymous=1 socket={native}"]
    for sink in ("zone_a", "zone_b"):
        command += ["-L", f"module-null-sink sink_name={sink} rate=16000 channels=1"]
    server = subprocess.Popen(command, env=os.environ | environ, stderr=subprocess.DEVNULL)
    try:
        patience = time.monotonic() + WITHIN_S
        while subprocess.run(
            ["pactl", "info"], env=os.environ | environ, capture_output=True, check=False
        ).returncode:
            assert time.monotonic() < patience
            time.sleep(0.05)
        yield environ
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(WITHIN_S)
        for left in sorted(runtime.rglob("*"), reverse=True):
            left.rmdir() if left.is_dir() and not left.is_symlink() else left.unlink()
        runtime.rmdir()


def speak(environ: dict[str, str], sink: str, path: Path) -> "subprocess.Popen[bytes]":
    """Somebody speaks into the microphone that hears this sink."""
    command = ["paplay", "-d", sink, "--latency-msec=20", str(path)]
    return subprocess.Popen(command, env=os.environ | environ)


def share_heard(said: "array[int]", caught: bytes) -> float:
    """How much of it came through, sample by sample: a busy machine makes PulseAudio skip some."""
    pcm = said.tobytes()
    blocks = [pcm[at : at + BLOCK_BYTES] for at in range(0, len(pcm) - BLOCK_BYTES, BLOCK_BYTES)]
    told = [block for block in blocks if len(set(block)) > BLOCK_BYTES // 4]
    return sum(block in caught for block in told) / len(told)


@contextlib.contextmanager
def recording(environ: dict[str, str], sink: str, path: Path) -> Iterator[None]:
    """What the sink plays, recorded by parec."""
    command = ["parec", "-d", f"{sink}.monitor", "--rate=16000", "--channels=1"]
    command += ["--format=s16le", "--latency-msec=20", "--file-format=wav", str(path)]
    recorder = subprocess.Popen(command, env=os.environ | environ)
    try:
        patience = time.monotonic() + WITHIN_S
        while not path.exists() or path.stat().st_size < 1000:
            assert time.monotonic() < patience
            time.sleep(0.02)
        yield
    finally:
        recorder.send_signal(signal.SIGINT)
        recorder.wait(WITHIN_S)
