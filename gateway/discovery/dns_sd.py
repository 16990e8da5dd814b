"""A station's announcement on the network, and how it is read. Pure.

Everyone on the network can read it: no secret and nothing personal.
"""

from collections.abc import Mapping
from typing import Literal, get_args

import msgspec

YIZHAN, HTTP = "_yizhan._tcp.local.", "_http._tcp.local."

# An instance name is one label (RFC 6763, 4.1.1).
LABEL_BYTES_MAX = 63

# A string of a TXT record holds 255 bytes including its key; the record stays small.
VALUE_BYTES_MAX = 200

# Not claimed yet; working; working, but something needs attention (storage lost, a line down).
AnnouncedState = Literal["setup", "ready", "fault"]


class StationCard(msgspec.Struct, frozen=True, kw_only=True):
    """A station as announced. `port` is the one for desk computers."""

    id: str
    name: str
    version: str
    state: AnnouncedState
    port: int
    path: str = "/desk/"
    tls: bool = True


class FoundStation(msgspec.Struct, frozen=True, kw_only=True):
    """A station that was found; `instance` is its unique name on the network."""

    instance: str
    id: str
    name: str
    version: str
    state: str
    host: str
    addresses: tuple[str, ...]
    port: int
    path: str
    tls: bool

    @property
    def url(self) -> str:
        """The URL of its pages; its certificate names the host."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.port}{self.path}"

    @property
    def is_renamed(self) -> bool:
        """Whether its name was taken: probably two stations with one id."""
        return self.instance != instance_name(self.id, self.name)


def instance_name(station: str, name: str) -> str:
    """The name and id of the station, in at most 63 bytes."""
    room = LABEL_BYTES_MAX - len(station.encode()) - 1
    return f"{_clipped(name.replace('.', ' '), room)} {station}".strip()


def txt_record(card: StationCard) -> dict[str, str]:
    """The TXT record (keys of at most 9 characters: RFC 6763, 6.4)."""
    return {
        "txtvers": "1",
        "id": card.id,
        "name": _clipped(card.name, VALUE_BYTES_MAX),
        "version": card.version,
        "state": card.state,
        "path": card.path,
        "tls": "1" if card.tls else "0",
    }


def parse_txt_record(
    instance: str,
    txt: Mapping[bytes, bytes | None],
    *,
    host: str,
    addresses: tuple[str, ...],
    port: int,
) -> FoundStation:
    """Parse a record; whatever another program announced can be displayed safely."""
    said = {_text(key): _text(value or b"") for key, value in txt.items()}
    state = said.get("state", "")
    path = said.get("path", "/")
    return FoundStation(
        instance=_shown(instance),
        id=_shown(said.get("id", "")),
        name=_shown(said.get("name", "")) or _shown(instance),
        version=_shown(said.get("version", "")),
        state=state if state in get_args(AnnouncedState) else "",
        host=_shown(host.rstrip(".")),
        addresses=addresses,
        port=port,
        path=_shown(path) if path.startswith("/") else "/",
        tls=said.get("tls") != "0",
    )


def _clipped(text: str, size: int) -> str:
    """At most `size` bytes, never half a character."""
    return text.encode()[: max(0, size)].decode(errors="ignore").rstrip()


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _shown(text: str) -> str:
    """Without control characters for a terminal."""
    return "".join(character if character.isprintable() else "�" for character in text)
