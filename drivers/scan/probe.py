"""How the devices of a family are searched for, and one probe of a scan."""

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
    """A device that answered: its address as in the settings, and a hint of its kind."""

    address: str
    hint: str = ""


class FamilyScanner(Protocol):
    """How the devices of a family are searched for.

    A *scope* is what a probe addresses, in the family's own terms: one address, a group, or
    everything. `wait_s` is the longest response time of a device.
    """

    family: str
    lines: tuple[SerialLine, ...]
    wait_s: float

    def scopes(self) -> tuple[str, ...]:
        """The scopes that together reach every device, usual ones first."""

    def requests(self, scope: str) -> tuple[Transaction, ...]:
        """Requests that a device in the scope answers; each only if the one before got no reply."""

    def parse_hit(self, scope: str, frame: bytes) -> ScanHit:
        """The sender; the frame is one that the request's `expect` found."""

    def may_collide(self, scope: str) -> bool:
        """True if several devices may answer at once."""

    def split_scope(self, scope: str) -> tuple[str, ...]:
        """Smaller scopes that together make this one; none if it cannot be divided."""

    def fits_profile(self, profile: Profile, sign: ScanHit) -> bool:
        """False if a device with this reply cannot be of this model."""


def family_scanners() -> Iterator[FamilyScanner]:
    """The scanners of all families that have one."""
    for family in registry.family_names():
        name = f"drivers.{family}.scan"
        if importlib.util.find_spec(name) is not None:
            yield cast(FamilyScanner, importlib.import_module(name).SCANNER)


class ScanProbe(msgspec.Struct, frozen=True):
    """One probe: a line and a scope."""

    scanner: FamilyScanner
    line: SerialLine
    scope: str
    wait_s: float

    @property
    def requests(self) -> tuple[Transaction, ...]:
        """Its requests, sent one after the other."""
        return self.scanner.requests(self.scope)

    def timeout_s(self, asked: Transaction) -> float:
        """How long a complete reply may take: a serial port may deliver it in one piece."""
        return self.wait_s + asked.reply_bytes * self.line.char_s

    @property
    def cost_s(self) -> float:
        """The time it takes if nothing answers."""
        return sum(
            self.line.silence_s + len(each.request) * self.line.char_s + self.timeout_s(each)
            for each in self.requests
        )
