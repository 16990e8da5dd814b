"""The kind of event that an act is. It never holds a secret, nor a resident's fields."""

import enum
from typing import Literal

import msgspec

from gateway.event import Audience, Kind, Lane
from gateway.journal.chain import ORIGIN

ActorKind = Literal[
    "resident", "staff", "platform", "linkage", "schedule", "installer", "system"
]  # fmt: skip

TEXT_MAX = 120


class Result(enum.Enum):
    """What came of it."""

    DONE = "done"
    REFUSED = "refused"  # it was not allowed, or made no sense
    FAILED = "failed"  # it was allowed, and did not succeed


class Who(msgspec.Struct, frozen=True):
    """The actor; `id` is an account, never a name. A stranger is `system` without an id."""

    kind: ActorKind
    id: str = ""


STRANGER = Who("system")
STATION = Who("system", "station")
# Nobody known; the station by itself; somebody with the station's own user on its machine.
CONSOLE = Who("system", "console")


class Place(msgspec.Struct, frozen=True):
    """Where it came from: an address, and the known desk computer if it was one."""

    address: str = ""
    desk: str = ""


HERE = Place()


class Act(msgspec.Struct, frozen=True, omit_defaults=True):
    """One act, linked into the chain. `what` is its name, `on` what it was done to.

    `why` is a text code where it was refused or failed; `alike` counts refused acts before this
    one that were too many to write down. `back` is the number of the act before in the lane, 0 if
    it is not known: whoever reads backwards steps over what lies between.
    """

    n: int
    prev: str
    what: str
    result: Result
    who: Who
    place: Place = HERE
    on: str = ""
    why: str = ""
    alike: int = 0
    back: int = 0
    seal: str = ORIGIN


ACT = Kind("audit", "act", Lane.SERVICE, Act, Audience.STAFF)
KINDS = (ACT,)
