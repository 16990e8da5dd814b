"""A horn or telephone that is called for each session, and so confirms that it takes the sound."""

import contextlib
import random
import socket
from collections import deque

from broadcast.audio_protocol.speaker_options import SipOptions
from broadcast.speakers.backlog import FrameBacklog
from broadcast.speakers.codec import CODECS
from broadcast.speakers.contract import ProofLevel
from broadcast.speakers.network import even_socket, host_and_port, own_address
from broadcast.speakers.rtp import RtpStream
from broadcast.speakers.sdp import SdpMedia
from broadcast.speakers.sip.call import SipCall, SipCallState
from broadcast.speakers.sip.message import BYTES_MAX, SipDialog, parse_message
from gateway.errors import Unavailable

PROBE_S = 0.7
PROBES = 3
# Ended calls that the other side has not confirmed yet; each is given up after 4 s.
OVER_MAX = 4


class SipSpeaker:
    """One address. Frames wait until it has answered, so that no word is lost.

    Waiting frames are dropped when the sound is stopped. An ended call is completed in the
    background, so that the horn is free for the next one.
    """

    def __init__(self, id_: str, options: SipOptions, chance: random.Random) -> None:
        self.codec: str = options.codec
        self.rung = ProofLevel.UNKNOWN
        self._id = id_
        self._options = options
        self._chance = chance
        self._at = host_and_port(options.uri.partition("@")[2])
        self._wait_frames = round(options.answer_within_s * 50)
        self._backlog = FrameBacklog(self._wait_frames + 50)
        self._own = ""
        self._sip: socket.socket | None = None
        self._rtp: socket.socket | None = None
        self._call: SipCall | None = None
        self._over: deque[SipCall] = deque(maxlen=OVER_MAX)
        self._stream: RtpStream | None = None
        self._resting = True

    @property
    def busy(self) -> bool:
        """During a call the clock sends waiting frames and hangs up."""
        return self._call is not None or bool(self._over)

    @property
    def behind(self) -> bool:
        """Whether words wait for the horn to answer or to catch up."""
        return self._backlog.behind

    def open(self) -> None:
        """Open two sockets and ask whether it is there."""
        self._own = self._options.interface or own_address(self._at)
        self._sip = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sip.bind((self._own, 0))
        self._rtp = even_socket(self._own)
        self.rung = self.probe()
        self._sip.setblocking(False)

    def play(self, payload: bytes, rank: int, *, silent: bool = False) -> None:
        """Call with the first frame; frames wait until the horn has answered."""
        if self._resting and self._call is not None and self._call.stage is SipCallState.LEAVING:
            self._over.append(self._call)  # the last session is being hung up: a new call
            self._call = None
        self._resting = False
        if self._call is None:
            self._stream = RtpStream(CODECS[self.codec], self._chance)
            # Offered in both directions: some horns play nothing of a one-way offer (baresip 1.0).
            media = SdpMedia(self._own, self._port(self._rtp), self.codec)
            own = f"{self._own}:{self._port(self._sip)}"
            self._call = SipCall(self._options.uri, own, media, self._wait_frames, self._chance)
            self._call.invite()
            self._flush(self._call)
        self._backlog.put(payload, rank, silent=silent)

    def cut(self) -> None:
        self._backlog.cut()

    def rest(self) -> None:
        """Hang up after the waiting frames are sent."""
        self._resting = True

    def tend(self) -> None:
        """Called once a frame during a call: receive, send, and hang up when all is sent."""
        if not self.busy:
            return
        self._hear()
        for past in [*self._over]:
            past.tick()
            self._flush(past)
            if past.stage is SipCallState.OVER:
                self._over.remove(past)
        if self._call is not None:
            self._tend(self._call)

    def _tend(self, call: SipCall) -> None:
        call.tick()
        if call.stage is SipCallState.TALKING:
            self.rung = ProofLevel.ACCEPTED
            self._say(call)
        elif self._resting and not self.behind:
            call.hang_up()  # nothing is left to be heard: it need not answer
        self._flush(call)
        if call.stage is SipCallState.OVER:
            self._ended(call)

    def probe(self) -> ProofLevel:
        """Send OPTIONS: any answer shows that it is there."""
        host, port = self._at
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.bind((self._own or own_address(self._at), 0))
            link.settimeout(PROBE_S)
            own = f"{link.getsockname()[0]}:{link.getsockname()[1]}"
            token = f"{self._chance.getrandbits(96):024x}"
            dialog = SipDialog.begin(self._options.uri, own, token)
            link.connect(self._at)  # so that a closed port is reported at once
            with contextlib.suppress(ConnectionRefusedError):
                for _ in range(PROBES):
                    link.send(dialog.request("OPTIONS", 1, token[:16]))
                    with contextlib.suppress(TimeoutError):
                        answer = parse_message(link.recv(BYTES_MAX))
                        if answer is not None and answer.status:
                            return ProofLevel.REACHABLE
        raise Unavailable("speaker.unreachable", address=f"{host}:{port}")

    def close(self) -> None:
        """Hang up and close the sockets."""
        if self._call is not None:
            self._call.hang_up()
            with contextlib.suppress(OSError):
                self._flush(self._call)
            self._call = None
        self._over.clear()
        for link in (self._sip, self._rtp):
            if link is not None:
                link.close()
        self._sip = self._rtp = None
        self._backlog.cut()

    def _hear(self) -> None:
        """Give each message to its own call, and messages of no call to the current one."""
        assert self._sip is not None
        calls = [call for call in (self._call, *self._over) if call is not None]
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = self._sip.recv(BYTES_MAX)
                message = parse_message(packet)
                name = "" if message is None else message.headers.get("call-id", "")
                next((each for each in calls if each.id == name), calls[0]).handle_packet(packet)

    def _say(self, call: SipCall) -> None:
        assert self._rtp is not None
        assert self._stream is not None
        payload = self._backlog.pop()
        if payload is not None and call.media is not None:
            packet = self._stream.packet(payload)
            with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
                self._rtp.sendto(packet, call.media)
        elif self._resting:
            call.hang_up()

    def _flush(self, call: SipCall) -> None:
        assert self._sip is not None
        for packet in call.out:
            with contextlib.suppress(BlockingIOError):
                self._sip.sendto(packet, self._at)
        call.out.clear()

    def _ended(self, call: SipCall) -> None:
        self._call = None
        self._backlog.cut()
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
