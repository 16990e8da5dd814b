"""A horn or telephone that is called for each session, and says itself that it takes the sound."""

import contextlib
import random
import socket
from collections import deque

from broadcast.speakers.codec import CODECS
from broadcast.speakers.contract import Rung
from broadcast.speakers.network import even_socket, host_and_port, own_address
from broadcast.speakers.options import Sip
from broadcast.speakers.rtp import Stream
from broadcast.speakers.sdp import Media
from broadcast.speakers.sip.call import Call, Stage
from broadcast.speakers.sip.message import BYTES_MAX, Dialog, parse
from gateway.errors import Unavailable

PROBE_S = 0.7
PROBES = 3


class SipSpeaker:
    """One address; what sounds before it has answered waits, so that no word is lost."""

    def __init__(self, id_: str, options: Sip, chance: random.Random) -> None:
        self.codec: str = options.codec
        self.rung = Rung.UNKNOWN
        self._id = id_
        self._options = options
        self._chance = chance
        self._at = host_and_port(options.uri.partition("@")[2])
        self._wait_frames = round(options.answer_within_s * 50)
        self._waiting: deque[bytes] = deque(maxlen=self._wait_frames + 50)
        self._own = ""
        self._sip: socket.socket | None = None
        self._rtp: socket.socket | None = None
        self._call: Call | None = None
        self._stream: Stream | None = None
        self._resting = True

    @property
    def busy(self) -> bool:
        """While a call lasts the clock sends what waits, and says goodbye."""
        return self._call is not None

    def open(self) -> None:
        """Take two sockets and ask whether it is there."""
        self._own = self._options.interface or own_address(self._at)
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.bind((self._own, 0))
        self._rtp = even_socket(self._own)
        self.rung = self.probe()
        self._sip.setblocking(False)

    def play(self, payload: bytes, rank: int) -> None:
        """Call with the first frame; the others wait in line until it has answered."""
        del rank
        if self._resting and self._call is not None:
            self._call.hang_up()  # the last session's goodbye is still under way: a new call
            self._flush(self._call)
            self._call = None
            self._waiting.clear()
        self._resting = False
        if self._call is None:
            self._stream = Stream(CODECS[self.codec], self._chance)
            # offered both ways: there are horns that play nothing of a one-way offer (baresip 1.0)
            media = Media(self._own, self._port(self._rtp), self.codec)
            own = f"{self._own}:{self._port(self._sip)}"
            self._call = Call(self._options.uri, own, media, self._wait_frames, self._chance)
            self._call.invite()
            self._flush(self._call)
        self._waiting.append(payload)

    def rest(self) -> None:
        """What waits is still said, then it hangs up."""
        self._resting = True

    def tend(self) -> None:
        """Once a frame during a call: hear, say, and hang up when all is said."""
        call = self._call
        if call is None:
            return
        self._hear(call)
        call.frame()
        if call.stage is Stage.TALKING:
            self.rung = Rung.ACCEPTED
            self._say(call)
        self._flush(call)
        if call.stage is Stage.OVER:
            self._over(call)

    def probe(self) -> Rung:
        """OPTIONS: any answer at all shows that it is there."""
        host, port = self._at
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.bind((self._own or own_address(self._at), 0))
            link.settimeout(PROBE_S)
            own = f"{link.getsockname()[0]}:{link.getsockname()[1]}"
            token = f"{self._chance.getrandbits(96):024x}"
            dialog = Dialog.begin(self._options.uri, own, token)
            link.connect(self._at)  # so that a closed port is told at once
            with contextlib.suppress(ConnectionRefusedError):
                for _ in range(PROBES):
                    link.send(dialog.request("OPTIONS", 1, token[:16]))
                    with contextlib.suppress(TimeoutError):
                        answer = parse(link.recv(BYTES_MAX))
                        if answer is not None and answer.status:
                            return Rung.REACHABLE
        raise Unavailable("speaker.unreachable", address=f"{host}:{port}")

    def close(self) -> None:
        """Hang up and give the sockets back."""
        if self._call is not None:
            self._call.hang_up()
            with contextlib.suppress(OSError):
                self._flush(self._call)
            self._call = None
        for link in (self._sip, self._rtp):
            if link is not None:
                link.close()
        self._sip = self._rtp = None
        self._waiting.clear()

    def _hear(self, call: Call) -> None:
        assert self._sip is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                call.heard(self._sip.recv(BYTES_MAX))

    def _say(self, call: Call) -> None:
        assert self._rtp is not None
        assert self._stream is not None
        if self._waiting and call.media is not None:
            packet = self._stream.packet(self._waiting.popleft())
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                self._rtp.sendto(packet, call.media)
        elif self._resting:
            call.hang_up()

    def _flush(self, call: Call) -> None:
        assert self._sip is not None
        for packet in call.out:
            with contextlib.suppress(BlockingIOError):
                self._sip.sendto(packet, self._at)
        call.out.clear()

    def _over(self, call: Call) -> None:
        self._call = None
        self._waiting.clear()
        if call.status >= 300:  # noqa: PLR2004 - SIP: from 300 on it is a no
            code = "speaker.no-answer" if call.status == 487 else "speaker.declined"  # noqa: PLR2004 - our own word for nobody
            raise Unavailable(code, address=self._options.uri, status=call.status)
        if not self._resting:
            raise Unavailable("speaker.hung-up", address=self._options.uri)

    @staticmethod
    def _port(link: socket.socket | None) -> int:
        assert link is not None
        port: int = link.getsockname()[1]
        return port
