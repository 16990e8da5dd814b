"""Session descriptions (RFC 8866): what a receiver must know to hear a group. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from broadcast.audio_protocol.speaker_options import RANK_MAX, MulticastOptions
from broadcast.speakers.codec import CODECS


class SdpMedia(NamedTuple):
    """Where RTP goes and what is in it; `ttl` is None for unicast."""

    address: str
    port: int
    codec: str
    ttl: int | None = None


def describe_session(name: str, origin: str, session: int, media: SdpMedia) -> str:
    """Describe one session; `name` is for people."""
    codec = CODECS[media.codec]
    reach = "" if media.ttl is None else f"/{media.ttl}"
    lines = [
        "v=0",
        f"o=yizhan {session} 1 IN IP4 {origin}",
        f"s={name.replace(chr(10), ' ').replace(chr(13), ' ') or '-'}",
        f"c=IN IP4 {media.address}{reach}",
        "t=0 0",
        f"m=audio {media.port} RTP/AVP {codec.payload_type}",
        f"a=rtpmap:{codec.payload_type} {codec.clock}",
        "a=ptime:20",
    ]
    return "\r\n".join(lines) + "\r\n"


def parse_answer(text: str) -> tuple[str, int] | None:
    """Where the other side of a call listens; None if it refused the audio or sent nonsense."""
    address, port = "", 0
    for line in text.splitlines():
        words = line.split()
        if line.startswith("c=IN IP4 ") and len(words) > 2 and not (address and port):  # noqa: PLR2004 - c=IN IP4 ADDRESS
            address = words[2].partition("/")[0]
        elif line.startswith("m=audio ") and len(words) > 1 and words[1].isdecimal():
            port = int(words[1])
            address_of_all, address = address, ""
            address = address or address_of_all
    return (address, port) if address and 0 < port < 65_536 else None  # noqa: PLR2004 - 16 bits


def describe_group(
    id_: str, options: MulticastOptions, rank: int, origin: str = "127.0.0.1"
) -> str:
    """Describe one class of a group."""
    media = SdpMedia(options.address(rank), options.port, options.codec, options.ttl)
    return describe_session(f"{options.name or id_} {rank}", origin, rank, media)


def session_files(
    id_: str, options: MulticastOptions, origin: str = "127.0.0.1"
) -> Iterator[tuple[str, str]]:
    """File names and descriptions, one for each class."""
    for rank in range(1, RANK_MAX + 1):
        yield f"{id_}-{rank}.sdp", describe_group(id_, options, rank, origin)
