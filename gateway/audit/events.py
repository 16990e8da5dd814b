"""The kind of event for an act. It contains no secrets, and no personal fields of residents."""

import enum
from typing import Literal

import msgspec

from gateway.event import Audience, EventKind, Lane
from gateway.journal.chain import ORIGIN

ActorKind = Literal[
    "resident", "staff", "platform", "linkage", "schedule", "installer", "system"
]  # fmt: skip

TEXT_MAX = 120


class ActResult(enum.Enum):
    """The result of an act."""

    DONE = "done"
    REFUSED = "refused"  # not allowed, or made no sense
    FAILED = "failed"  # allowed, but did not succeed


class Actor(msgspec.Struct, frozen=True):
    """Who acts; `id` is an account, never a name. A stranger is `system` without an id."""

    kind: ActorKind
    id: str = ""


STRANGER = Actor("system")
STATION = Actor("system", "station")
# Unknown; the station by itself; a person with the station's own user on its machine.
CONSOLE = Actor("system", "console")


class ActOrigin(msgspec.Struct, frozen=True):
    """Where it came from: an address, and the known computer if there is one."""

    address: str = ""
    desk: str = ""


HERE = ActOrigin()


class ActEventData(msgspec.Struct, frozen=True, omit_defaults=True):
    """One act, linked into the chain. `what` is its name, `on` its target.

    `why` is a text code if it was refused or failed; `alike` counts refused acts before this
    one that were too many to write. `back` is the lane number of the act before, 0 if unknown:
    reading backwards can skip what lies between.
    """

    n: int
    prev: str
    what: str
    result: ActResult
    who: Actor
    place: ActOrigin = HERE
    on: str = ""
    why: str = ""
    alike: int = 0
    back: int = 0
    seal: str = ORIGIN


ACT = EventKind("audit", "act", Lane.SERVICE, ActEventData, Audience.STAFF)
KINDS = (ACT,)
