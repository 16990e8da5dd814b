"""Events, their identity and their form on the wire (CloudEvents 1.0, JSON).

An event's identity, everywhere and for ever, is (station, epoch, lane, seq). Order and
de-duplication never use time.

The journal stores the *tail* of the CloudEvent: everything that is known before the event has a
number. `encode_envelope` prepends the head (id, sequence), so nothing is serialised twice.
"""

import datetime
import enum
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec

# Ids of station, zone, device, point, speaker, rule: also safe in topics and file names.
ID_PATTERN = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


class Lane(enum.IntEnum):
    """The four lanes, most urgent first; each has its own contiguous sequence."""

    EMERGENCY = 0
    ALARM = 1
    SERVICE = 2
    TELEMETRY = 3

    @property
    def wire(self) -> str:
        """The lane's name on every wire."""
        return self.name.lower()

    @classmethod
    def parse(cls, wire: str) -> "Lane":
        """The lane of that name; ValueError if there is none."""
        for lane in cls:
            if lane.wire == wire:
                return lane
        raise ValueError(wire)


class Severity(enum.Enum):
    """Severity of an alarm; the only mapping from severity to lane."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    NOTICE = "notice"

    @property
    def lane(self) -> Lane:
        """The lane for an alarm of this severity."""
        return _LANE_OF_SEVERITY[self]


_LANE_OF_SEVERITY = {
    Severity.CRITICAL: Lane.EMERGENCY,
    Severity.MAJOR: Lane.ALARM,
    Severity.MINOR: Lane.ALARM,
    Severity.NOTICE: Lane.SERVICE,
}


class Trust(enum.Enum):
    """What a wall time rests on, best first."""

    NTP = "ntp"
    PLATFORM = "platform"
    METER = "meter"
    RTC = "rtc"
    PERSON = "person"
    NONE = "none"


class Timestamps(msgspec.Struct, frozen=True):
    """When something happened: boot time always, wall time if it was known.

    `at_ns` is CLOCK_BOOTTIME of boot `boot`; `wall_ns` is UTC since 1970, None if unknown.
    """

    boot: str
    at_ns: int
    wall_ns: int | None = None
    trust: Trust = Trust.NONE


class Audience(enum.Enum):
    """Who may read an event at the station itself; uplinks get every event."""

    ALL = "all"  # everyone who may view
    STAFF = "staff"  # staff: names of people, what a person did or asked for
    INSTALL = "install"  # installers: the station's settings


class EventKind(NamedTuple):
    """A kind of event: `cn.yizhan.<domain>.<what>.v<v>`, its usual lane and its data's type."""

    domain: str
    what: str
    lane: Lane
    data: type[msgspec.Struct]
    audience: Audience
    v: int = 1

    @property
    def type(self) -> str:
        return f"cn.yizhan.{self.domain}.{self.what}.v{self.v}"


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """An event before it has a number.

    `source` is the id of a device or room, `place` an id of the place tree ("" for the station
    itself), `lane` overrides the kind's (alarms go by severity).
    """

    kind: EventKind
    source: str
    stamps: Timestamps
    data: msgspec.Struct
    place: str = ""
    subject: str | None = None
    lane: Lane | None = None
    expires_wall_ns: int | None = None
    correlation: str | None = None

    @property
    def travels(self) -> Lane:
        """The lane that this event goes into."""
        return self.kind.lane if self.lane is None else self.lane


class JournalEntry(msgspec.Struct, frozen=True):
    """An event with its number, as the journal keeps it.

    `body` is the CloudEvent's tail. A gap is also an entry: it stands at the last number of the
    missing range, and `gap_from` is the first one, so a follower's sequence has no hole.
    """

    epoch: str
    lane: Lane
    seq: int
    body: bytes
    gap_from: int | None = None


class _Tail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    source: str
    type: str
    lane: str
    bootid: str
    uptimems: str  # CloudEvents integers have 32 bits: 25 days of milliseconds
    timequality: str
    time: str | None = None
    recordedtime: str | None = None
    expirytime: str | None = None
    subject: str | None = None
    place: str = ""
    correlationid: str | None = None
    partitionkey: str = ""
    data: Any = None


_encoder = msgspec.json.Encoder()


def rfc3339(wall_ns: int) -> str:
    """UTC with milliseconds, as the wire shows time."""
    seconds, rest_ns = divmod(wall_ns, 1_000_000_000)
    return f"{_second(seconds)}.{rest_ns // 1_000_000:03d}Z"


def parse_rfc3339(text: str) -> int:
    """UTC in ns of an RFC 3339 time with an offset; ValueError."""
    moment = datetime.datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    """Cached: many events share a second, and formatting it is a tenth of an event's cost."""
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S")


def encode_tail(event: Event, station: str, recorded: Timestamps | None = None) -> bytes:
    """The event as the journal stores it: a CloudEvent without opening brace, id and sequence.

    `recorded` is when the station received it, if that is not when it happened.
    """
    stamps = event.stamps
    whole = _Tail(
        source=f"/yizhan/{station}/{event.source}",
        type=event.kind.type,
        lane=event.travels.wire,
        bootid=stamps.boot,
        uptimems=str(stamps.at_ns // 1_000_000),
        timequality=stamps.trust.value,
        time=None if stamps.wall_ns is None else rfc3339(stamps.wall_ns),
        recordedtime=(
            None if recorded is None or recorded.wall_ns is None else rfc3339(recorded.wall_ns)
        ),
        expirytime=None if event.expires_wall_ns is None else rfc3339(event.expires_wall_ns),
        subject=event.subject,
        place=event.place,
        correlationid=event.correlation,
        partitionkey=event.source,
        data=event.data,
    )
    return _encoder.encode(whole)[1:]


def event_id(station: str, epoch: str, lane: Lane, seq: int) -> str:
    return f"{station}:{epoch}:{lane.wire}:{seq}"


def encode_envelope(entry: JournalEntry, station: str) -> bytes:
    """The whole CloudEvent of one entry."""
    head = (
        f'{{"specversion":"1.0","id":"{event_id(station, entry.epoch, entry.lane, entry.seq)}",'
        f'"sequence":"{entry.seq:012d}",'
    )
    return head.encode() + entry.body


def encode_envelope_batch(entries: Iterable[JournalEntry], station: str) -> bytes:
    """A JSON array of CloudEvents (`application/cloudevents-batch+json`)."""
    return b"[" + b",".join(encode_envelope(entry, station) for entry in entries) + b"]"
