"""Builds the shim, runs programs under it, reads what it recorded."""

import ctypes
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
_HEAD = struct.Struct("<cHqI")
_WITH_DATA = b"WMLR"


@cache
def library() -> Path:
    """The compiled shim; the test environment has gcc, as `./dev` sets it up."""
    target = ROOT / ".dev" / "shim.so"
    target.parent.mkdir(exist_ok=True)
    source = Path(__file__).with_name("shim.c")
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        building = target.with_suffix(f".{os.getpid()}")
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-O1", "-o", building, source, "-ldl"], check=True
        )
        building.rename(target)
    return target


def environment(
    root: Path, *, log: Path | None = None, fail: str = "", busy: Path | None = None
) -> dict[str, str]:
    """What a program needs to run under the shim; `fail` is `call:number:errno[:forever]`.

    `busy` is a file that shows when one is syncing; see the shim for what it can hold up.
    """
    env = {**os.environ, "LD_PRELOAD": str(library()), "SHIM_ROOT": str(root)}
    env |= {"SHIM_LOG": str(log)} if log else {}
    env |= {"SHIM_FAIL": fail} if fail else {}
    env |= {"SHIM_BUSY": str(busy)} if busy else {}
    return env


def start(module: str, *arguments: object, env: dict[str, str]) -> subprocess.Popen[str]:
    """Start a program of these tests under the shim."""
    command = [sys.executable, "-m", f"tests.proof.{module}", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=ROOT, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def mark(text: str) -> None:
    """In a program under the shim: put a mark between the records."""
    ctypes.CDLL(None).shim_mark(text.encode())


class Call(NamedTuple):
    """One recorded call."""

    letter: str
    name: str
    offset: int
    data: bytes


def calls(log: Path) -> Iterator[Call]:
    """What was recorded, in order."""
    raw = log.read_bytes()
    at = 0
    while at < len(raw):
        letter, name_length, offset, length = _HEAD.unpack_from(raw, at)
        at += _HEAD.size
        name = raw[at : at + name_length].decode()
        at += name_length
        held = length if letter in _WITH_DATA else 0
        yield Call(letter.decode(), name, offset, raw[at : at + held])
        at += held
