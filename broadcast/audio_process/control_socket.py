"""The socket on which the gateway talks to the audio process. Nothing here ever blocks."""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from broadcast.audio_protocol import messages
from gateway.errors import Unavailable

# The gateway, the previous one on its way out, and a person who looks.
CLIENTS_MAX = 4

# What one client may send between two frames: the clock comes first.
PACKETS_AT_ONCE = 16


class ControlSocket:
    """Listens on a path; a lock on it makes sure that a station has one audio process."""

    def __init__(self, path: Path) -> None:
        """Open it; Unavailable if another process has it."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        self._lock = os.open(path.with_suffix(".lock"), flags, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise Unavailable("audio.held", path=str(path)) from error
        path.unlink(missing_ok=True)
        kind = socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK
        self._listener = socket.socket(socket.AF_UNIX, kind)
        self._listener.bind(str(path))
        path.chmod(0o600)
        self._listener.listen(CLIENTS_MAX)
        self._clients: list[socket.socket] = []

    @property
    def empty(self) -> bool:
        """Whether no client is connected."""
        return not self._clients

    @property
    def readers(self) -> list[socket.socket]:
        """The sockets to wait for."""
        return [self._listener, *self._clients]

    def packets(self, ready: set[socket.socket]) -> Iterator[tuple[socket.socket, bytes]]:
        """Read requests with their clients; connect new clients, drop those that left."""
        if self._listener in ready:
            self._let_in()
        for client in [each for each in self._clients if each in ready]:
            for _ in range(PACKETS_AT_ONCE):
                try:
                    packet = client.recv(messages.PACKET_BYTES_MAX)
                except BlockingIOError:
                    break
                except OSError:
                    packet = b""
                if not packet:
                    self._let_go(client)
                    break
                yield client, packet

    def send(self, client: socket.socket, message: messages.AudioMessage) -> bool:
        """Send to one client; False if it has left."""
        if client in self._clients:
            self._send(client, messages.pack_message(message))
        return client in self._clients

    def send_all(self, event: messages.AudioEvent) -> None:
        """Send to all clients."""
        packet = messages.pack_message(event)
        for client in list(self._clients):
            self._send(client, packet)

    def close(self) -> None:
        for link in self.readers:
            link.close()
        self._clients.clear()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        os.close(self._lock)

    def _let_in(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # it has left already, or there are no descriptors: it will come again
            return
        client.setblocking(False)
        if len(self._clients) >= CLIENTS_MAX:
            client.close()
        else:
            self._clients.append(client)

    def _let_go(self, client: socket.socket) -> None:
        self._clients.remove(client)
        client.close()

    def _send(self, client: socket.socket, packet: bytes) -> None:
        """Send, and drop a client that does not read: it asks for the state when it reconnects."""
        try:
            client.send(packet)
        except OSError:
            self._let_go(client)
