"""A SIP horn that takes its time to answer; written from RFC 3261, it shares no code with ours.

It lives by `tick`, one every 20 ms of whoever drives it, and says what it heard in which tick.
"""

import contextlib
import socket
import threading
from typing import NamedTuple


class Request(NamedTuple):
    method: str
    headers: dict[str, str]
    vias: list[str]


def read(packet: bytes) -> Request:
    head = packet.decode().partition("\r\n\r\n")[0]
    first, *lines = head.split("\r\n")
    pairs = [line.split(": ", 1) for line in lines]
    vias = [value for name, value in pairs if name == "Via"]
    return Request(first.split(" ")[0], dict(pairs), vias)


class Ringing(NamedTuple):
    request: Request
    since: int


class LateHorn:
    """It answers `after` so many ticks, and takes one call at a time.

    With `hears` False whoever drives it reads what comes to its `rtp` socket.
    """

    def __init__(self, after: int = 0, *, hears: bool = True) -> None:
        self.after = after
        self.rtp = self._socket()
        self._hears = hears
        self.now = 0
        self.heard: list[tuple[int, bytes]] = []
        self.said: list[tuple[int, str]] = []
        self.talking: str | None = None
        self._ringing: Ringing | None = None
        self._sip = self._socket()
        self._caller: tuple[str, int] | None = None

    @property
    def uri(self) -> str:
        return f"sip:horn@127.0.0.1:{self._sip.getsockname()[1]}"

    @property
    def payloads(self) -> list[int]:
        """The first byte of the sound of each packet."""
        return [packet[12] for _, packet in self.heard]

    def tick(self) -> None:
        self.now += 1
        for packet, caller in self._received(self._sip):
            self._asked(read(packet), caller)
        if self._ringing is not None and self.now - self._ringing.since >= self.after:
            self.answer()
        if self._hears:
            self.heard += [(self.now, packet) for packet, _ in self._received(self.rtp)]

    def close(self) -> None:
        self._sip.close()
        self.rtp.close()

    def _asked(self, request: Request, caller: tuple[str, int]) -> None:
        self._caller = caller
        name = request.headers["Call-ID"]
        if request.method == "OPTIONS":
            self._reply(request, 200)
        elif request.method == "INVITE" and self.talking not in (None, name):
            self._reply(request, 486)
        elif request.method == "INVITE" and self._ringing is None:
            self._reply(request, 180)
            self._ringing = Ringing(request, self.now)
        elif request.method == "CANCEL":
            self._reply(request, 200)
            if self._ringing is not None:
                self._reply(self._ringing.request, 487)
                self._ringing = None
        elif request.method == "BYE":
            self._reply(request, 200)
            self.talking = None

    def answer(self) -> None:
        """Say yes now."""
        assert self._ringing is not None
        self.talking = self._ringing.request.headers["Call-ID"]
        port = self.rtp.getsockname()[1]
        sdp = f"v=0\r\nc=IN IP4 127.0.0.1\r\nm=audio {port} RTP/AVP 8\r\n"
        self._reply(self._ringing.request, 200, sdp)
        self._ringing = None

    def _reply(self, to: Request, status: int, body: str = "") -> None:
        self.said.append((status, to.method))
        tag = "" if status < 200 or "tag=" in to.headers["To"] else ";tag=horn"
        lines = [f"SIP/2.0 {status} X", *(f"Via: {via}" for via in to.vias)]
        lines += [f"{name}: {to.headers[name]}" for name in ("From", "Call-ID", "CSeq")]
        lines += [f"To: {to.headers['To']}{tag}", f"Contact: <{self.uri}>"]
        lines += [f"Content-Length: {len(body)}", "", body]
        assert self._caller is not None
        self._sip.sendto("\r\n".join(lines).encode(), self._caller)

    @staticmethod
    def _socket() -> socket.socket:
        link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        link.bind(("127.0.0.1", 0))
        link.setblocking(False)
        return link

    @staticmethod
    def _received(link: socket.socket) -> list[tuple[bytes, tuple[str, int]]]:
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(link.recvfrom(4096))
        return found


def opened(speaker, horn: LateHorn) -> None:
    """Open it while the horn lives: to open it is to ask whether it is there."""
    opening = threading.Thread(target=speaker.open)
    opening.start()
    while opening.is_alive():
        horn.tick()
        opening.join(0.001)
    horn.now = 0
