"""Messages that devices send on their own, and the inlets by which they come.

A listening family declares the inlet that it needs; the station opens it where `[inlet.*]` says.
"""

from typing import Literal, Protocol, TypeAlias

import msgspec


class FindFrame(Protocol):
    """Where the first whole frame stands in what was heard; None: not there (yet). Never raises.

    What is found in a prefix is found in the whole. `final` says that nothing more will come, so
    an unfinished candidate no longer hides a finished one behind it.
    """

    def __call__(self, heard: bytes, *, final: bool) -> tuple[int, int] | None: ...


class DeviceMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One whole message. `source` is the sender's address on the network, which proves nothing.

    `topic` is the HTTP path behind the inlet's secret, or the MQTT topic; `type` the content type.
    """

    body: bytes
    source: str = ""
    topic: str = ""
    type: str = ""


class HttpPath(msgspec.Struct, frozen=True, kw_only=True):
    """Devices POST to the station. `reply_type` is the content type of `reply`'s bytes."""

    kind: Literal["http"] = "http"
    reply_type: str = "text/plain"


class TcpPort(msgspec.Struct, frozen=True, kw_only=True):
    """Devices connect and send frames.

    `frame_max` bounds what is kept of an unfinished frame, in bytes. A connection that is silent
    for `idle_s` is closed.
    """

    find: FindFrame
    frame_max: int
    idle_s: float = 600.0
    kind: Literal["tcp"] = "tcp"


class MqttTopic(msgspec.Struct, frozen=True, kw_only=True):
    """Devices publish to a broker of the community, at topics of these filters.

    No client exists yet: there is no kind `mqtt` in `[inlet.*]`, and `yizhan check` refuses it.
    """

    filters: tuple[str, ...]
    kind: Literal["mqtt"] = "mqtt"


class Radio(msgspec.Struct, frozen=True):
    """Devices are heard by the radio of a bus of that kind, which the family brings itself."""

    kind: str


InletNeed: TypeAlias = HttpPath | TcpPort | MqttTopic

# Values of `kind` in `[inlet.*]`; `drivers.inlets.kinds` has those that can be opened.
INLET_NAMES = frozenset({"http", "tcp", "mqtt"})
