"""baresip as a horn on the wall: answers by itself and keeps what it has heard in a WAV file."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.broadcast.audio_process.harness import WITHIN_S
from tests.ports import free_port

CONFIG = """
sip_listen 127.0.0.1:{port}
audio_player aubridge,horn
audio_source aubridge,horn
module_path {modules}
module g711.so
module g722.so
module aubridge.so
module sndfile.so
module_tmp account.so
module_app menu.so
snd_path {folder}
"""
MODULES = "/usr/lib/baresip/modules"


@contextlib.contextmanager
def horn(folder: Path, answers: str = "auto") -> Iterator[str]:
    """A running one; its SIP address."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    address = f"sip:horn@127.0.0.1:{port}"
    (folder / "config").write_text(CONFIG.format(port=port, modules=MODULES, folder=folder))
    (folder / "accounts").write_text(f"<{address}>;regint=0;answermode={answers}\n")
    (folder / "contacts").touch()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["baresip", "-f", str(folder)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            env=os.environ | {"HOME": str(folder)},
        )  # fmt: skip
    try:
        patience = time.monotonic() + WITHIN_S
        while b"baresip is ready" not in (folder / "log").read_bytes():
            assert time.monotonic() < patience, (folder / "log").read_text()
            time.sleep(0.02)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def heard(folder: Path) -> Path:
    """What the horn decoded, once it has hung up."""
    (found,) = folder.glob("dump-*-dec.wav")
    return found
