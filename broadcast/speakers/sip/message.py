"""SIP messages as text. Pure: any bytes are parsed or refused, nothing raises."""

from typing import NamedTuple

_SHORT = {"i": "call-id", "f": "from", "t": "to", "v": "via", "m": "contact", "l": "content-length"}
BYTES_MAX = 8192


class SipMessage(NamedTuple):
    """A request (`method`) or a response (`status`); headers by lower-case name, the first wins."""

    method: str
    status: int
    headers: dict[str, str]
    body: str
    vias: tuple[str, ...] = ()

    @property
    def sequence(self) -> tuple[int, str]:
        """`CSeq`: number and method; (0, "") if it is missing."""
        number, _, method = self.headers.get("cseq", "").partition(" ")
        return (int(number), method.strip()) if number.isdecimal() else (0, "")


def parse_message(packet: bytes) -> SipMessage | None:
    """Parse one datagram; None if it is not SIP."""
    head, _, body = packet[:BYTES_MAX].decode("utf-8", "replace").partition("\r\n\r\n")
    lines = head.split("\r\n")
    words = lines[0].split(" ", 2)
    if len(words) != 3:  # noqa: PLR2004 - "SIP/2.0 200 OK", "BYE sip:x SIP/2.0"
        return None
    headers, vias = _headers(lines[1:])
    if words[0] == "SIP/2.0" and len(words[1]) == 3 and words[1].isascii() and words[1].isdigit():  # noqa: PLR2004 - 200
        return SipMessage("", int(words[1]), headers, body, vias)
    if words[2] == "SIP/2.0":
        return SipMessage(words[0], 0, headers, body, vias)
    return None


def _headers(lines: list[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    headers: dict[str, str] = {}
    vias = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            name = name.strip().lower()
            name = _SHORT.get(name, name)
            headers.setdefault(name, value.strip())
            if name == "via":
                vias.append(value.strip())
    return headers, tuple(vias)


class SipDialog(NamedTuple):
    """What all requests of one call share; `tag` is ours, `to` receives the other's tag."""

    uri: str
    own: str
    call_id: str
    tag: str
    to: str
    target: str

    @classmethod
    def begin(cls, uri: str, own: str, token: str) -> "SipDialog":
        """A new dialog; `own` is our `host:port`, `token` is random."""
        return cls(uri, own, f"{token}@{own.partition(':')[0]}", token[:8], f"<{uri}>", uri)

    def request(
        self, method: str, number: int, branch: str, extra: tuple[str, ...] = (), body: str = ""
    ) -> bytes:
        """Build a request."""
        lines = [
            f"{method} {self.target} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.own};branch=z9hG4bK{branch};rport",
            "Max-Forwards: 70",
            f'From: "Yizhan" <sip:yizhan@{self.own}>;tag={self.tag}',
            f"To: {self.to}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {number} {method}",
            f"Contact: <sip:yizhan@{self.own}>",
            "User-Agent: Yizhan",
            *extra,
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body.encode())}",
        ]
        return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


# The three ways in which makers request automatic answering; each ignores the other two.
AUTO_ANSWER = (
    "Call-Info: <sip:page>;answer-after=0",
    "Alert-Info: <http://page>;info=alert-autoanswer;delay=0",
    "Answer-Mode: Auto",
)


def build_response(to: SipMessage, status: int, reason: str) -> bytes:
    """Build our response to a request."""
    copied = ("From", "To", "Call-ID", "CSeq")
    lines = [
        f"SIP/2.0 {status} {reason}",
        *(f"Via: {via}" for via in to.vias),
        *(f"{name}: {to.headers.get(name.lower(), '')}" for name in copied),
        "Content-Length: 0",
    ]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
