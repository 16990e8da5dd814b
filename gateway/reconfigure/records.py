"""Records of a change of the settings. Pure."""

import hashlib
from typing import Literal, NamedTuple

import msgspec

from gateway.event import Timestamps, Trust, rfc3339
from gateway.toml import Phrase

# `found`: the file was edited by hand, and the station has started with it.
ChangeState = Literal["kept", "rolled-back", "found"]

CODES = {"kept": "change.kept", "rolled-back": "change.rolled-back", "found": "change.found"}
INTERRUPTED = "appliance.interrupted"


class ChangeTime(NamedTuple):
    """Wall time as RFC 3339 if known, and its source."""

    at: str | None
    trust: Trust

    @classmethod
    def from_stamps(cls, stamps: Timestamps) -> "ChangeTime":
        return cls(None if stamps.wall_ns is None else rfc3339(stamps.wall_ns), stamps.trust)


UNKNOWN = ChangeTime(None, Trust.NONE)


class ChangeRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change; `who` is an actor such as `platform:district`, `ref` the command behind it.

    `troubles` say why it was rolled back; `at` is RFC 3339 if the time was known, `trust` its
    source.
    """

    number: int
    digest: str
    state: ChangeState
    who: str
    why: str = ""
    at: str | None = None
    trust: Trust = Trust.NONE
    ref: str = ""
    troubles: tuple[Phrase, ...] = ()

    @property
    def in_force(self) -> bool:
        """Whether the station has run on it."""
        return self.state != "rolled-back"

    @property
    def text_code(self) -> str:
        """The text code of its result; the first file of a station is found, not edited."""
        return "change.first" if self.state == "found" and self.number == 1 else CODES[self.state]


class WorkingParts(msgspec.Struct, frozen=True):
    """What worked before a change and must work after it."""

    buses: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    uplinks: tuple[str, ...] = ()


class ChangeTrial(msgspec.Struct, frozen=True, omit_defaults=True):
    """A change under way. `cold`: it needs one restart of the process."""

    number: int
    digest: str
    former: str
    who: str
    why: str = ""
    ref: str = ""
    working: WorkingParts = WorkingParts()
    cold: bool = False
    started: bool = False

    @property
    def resumes(self) -> bool:
        """Whether the start that finds it is the one that it asked for."""
        return self.cold and not self.started

    def as_started(self) -> "ChangeTrial":
        """The trial after that start."""
        return msgspec.structs.replace(self, started=True)

    def record(
        self, state: ChangeState, when: ChangeTime, troubles: tuple[Phrase, ...] = ()
    ) -> ChangeRecord:
        """The record of its end."""
        return ChangeRecord(
            number=self.number,
            digest=self.digest,
            state=state,
            who=self.who,
            why=self.why,
            at=when.at,
            trust=when.trust,
            ref=self.ref,
            troubles=troubles,
        )


class ChangeOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """The result of a change; after `restarting` the history has it."""

    state: Literal["kept", "rolled-back", "restarting", "unchanged"]
    number: int
    digest: str
    troubles: tuple[Phrase, ...] = ()

    @classmethod
    def from_record(cls, record: ChangeRecord) -> "ChangeOutcome":
        """The outcome of a requested change."""
        assert record.state != "found"
        return cls(record.state, record.number, record.digest, record.troubles)


def digest_of(text: bytes) -> str:
    """Names a text."""
    return hashlib.sha256(text).hexdigest()[:16]
