"""`[speaker.<id>]` of `station.toml`: what every loudspeaker has, and what each kind adds."""

import ipaddress
from typing import Annotated, Literal

import msgspec

from gateway.event import ID_PATTERN

Zone = Annotated[str, msgspec.Meta(pattern=f"^{ID_PATTERN.pattern}$")]
CodecName = Literal["pcma", "pcmu", "g722", "l16"]
HostPort = Annotated[
    str,
    msgspec.Meta(pattern=r"^(\[[0-9A-Fa-f:]+\]|[^:\s]+):\d{1,5}$", examples=["192.168.1.80:5004"]),
]

RANK_MAX = 9


class _Common(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of every kind.

    `volume_db` is what staff set; classes 8 and 9 ignore it. `microphone` names the capture device
    that can hear this loudspeaker: with one, its self-test may reach "heard". `stands` is the kind
    of place where it stands, which decides its quiet hours and level if its zones are of several
    kinds. It is not sent to the audio process, which an older release may have started.
    """

    zones: Annotated[tuple[Zone, ...], msgspec.Meta(min_length=1, max_length=200)]
    name: str = ""
    volume_db: Annotated[float, msgspec.Meta(ge=-40, le=0)] = 0.0
    stands: Literal["community", "indoors", "near"] | msgspec.UnsetType = msgspec.UNSET
    microphone: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class SoundCardOptions(_Common, frozen=True, kw_only=True, tag_field="kind", tag="sound-card"):
    """A sound card of this machine; without `device` the system's default.

    `warm_up_s` is how long an amplifier behind it needs before it passes sound.
    """

    device: Annotated[str, msgspec.Meta(max_length=200)] | None = None
    warm_up_s: Annotated[float, msgspec.Meta(ge=0, le=5)] = 0.0


class MulticastOptions(_Common, frozen=True, kw_only=True, tag_field="kind", tag="multicast"):
    """Horns on multicast groups: class 1 on the address after `group`, class 9 on the ninth.

    Receivers pre-empt by address, so each class has its own; `port` is the same for all and even,
    because RTCP takes the next. `interface` is this machine's own address on the speakers' network.
    """

    group: Annotated[str, msgspec.Meta(examples=["239.255.12.0"])]
    port: Annotated[int, msgspec.Meta(ge=1024, le=65534)] = 5004
    codec: CodecName = "pcma"
    ttl: Annotated[int, msgspec.Meta(ge=0, le=32)] = 1
    interface: str | None = None
    announce: bool = False

    def __post_init__(self) -> None:
        """Refuse what is not a group, a group without nine addresses after it, and odd ports."""
        first = ipaddress.IPv4Address(self.group)
        last = first + RANK_MAX
        if not (first.is_multicast and last.is_multicast) or int(first) % 256 + RANK_MAX > 255:  # noqa: PLR2004 - an octet
            raise ValueError("group: 224.0.0.0 - 239.255.255.246, x.x.x.0 - x.x.x.246")
        if self.port % 2:
            raise ValueError("port: even")
        if self.interface is not None:
            ipaddress.IPv4Address(self.interface)

    def address(self, rank: int) -> str:
        """The group's address for one class."""
        return str(ipaddress.IPv4Address(self.group) + rank)


class UnicastOptions(_Common, frozen=True, kw_only=True, tag_field="kind", tag="unicast"):
    """RTP to each address separately: where Wi-Fi or a plain switch spoils multicast."""

    to: Annotated[tuple[HostPort, ...], msgspec.Meta(min_length=1, max_length=64)]
    codec: CodecName = "pcma"


class SipOptions(_Common, frozen=True, kw_only=True, tag_field="kind", tag="sip"):
    """A horn or telephone that answers calls by itself."""

    uri: Annotated[
        str,
        msgspec.Meta(pattern=r"^sip:[^@\s:]+@[^@\s:]+(:\d{1,5})?$", examples=["sip:301@10.0.0.31"]),
    ]
    codec: Literal["pcma", "pcmu", "g722"] = "pcma"
    interface: str | None = None
    answer_within_s: Annotated[float, msgspec.Meta(gt=0, le=10)] = 3.0


# One `[speaker.<id>]`; `kind` is the tag.
SpeakerOptions = SoundCardOptions | MulticastOptions | UnicastOptions | SipOptions

# The options of each kind.
SPEAKER_KINDS: dict[str, type[SpeakerOptions]] = {
    "sound-card": SoundCardOptions,
    "multicast": MulticastOptions,
    "unicast": UnicastOptions,
    "sip": SipOptions,
}
