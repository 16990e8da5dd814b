"""What a family knows of being searched for, and how one question of a search looks."""

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Protocol, cast

import msgspec

from drivers import registry
from drivers.family import Transaction
from drivers.profile import Profile
from drivers.serial_line import SerialLine


class ScanHit(msgspec.Struct, frozen=True):
    """A device has answered: its address as settings write it, and what it said of its kind."""

    address: str
    hint: str = ""


class FamilyScanner(Protocol):
    """How the devices of a family are searched for.

    A *scope* is whoever a question reaches, in the family's own words: one address, a group of
    them, everybody. `wait_s` is how long a device may think before it answers.
    """

    family: str
    lines: tuple[SerialLine, ...]
    wait_s: float

    def scopes(self) -> tuple[str, ...]:
        """The scopes that together reach every device, those first that are usually there."""

    def requests(self, scope: str) -> tuple[Transaction, ...]:
        """Questions that a device in the scope answers: the next only where one is silent."""

    def parse_hit(self, scope: str, frame: bytes) -> ScanHit:
        """Who has answered; the frame is one that the question's `expect` has found."""

    def may_collide(self, scope: str) -> bool:
        """True if several devices may answer at once."""

    def split_scope(self, scope: str) -> tuple[str, ...]:
        """Smaller scopes that together make this one; none if it cannot be parted."""

    def fits_profile(self, profile: Profile, sign: ScanHit) -> bool:
        """False if a device that answered so cannot be of this model."""


def family_scanners() -> Iterator[FamilyScanner]:
    """Every family that can be searched for."""
    for family in registry.family_names():
        name = f"drivers.{family}.scan"
        if importlib.util.find_spec(name) is not None:
            yield cast(FamilyScanner, importlib.import_module(name).SCANNER)


class ScanProbe(msgspec.Struct, frozen=True):
    """One question of a search, on one line, to one scope."""

    scanner: FamilyScanner
    line: SerialLine
    scope: str
    wait_s: float

    @property
    def requests(self) -> tuple[Transaction, ...]:
        """What is asked, one after the other."""
        return self.scanner.requests(self.scope)

    def timeout_s(self, asked: Transaction) -> float:
        """How long a reply may take to be whole: a serial port may deliver it in one lump."""
        return self.wait_s + asked.reply_bytes * self.line.char_s

    @property
    def cost_s(self) -> float:
        """The time it takes if nobody answers."""
        return sum(
            self.line.silence_s + len(each.request) * self.line.char_s + self.timeout_s(each)
            for each in self.requests
        )
