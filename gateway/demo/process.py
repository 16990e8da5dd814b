"""One process of the demo: started, waited for until it is ready, started again if it dies."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

READY_WITHIN_S = 30.0
STOP_WITHIN_S = 5.0
AGAIN_AFTER_S = 1.0

OutputSink = Callable[[str, str], None]


class DemoProcess:
    """A process that speaks sd_notify; `say(name, line)` gets its output and its fate."""

    def __init__(
        self,
        name: str,
        argv: list[str],
        folder: Path,
        say: OutputSink,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Start nothing yet; `folder` holds the notify socket and is its RUNTIME_DIRECTORY."""
        self.name = name
        self.starts = 0
        self.ready = asyncio.Event()
        self._argv = argv
        self._folder = folder
        self._say = say
        self._environ = dict(environ or {})
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    @property
    def pid(self) -> int | None:
        """The living process's id."""
        alive = self._process is not None and self._process.returncode is None
        return self._process.pid if alive and self._process is not None else None

    async def run(self) -> None:
        """Keep the process going until `stop`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._notify_socket() as notify:
            asyncio.get_running_loop().add_reader(notify, self._hear, notify)
            try:
                while not self._stopping:
                    code = await self._once(notify.getsockname())
                    self.ready.clear()
                    if not self._stopping:
                        self._say(
                            self.name, f"✕ 结束了 / ended ({code}); 重新启动 / starting again"
                        )
                        await asyncio.sleep(AGAIN_AFTER_S)
            finally:
                asyncio.get_running_loop().remove_reader(notify)

    async def stop(self) -> None:
        """Ask it to end, and make it end if it does not."""
        self._stopping = True
        if self._process is None or self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _once(self, notify_address: str) -> int:
        environment = {
            **os.environ,
            "NOTIFY_SOCKET": notify_address,
            "RUNTIME_DIRECTORY": str(self._folder),
            "PYTHONUNBUFFERED": "1",
            **self._environ,
        }
        self.starts += 1
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            *self._argv,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is the demo's, which then stops them in order
        )
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                self._say(self.name, line.decode("utf-8", "replace").rstrip())
            return await self._process.wait()
        finally:  # the audio process holds the other end of the pipe, and lives on for a while
            self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001

    def _notify_socket(self) -> socket.socket:
        path = self._folder / f"{self.name}.notify"
        path.unlink(missing_ok=True)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        notify.bind(str(path))
        return notify

    def _hear(self, notify: socket.socket) -> None:
        if "READY=1" in notify.recv(4096).decode("utf-8", "replace").splitlines():
            self.ready.set()
