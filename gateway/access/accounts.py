"""People, their roles, and the computers known as theirs. Pure."""

import enum
import re

import msgspec

from gateway.access.passwords import normalize
from gateway.audit import Actor
from gateway.errors import UsageError

ACCOUNTS_MAX = 64

# Known computers per person.
DESKS_MAX = 4

PIN_TRIES = 5
INVITE_S = 24 * 3600

_ID = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?")
_NAME_MAX = 20


class Role(enum.Enum):
    """What a person may do."""

    VIEWER = "viewer"  # may look
    STAFF = "staff"  # may act: announce, take requests, answer alarms
    INSTALLER = "installer"  # may change the station's settings and accounts


class Invite(msgspec.Struct, frozen=True):
    """A one-time code for setting a password; stored as its digest."""

    digest: str
    boot: str
    until_ns: int

    def open(self, boot: str, now_ns: int) -> bool:
        """Whether it is still valid; one of another boot is not."""
        return boot == self.boot and now_ns < self.until_ns


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One person. `password` is None until it is set with the code."""

    id: str
    name: str
    role: Role
    password: str | None = None
    disabled: bool = False
    generation: int = 0
    invite: Invite | None = None

    @property
    def actor(self) -> Actor:
        """The actor in the audit log."""
        return Actor("installer" if self.role is Role.INSTALLER else "staff", self.id)


class Pin(msgspec.Struct, frozen=True):
    """A person's PIN at one computer, stored like a password."""

    kept: str
    wrong: int = 0


class KnownComputer(msgspec.Struct, frozen=True):
    """A computer where people have signed in, stored under the digest of its token.

    `people` are those, with the PIN that they set there, if any.
    """

    people: dict[str, Pin | None]
    # Grows with every sign-in: the computer with the lowest number is forgotten first.
    used: int

    def knows(self, account: str) -> bool:
        """Whether that person has signed in there."""
        return account in self.people

    def without(self, account: str) -> "KnownComputer | None":
        """Without that person; None if nobody is left."""
        others = {id_: pin for id_, pin in self.people.items() if id_ != account}
        return KnownComputer(others, self.used) if others else None


def account_id(text: str) -> str:
    """The id that was typed, in canonical form; UsageError if it is invalid."""
    typed = normalize(text).strip().lower()
    if not _ID.fullmatch(typed):
        raise UsageError("access.bad-id")
    return typed


def person_name(text: str) -> str:
    """The name to show; UsageError if it is empty or too long."""
    name = " ".join(normalize(text).split())
    if not name or len(name) > _NAME_MAX or not name.isprintable():
        raise UsageError("access.bad-name", max=_NAME_MAX)
    return name


def role_named(text: str) -> Role:
    """The role of that name; UsageError if there is none."""
    try:
        return Role(text)
    except ValueError:
        raise UsageError("access.bad-role", role=text[:20]) from None
