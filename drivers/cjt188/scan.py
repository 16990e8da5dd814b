"""How CJ/T 188 meters are searched for: a broadcast asks every meter for its address.

If several answer at once, no reply is readable; then the kinds of meter are tried one by one, and
within a kind the last two digits of the address, and so on.
"""

from drivers.cjt188 import codec
from drivers.cjt188.codec import Cjt188Control, Cjt188Expect, Cjt188Frame
from drivers.cjt188.driver import METERS
from drivers.contract import Sample
from drivers.family import Transaction
from drivers.meter_frame import WAKE_BYTES_MAX, narrower_addresses
from drivers.profile import Profile
from drivers.scan.probe import ScanHit
from drivers.serial_line import SerialLine

# The data identifier of the address, 810A, and sequence number 0.
_ADDRESS = bytes.fromhex("810A00")

_KINDS = tuple(f"{kind:02X}" for kind in METERS.values() if kind != codec.ANY_METER)
# Some meters do not answer requests to any kind; most of those measure cold water.
_USUAL = "10"


def _nothing(_frame: bytes) -> list[Sample]:
    return []


class Cjt188Scanner:
    """The family's scanner; a scope is kind and address, wildcard `A`: `10/AAAAAAAAAAAA12`."""

    family = "cjt188"
    lines = tuple(map(SerialLine.parse, ("2400 8E1", "9600 8E1", "1200 8E1", "4800 8E1")))
    wait_s = 0.6

    def scopes(self) -> tuple[str, ...]:
        """All meters."""
        return (f"AA/{codec.ANYBODY}",)

    def requests(self, scope: str) -> tuple[Transaction, ...]:
        """Its address."""
        kind, _, address = scope.partition("/")
        kinds = (kind, _USUAL) if scope in self.scopes() else (kind,)
        return tuple(
            _ask(Cjt188Frame(int(each, 16), address, Cjt188Control.READ_ADDRESS)) for each in kinds
        )

    def parse_hit(self, scope: str, frame: bytes) -> ScanHit:
        """The sender's address; the hint is the kind of meter."""
        del scope
        reply = codec.decode(frame)
        assert reply is not None, "Reply.find has found it"
        return ScanHit(reply.address, f"{reply.meter:02X}")

    def may_collide(self, scope: str) -> bool:
        """Several may answer while a digit is open."""
        return "A" in scope.partition("/")[2]

    def split_scope(self, scope: str) -> tuple[str, ...]:
        """The kinds; then the next two digits, from the right."""
        kind, _, address = scope.partition("/")
        if kind == "AA":
            return tuple(f"{each}/{address}" for each in _KINDS)
        return tuple(f"{kind}/{each}" for each in narrower_addresses(address))

    def fits_profile(self, profile: Profile, sign: ScanHit) -> bool:
        """The kinds of a model's points must match."""
        kinds = {METERS.get(spec.kind) for spec in profile.point}
        return int(sign.hint, 16) in kinds or codec.ANY_METER in kinds


def _ask(asked: Cjt188Frame) -> Transaction:
    asked = Cjt188Frame(asked.meter, asked.address, asked.control, _ADDRESS)
    return Transaction(
        request=codec.encode(asked),
        expect=Cjt188Expect(asked.meter, asked.address, asked.control, _ADDRESS[:2]),
        decode=_nothing,
        reply_bytes=WAKE_BYTES_MAX + codec.OVERHEAD + codec.HEAD_BYTES,
    )


SCANNER = Cjt188Scanner()
