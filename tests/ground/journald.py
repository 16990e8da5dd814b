"""journald's own judgement of our log: `unshare --mount python -m tests.ground.journald CONF`.

The system's log runs here as it would under systemd, with the settings that the installer lays;
what it has kept is read back with `journalctl`. Prints a JSON object.
"""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

JOURNALD = "/lib/systemd/systemd-journald"
SOCKET = Path("/run/systemd/journal/socket")
ERRORS = Path("/run/stderr")
KEPT = Path("/run/log/journal")
FLOOD, LINE_BYTES = 4_000, 8_192
SAYS = """
import logging
from gateway import logs
logs.set_up_logging(verbose=False)
log = logging.getLogger("gateway.judged")
log.warning("two\\nlines 驿站")
try:
    raise RuntimeError("canary")
except RuntimeError:
    log.exception("failed")
for number in range(500):
    log.info("storm %d", number)
logs.WITHIN_S = 0.0
log.info("after the storm")
"""


def start(conf: Path) -> subprocess.Popen[bytes]:
    """journald, in a /run of its own."""
    for place in ("/run", "/var/log"):
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", place], check=True)
    for folder in (SOCKET.parent, KEPT, Path("/run/systemd/journald.conf.d")):
        folder.mkdir(parents=True)
    shutil.copy(conf, "/run/systemd/journald.conf.d/50-yizhan.conf")
    judge = subprocess.Popen([JOURNALD], stderr=subprocess.DEVNULL)
    while not SOCKET.exists():
        time.sleep(0.05)
    return judge


def say() -> None:
    """A process of ours, as systemd starts one: its error output is the journal's."""
    with ERRORS.open("wb") as stderr:
        found = os.fstat(stderr.fileno())
        stream = f"{found.st_dev}:{found.st_ino}"
        subprocess.run(
            [sys.executable, "-c", SAYS],
            env={**os.environ, "JOURNAL_STREAM": stream}, stderr=stderr, check=True,
        )  # fmt: skip


def flood() -> None:
    """More than the journal may keep."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.connect(str(SOCKET))
        for _ in range(FLOOD):
            body = os.urandom(LINE_BYTES)  # nothing that could be compressed
            line.send(b"MESSAGE\n" + struct.pack("<Q", len(body)) + body + b"\nPRIORITY=6\n")


def read(*asked: str) -> list[dict[str, Any]]:
    """What was kept, as `journalctl` gives it."""
    command = ["journalctl", "-D", str(KEPT), "-o", "json", "--no-pager", *asked]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ran.stdout.splitlines()]


def kept() -> list[dict[str, Any]]:
    """Our own lines, once the last of them is there."""
    while True:
        ours = read("LOGGER=gateway.judged")
        if any("after" in str(each["MESSAGE"]) for each in ours) or "after" in ERRORS.read_text():
            return ours
        time.sleep(0.1)


def main(conf: Path) -> None:
    judge = start(conf)
    try:
        say()
        ours = kept()
        flood()
    finally:
        judge.terminate()
        judge.wait()
    told = {
        "ours": [
            {
                key: each.get(key)
                for key in ("MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "CODE_FUNC")
            }
            for each in ours
        ],
        "warnings": len([each for each in ours if int(each["PRIORITY"]) <= 4]),
        "bytes": sum(path.stat().st_size for path in KEPT.rglob("*.journal")),
        "on the card": [str(path) for path in Path("/var/log").rglob("*.journal")],
        "stderr": ERRORS.read_text(),
    }
    print(json.dumps(told, ensure_ascii=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
