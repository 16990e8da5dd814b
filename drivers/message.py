"""Messages that devices send on their own, and the inlets through which they arrive.

A listening family declares the inlet that it needs; the station opens it if `[inlet.*]` has it.
"""

from typing import Literal, Protocol, TypeAlias

import msgspec


class FindFrame(Protocol):
    """Where the first complete frame is in the received bytes; None: not there (yet). Never raises.

    What is found in a prefix is found in the whole. `final` says that nothing more will come, so an
    unfinished candidate no longer hides a finished one behind it.
    """

    def __call__(self, heard: bytes, *, final: bool) -> tuple[int, int] | None: ...


class DeviceMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One whole message. `source` is the sender's network address, which proves nothing.

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

    `frame_max` bounds the bytes kept of an unfinished frame. A connection that is silent for
    `idle_s` is closed.
    """

    find: FindFrame
    frame_max: int
    idle_s: float = 600.0
    kind: Literal["tcp"] = "tcp"


class MqttTopic(msgspec.Struct, frozen=True, kw_only=True):
    """Devices publish to the community's broker, at topics that match these filters.

    Not implemented: there is no kind `mqtt` in `[inlet.*]`, and `yizhan check` refuses it.
    """

    filters: tuple[str, ...]
    kind: Literal["mqtt"] = "mqtt"


class Radio(msgspec.Struct, frozen=True):
    """Devices are received by the radio of a bus of that kind, which the family brings itself."""

    kind: str


InletNeed: TypeAlias = HttpPath | TcpPort | MqttTopic

# Values of `kind` in `[inlet.*]`; `drivers.inlets.kinds` has those that can be opened.
INLET_NAMES = frozenset({"http", "tcp", "mqtt"})
