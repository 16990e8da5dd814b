"""A private D-Bus: dbus-daemon in a temporary folder."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

READY_WITHIN_S = 10.0
STOP_WITHIN_S = 5.0

_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


class DbusDaemon:
    """One dbus-daemon as a context manager; clients need its `address`."""

    def __init__(self) -> None:
        self.address = ""
        self._folder: Path | None = None
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="yizhan-air-"))
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(folder=self._folder), encoding="utf-8")
        self._process = await asyncio.create_subprocess_exec(
            "dbus-daemon",
            f"--config-file={config}",
            "--nofork",
            "--nopidfile",
            "--print-address=1",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,  # it complains about limits that it may not raise
        )
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_WITHIN_S):
            self.address = (await self._process.stdout.readline()).decode().strip()
        if not self.address:
            _out, complaint = await self._process.communicate()
            raise OSError("dbus-daemon", complaint.decode("utf-8", "replace"))
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.stop()
        shutil.rmtree(self._folder or "", ignore_errors=True)

    async def stop(self) -> None:
        """End the daemon, and with it every connection."""
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._process.communicate()
