"""Foreign programs (ffmpeg, espeak-ng, a voice) in short-lived processes that cannot harm us.

The kernel bounds memory, processor time and file size; a timer bounds the rest. The limits are set
by `prlimit`, not between fork and exec: in a process with threads that would invite a deadlock.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from typing import NamedTuple

from gateway.errors import ProgramFailed

# What a program may print; more is cut off (its last words say what went wrong).
OUTPUT_BYTES_MAX = 64 * 1024

_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}


class ProcessLimits(NamedTuple):
    """What one run may use."""

    wall_s: float = 30
    cpu_s: int = 20
    memory_mb: int = 512
    file_mb: int = 64


async def run_limited(command: Sequence[str], limits: ProcessLimits, *, said: str = "") -> str:
    """What the program printed, in a tidy world: no terminal, no secrets, `said` on its input.

    `ProgramFailed` tells a program that is missing, that ran over a limit, or that said no.
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
        # Where memory runs out, what is being prepared goes, and never the gateway beside it.
        *("choom", "-n", "900", "--", "prlimit"),
        f"--as={limits.memory_mb * mib}",
        f"--fsize={limits.file_mb * mib}",
        f"--cpu={limits.cpu_s}",
        *("--nofile=64", "--core=0", "--"),
    ]


async def _talk(process: asyncio.subprocess.Process, said: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):  # it did not want to hear us out
        process.stdin.write(said.encode())
        process.stdin.close()
    printed = b""
    while chunk := await process.stdout.read(OUTPUT_BYTES_MAX):
        printed = (printed + chunk)[-OUTPUT_BYTES_MAX:]
    await process.wait()
    return printed.decode(errors="replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Whatever it started goes with it; a program that has ended is not killed twice."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


def _last(printed: str) -> str:
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    return " / ".join(lines[-2:])[-300:]
