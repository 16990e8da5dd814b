"""How DL/T 645 meters are searched for: whoever hears it tells its address.

Where several answer at once, nobody is understood; then the last two digits of the address are
gone through (the digits before them stay wildcards), and so on.
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
# 00010000 as it travels: every meter counts energy, and even a refusal bears its address.
_ENERGY = bytes.fromhex("00000100")


def _nothing(_frame: bytes) -> list[Sample]:
    return []


class Dlt645Scanner:
    """The family's scanner; a scope is an address, `A` at its left end for any digit."""

    family = "dlt645"
    lines = tuple(map(SerialLine.parse, ("2400 8E1", "9600 8E1", "1200 8E1", "4800 8E1")))
    wait_s = 0.6

    def scopes(self) -> tuple[str, ...]:
        """Everybody."""
        return (codec.ANYBODY,)

    def requests(self, scope: str) -> tuple[Transaction, ...]:
        """Its address; and a reading, for meters that answer only to that."""
        read = _ask(Dlt645Frame(scope, Dlt645Control.READ, _ENERGY), _ENERGY, 8)
        if scope != codec.ANYBODY:
            return (read,)
        return (_ask(Dlt645Frame(scope, Dlt645Control.READ_ADDRESS), b"", 6), read)

    def parse_hit(self, scope: str, frame: bytes) -> ScanHit:
        """The address that the reply came from."""
        del scope
        reply = codec.decode(frame)
        assert reply is not None, "Reply.find has found it"
        return ScanHit(reply.address)

    def may_collide(self, scope: str) -> bool:
        """Several may, as long as a digit is open."""
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
