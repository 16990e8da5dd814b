"""One SIP call. Pure: datagrams in and out, time counted in frames of 20 ms.

IDLE ─invite─► CALLING ─ringing─► RINGING ─hang_up─► LEAVING │  │               │ │ │
└────answer─────┴─┼──► TALKING ─hang_up─► LEAVING ─done─► OVER └──fail────────fail──┴──────► OVER
◄──bye──── TALKING
"""

import enum
import random

from broadcast.speakers import sdp
from broadcast.speakers.sip.message import (
    AUTO_ANSWER,
    SipDialog,
    SipMessage,
    build_response,
    parse_message,
)
from gateway.transitions import TransitionTable

# RFC 3261's T1: an unanswered request is sent again after 500 ms, then after twice that.
FIRST_AGAIN_FRAMES = 25

# A hang-up without an answer is over after 4 s.
LEAVING_FRAMES = 200

_OK, _MULTIPLE = 200, 300
_UNANSWERED = 487


class SipCallState(enum.Enum):
    IDLE = "idle"
    CALLING = "calling"
    RINGING = "ringing"
    TALKING = "talking"
    LEAVING = "leaving"
    OVER = "over"


class SipCallEvent(enum.Enum):
    INVITE = "invite"
    RINGING = "ringing"
    ANSWER = "answer"
    FAIL = "fail"
    HANG_UP = "hang_up"
    BYE = "bye"
    DONE = "done"


TABLE = TransitionTable(
    SipCallState.IDLE,
    {
        (SipCallState.IDLE, SipCallEvent.INVITE): SipCallState.CALLING,
        (SipCallState.CALLING, SipCallEvent.RINGING): SipCallState.RINGING,
        (SipCallState.CALLING, SipCallEvent.ANSWER): SipCallState.TALKING,
        (SipCallState.CALLING, SipCallEvent.FAIL): SipCallState.OVER,
        (SipCallState.CALLING, SipCallEvent.HANG_UP): SipCallState.LEAVING,
        (SipCallState.RINGING, SipCallEvent.RINGING): SipCallState.RINGING,
        (SipCallState.RINGING, SipCallEvent.ANSWER): SipCallState.TALKING,
        (SipCallState.RINGING, SipCallEvent.FAIL): SipCallState.OVER,
        (SipCallState.RINGING, SipCallEvent.HANG_UP): SipCallState.LEAVING,
        (SipCallState.TALKING, SipCallEvent.HANG_UP): SipCallState.LEAVING,
        (SipCallState.TALKING, SipCallEvent.BYE): SipCallState.OVER,
        (SipCallState.LEAVING, SipCallEvent.DONE): SipCallState.OVER,
        (SipCallState.LEAVING, SipCallEvent.BYE): SipCallState.OVER,
    },
)


class SipCall:
    """Calls one address; `out` holds the datagrams to send now."""

    def __init__(
        self, uri: str, own: str, media: sdp.SdpMedia, wait_frames: int, chance: random.Random
    ) -> None:
        self.stage = SipCallState.IDLE
        self.status = 0
        self.media: tuple[str, int] | None = None
        self.out: list[bytes] = []
        self._dialog = SipDialog.begin(uri, own, f"{chance.getrandbits(96):024x}")
        self._offer = sdp.describe_session("Yizhan", media.address, chance.getrandbits(31), media)
        self._wait_frames = wait_frames
        self._chance = chance
        self._branch = ""
        self._cancelled = False
        self._number = 1
        self._pending: bytes | None = None
        self._age = 0
        self._again_at = 0

    def invite(self) -> None:
        """Call."""
        self._move(SipCallEvent.INVITE)
        self._branch = self._new_branch()
        invite = self._dialog.request("INVITE", 1, self._branch, AUTO_ANSWER, self._offer)
        self._send_until_answered(invite)

    def hang_up(self) -> None:
        """End the call, however far it has come."""
        if self.stage is SipCallState.TALKING:
            self._move(SipCallEvent.HANG_UP)
            self._say_goodbye()
        elif self.stage in (SipCallState.CALLING, SipCallState.RINGING):
            self._move(SipCallEvent.HANG_UP)
            self._cancelled = True
            self._send_until_answered(self._dialog.request("CANCEL", 1, self._branch))

    def tick(self) -> None:
        """Note that 20 ms have passed."""
        self._age += 1
        if self._pending is not None and self._age >= self._again_at:
            self.out.append(self._pending)
            self._again_at += max(FIRST_AGAIN_FRAMES, self._again_at)
        if (
            self.stage in (SipCallState.CALLING, SipCallState.RINGING)
            and self._age >= self._wait_frames
        ):
            self._give_up()
        elif self.stage is SipCallState.LEAVING and self._age >= LEAVING_FRAMES:
            self._move(SipCallEvent.DONE)

    @property
    def id(self) -> str:
        """The Call-ID."""
        return self._dialog.call_id

    def handle_packet(self, packet: bytes) -> None:
        """Take a datagram; refuse requests of another call, ignore its other messages."""
        message = parse_message(packet)
        if message is None:
            return
        if message.method:
            self._asked(message)
        elif message.headers.get("call-id") == self._dialog.call_id:
            self._answered(message)

    def _asked(self, message: SipMessage) -> None:
        if message.method == "ACK":
            return
        ours = message.headers.get("call-id") == self._dialog.call_id
        if message.method == "BYE" and ours:
            self.out.append(build_response(message, _OK, "OK"))
            if (self.stage, SipCallEvent.BYE) in TABLE:
                self._pending = None
                self._move(SipCallEvent.BYE)
        elif message.method == "OPTIONS":
            self.out.append(build_response(message, _OK, "OK"))
        else:
            self.out.append(build_response(message, 481 if not ours else 501, "No"))

    def _answered(self, message: SipMessage) -> None:
        number, method = message.sequence
        if method == "INVITE":
            self._invited(message)
        elif method == "BYE" and number == self._number and self.stage is SipCallState.LEAVING:
            self._pending = None
            self._move(SipCallEvent.DONE)

    def _invited(self, message: SipMessage) -> None:
        if message.status < _OK:
            if not self._cancelled:
                self._pending = None  # it answers: the network has done its part
            if (self.stage, SipCallEvent.RINGING) in TABLE:
                self._move(SipCallEvent.RINGING)
            return
        self._acknowledge(message)
        if self._cancelled:
            self._crossed(message)
        if self.stage not in (SipCallState.CALLING, SipCallState.RINGING):
            return
        self._pending = None
        self.status = message.status
        self.media = sdp.parse_answer(message.body) if message.status < _MULTIPLE else None
        if message.status < _MULTIPLE:
            self._move(SipCallEvent.ANSWER)
            if self.media is None:
                self.hang_up()
        else:
            self._move(SipCallEvent.FAIL)

    def _crossed(self, message: SipMessage) -> None:
        """Handle an answer that crossed our cancel: accept and hang up, or end."""
        self._cancelled = False
        if message.status < _MULTIPLE:
            self._say_goodbye()
        else:
            self._pending = None
            self._move(SipCallEvent.DONE)

    def _say_goodbye(self) -> None:
        self._number += 1
        bye = self._dialog.request("BYE", self._number, self._new_branch())
        self._send_until_answered(bye)

    def _acknowledge(self, message: SipMessage) -> None:
        """Acknowledge a final answer each time it comes: the last ACK may have been lost."""
        dialog = self._dialog._replace(to=message.headers.get("to", self._dialog.to))
        branch = self._branch
        if message.status < _MULTIPLE:
            dialog = dialog._replace(target=_target(message, self._dialog.uri))
            self._dialog = dialog
            branch = self._new_branch()
        self.out.append(dialog.request("ACK", 1, branch))

    def _give_up(self) -> None:
        self._pending = None
        self.status = self.status or _UNANSWERED
        self.out.append(self._dialog.request("CANCEL", 1, self._branch))
        self._move(SipCallEvent.FAIL)

    def _send_until_answered(self, packet: bytes) -> None:
        self._pending = packet
        self._age, self._again_at = 0, FIRST_AGAIN_FRAMES
        self.out.append(packet)

    def _new_branch(self) -> str:
        return f"{self._chance.getrandbits(64):016x}"

    def _move(self, turn: SipCallEvent) -> None:
        self.stage = TABLE[self.stage, turn]


def _target(message: SipMessage, otherwise: str) -> str:
    """The address that the other side wants for the rest of the dialog."""
    contact = message.headers.get("contact", "")
    uri = contact.partition("<")[2].partition(">")[0] or contact.partition(";")[0].strip()
    return uri if uri.startswith("sip:") and not set(uri) & set(" \r\n") else otherwise
