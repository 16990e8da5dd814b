"""Runs foreign programs (ffmpeg, espeak-ng, a voice) in short-lived processes under limits.

The kernel limits memory, processor time and file size; a timer limits the rest. The limits are set
by `prlimit`, not between fork and exec, which could deadlock in a process with threads.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from typing import NamedTuple

from gateway.errors import ProgramFailed

# What a program may print; more is cut off at the front (its last words say what went wrong).
OUTPUT_BYTES_MAX = 64 * 1024

_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


class ProcessLimits(NamedTuple):
    """What one run may use."""

    wall_s: float = 30
    cpu_s: int = 20
    memory_mb: int = 512
    file_mb: int = 64


async def run_limited(command: Sequence[str], limits: ProcessLimits, *, said: str = "") -> str:
    """Run a program without terminal or secrets, with `said` on its input; returns what it printed.

    `ProgramFailed` if the program is missing, exceeded a limit, or failed.
    """
    program = shutil.which(command[0])
    if program is None:
        raise ProgramFailed("program.missing", program=command[0])
    process = await asyncio.create_subprocess_exec(
        *_capped(limits),
        *(program, *command[1:]),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=_ENVIRONMENT,
        start_new_session=True,
    )
    name = os.path.basename(program)  # noqa: PTH119  # a name, not a path
    try:
        async with asyncio.timeout(limits.wall_s):
            printed = await _talk(process, said)
    except TimeoutError:
        raise ProgramFailed("program.slow", program=name, limit_s=limits.wall_s) from None
    finally:
        await _end(process)
    if process.returncode:
        raise ProgramFailed(
            "program.failed", program=name, code=process.returncode, printed=_last(printed)
        )
    return printed


def _capped(limits: ProcessLimits) -> list[str]:
    mib = 1024 * 1024
    return [
        # If memory runs out, this process is killed, and never the gateway beside it.
        *("choom", "-n", "900", "--", "prlimit"),
        f"--as={limits.memory_mb * mib}",
        f"--fsize={limits.file_mb * mib}",
        f"--cpu={limits.cpu_s}",
        *("--nofile=64", "--core=0", "--"),
    ]


async def _talk(process: asyncio.subprocess.Process, said: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):  # it stopped reading its input
        process.stdin.write(said.encode())
        process.stdin.close()
    printed = b""
    while chunk := await process.stdout.read(OUTPUT_BYTES_MAX):
        printed = (printed + chunk)[-OUTPUT_BYTES_MAX:]
    await process.wait()
    return printed.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill it with all that it started; a program that has ended is not killed twice."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _last(printed: str) -> str:
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return " / ".join(lines[-2:])[-300:]
