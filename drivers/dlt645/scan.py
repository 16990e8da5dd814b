"""How DL/T 645 meters are searched for: a broadcast asks every meter for its address.

If several answer at once, no reply is readable; then the last two digits of the address are tried
one by one (the digits before them stay wildcards), and so on.
"""

from drivers.contract import Sample
from drivers.dlt645 import codec
from drivers.dlt645.codec import Dlt645Control, Dlt645Expect, Dlt645Frame
from drivers.family import Transaction
from drivers.meter_frame import WAKE_BYTES_MAX, narrower_addresses
from drivers.profile import Profile
from drivers.scan.probe import ScanHit
from drivers.serial_line import SerialLine

_REPLY_BYTES = codec.OVERHEAD + WAKE_BYTES_MAX
# 00010000 as sent: every meter counts energy, and even a refusal carries its address.
_ENERGY = bytes.fromhex("00000100")


def _nothing(_frame: bytes) -> list[Sample]:
    return []


class Dlt645Scanner:
    """The family's scanner; a scope is an address, with wildcards `A` at its left end."""

    family = "dlt645"
    lines = tuple(map(SerialLine.parse, ("2400 8E1", "9600 8E1", "1200 8E1", "4800 8E1")))
    wait_s = 0.6

    def scopes(self) -> tuple[str, ...]:
        """All meters."""
        return (codec.ANYBODY,)

    def requests(self, scope: str) -> tuple[Transaction, ...]:
        """Its address; and a read, for meters that only answer that."""
        read = _ask(Dlt645Frame(scope, Dlt645Control.READ, _ENERGY), _ENERGY, 8)
        if scope != codec.ANYBODY:
            return (read,)
        return (_ask(Dlt645Frame(scope, Dlt645Control.READ_ADDRESS), b"", 6), read)

    def parse_hit(self, scope: str, frame: bytes) -> ScanHit:
        """The sender's address."""
        del scope
        reply = codec.decode(frame)
        assert reply is not None, "Reply.find has found it"
        return ScanHit(reply.address)

    def may_collide(self, scope: str) -> bool:
        """Several may answer while a digit is open."""
        return scope.startswith("A")

    def split_scope(self, scope: str) -> tuple[str, ...]:
        """The next two digits, from the right."""
        return narrower_addresses(scope)

    def fits_profile(self, profile: Profile, sign: ScanHit) -> bool:
        """Only its items tell what a meter is."""
        del profile, sign
        return True


def _ask(asked: Dlt645Frame, item: bytes, data_bytes: int) -> Transaction:
    return Transaction(
        request=codec.encode(asked),
        expect=Dlt645Expect(asked.address, asked.control, item),
        decode=_nothing,
        reply_bytes=_REPLY_BYTES + data_bytes,
    )


SCANNER = Dlt645Scanner()
