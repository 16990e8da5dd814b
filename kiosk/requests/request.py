"""What a request is: a press, what became of it so far, and until when it can be true.

Instants are the station's lived time (it never steps, and stands still while the power is off),
but for what must never be late: that has a `Deadline` of one boot.
"""

from typing import Annotated, Literal, NamedTuple

import msgspec

from gateway.audit import Actor
from gateway.clock import Deadline
from gateway.event import Timestamps
from kiosk.requests.request_type import TYPES, RequestType

S = 1_000_000_000
# So many presses of one request are remembered by their ids.
PRESSES_MAX = 20

PressId = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9-]{1,64}$")]
Text = Annotated[str, msgspec.Meta(max_length=200)]
ActName = Annotated[str, msgspec.Meta(max_length=20)]
Rating = Literal["good", "fair", "bad"]


class Contact(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How somebody can be reached, if they want to say: it goes into `private.db` at once."""

    phone: Annotated[str, msgspec.Meta(pattern="^[0-9]{5,20}$")] | None = None
    last4: Annotated[str, msgspec.Meta(pattern="^[0-9]{4}$")] | None = None
    card: Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9]{4,40}$")] | None = None


class Press(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Somebody asks: `press` makes a repetition harmless, `what` and `where` are ids.

    `another`: of somebody else than whoever waits at that kiosk already.
    """

    press: PressId
    kiosk: Annotated[str, msgspec.Meta(max_length=63)]
    service: Annotated[str, msgspec.Meta(max_length=63)]
    what: Annotated[str, msgspec.Meta(max_length=63)] = ""
    where: Annotated[str, msgspec.Meta(max_length=63)] | None = None
    note: Text = ""
    contact: Contact | None = None
    another: bool = False


class Car(msgspec.Struct, frozen=True, omit_defaults=True):
    """What comes: the plate as it is painted, minutes as the dispatcher says."""

    plate: Annotated[str, msgspec.Meta(max_length=12)]
    colour: Annotated[str, msgspec.Meta(max_length=12)] = ""
    brand: Annotated[str, msgspec.Meta(max_length=20)] = ""
    minutes: Annotated[int, msgspec.Meta(ge=0, le=120)] | None = None


class PendingCancel(msgspec.Struct, frozen=True, omit_defaults=True):
    """A dispatcher that may hold this ride must still hear that it is off."""

    road: str
    ride: str
    holder: str = ""


class Ride(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The dispatch of a ride, of its present search.

    `began_ns` is its boot time; `accept`: no dispatcher is asked from then on; `until`: the
    present state's own end. `holder` is who was asked on the `road`, where that may be one of
    several: the platform's uplink. `tried` are the roads that said no or could not be reached,
    `heard` whether at least one said no.
    """

    began_ns: int
    accept: Deadline
    until: Deadline
    road: str = ""
    holder: str = ""
    tries: int = 1
    tried: tuple[str, ...] = ()
    heard: bool = False
    car: Car | None = None


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A request as the journal's state keeps it.

    `person` is a token of `private.db`, `masked` what a page may show of it; `voice` is the token
    of what somebody has said, `voice_s` its length: with no token it could not be kept. `said` is
    what was last spoken; `quiet`: until a person takes it, nothing is. `linked` is the request that
    it came from, of a work order the one by which the same fault was first reported. `owed`: see
    `PendingCancel`. `counted_ns`: from when what is promised of a work order counts; `late`:
    which promise
    of it staff have been told is broken. `asked`: of an answered call, that the person has been
    asked whether somebody has come.
    """

    id: str
    number: str
    service: str
    family: str
    kiosk: str
    place: str
    state: str
    actor: Actor
    pressed: Timestamps
    opened_ns: int
    since_ns: int
    presses: tuple[str, ...] = ()
    what: str = ""
    where: str | None = None
    voice: str = ""
    voice_s: int = 0
    note: str = ""
    urgent: bool = False
    person: str = ""
    masked: str = ""
    ride: Ride | None = None
    owed: tuple[PendingCancel, ...] = ()
    steps: int = 0
    rang_ns: int = 0
    rating: str = ""
    by: str = ""
    reply: str = ""
    code: str = ""
    said: str = ""
    quiet: bool = False
    linked: str = ""
    counted_ns: int = 0
    late: str = ""
    asked: bool = False

    @property
    def type(self) -> RequestType:
        """Its type."""
        return TYPES[self.family]

    @property
    def ended(self) -> bool:
        """Whether it has come to an end."""
        return self.state in self.type.table.ends

    @property
    def state_deadline(self) -> Deadline | None:
        """When its present state is over by itself, if it is."""
        if self.ride is None or self.ended or self.state in self.type.untimed:
            return None
        return self.ride.until

    @property
    def untaken(self) -> bool:
        """Whether nobody has it in hand."""
        return self.state in self.type.untaken

    @property
    def in_hand(self) -> bool:
        """Whether it is open, and somebody has it in hand."""
        return not (self.ended or self.untaken)

    @property
    def ride_id(self) -> str:
        """The ride on a dispatcher's wire: a second search is another ride."""
        return f"{self.id}-{self.ride.tries}" if self.ride is not None else ""

    @property
    def at_desk(self) -> bool:
        """Whether staff alone are looking for a car: no dispatcher is being asked."""
        return self.state == "asking" and self.ride is not None and self.ride.road == "desk"

    @property
    def cue(self) -> str:
        """What there is to say: another cue is another sentence."""
        plate = "" if self.ride is None or self.ride.car is None else self.ride.car.plate
        state = f"{self.state}?" if self.asked else self.state
        if self.at_desk:
            state = f"{self.state}@desk"
        return f"{state}|{plate}|{self.reply}" if plate or self.reply else state


class RequestAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody does something with a request: an event of its table, and what belongs to it.

    `reply` is spoken at the kiosk; `by` is whom it is given to; `rating` one of the three faces.
    """

    act: ActName
    car: Car | None = None
    reply: Text = ""
    by: Annotated[str, msgspec.Meta(max_length=40)] = ""
    rating: Rating | None = None


class VoiceNote(NamedTuple):
    """A voice: `wav` for loudspeakers, `small` the same for a browser and to be sealed."""

    wav: bytes
    small: bytes
    seconds: float


class Attachments(NamedTuple):
    """What somebody has left with a request: tokens of what was sealed, and what may be shown."""

    person: str = ""
    masked: str = ""
    voice: str = ""
    voice_s: int = 0


NOTHING = Attachments()


class RequestTime(NamedTuple):
    """Now: which boot and its time, the lived time, and the stamps for a record."""

    stamps: Timestamps
    lived_ns: int

    @property
    def at_ns(self) -> int:
        """CLOCK_BOOTTIME."""
        return self.stamps.at_ns

    def deadline_after(self, seconds: float) -> Deadline:
        """So many seconds from now, in this boot."""
        return Deadline(self.stamps.boot, self.at_ns + round(seconds * S))

    def is_past(self, deadline: Deadline) -> bool:
        """Whether that is over; in another boot everything is."""
        return deadline.boot != self.stamps.boot or self.at_ns >= deadline.at_ns
