"""How Modbus devices are searched for: address by address, by a cheap read.

No broadcast is answered. Every device answers a read of one register, if only with an exception.
"""

from drivers.contract import Sample
from drivers.family import Transaction
from drivers.modbus import codec
from drivers.profile import Profile
from drivers.scan.probe import ScanHit
from drivers.serial_line import SerialLine

_UNITS = range(1, 248)


def _nothing(_frame: bytes) -> list[Sample]:
    return []


class ModbusScanner:
    """The family's scanner; a scope is a unit address."""

    family = "modbus"
    lines = tuple(
        map(
            SerialLine.parse,
            ("9600 8N1", "9600 8E1", "4800 8N1", "19200 8N1", "19200 8E1", "2400 8N1",
             "38400 8N1", "115200 8N1"),
        )
    )  # fmt: skip
    wait_s = 0.2

    def scopes(self) -> tuple[str, ...]:
        """All unit addresses of a serial line, low ones first."""
        return tuple(map(str, _UNITS))

    def requests(self, scope: str) -> tuple[Transaction, ...]:
        """Holding register 0: a value or an exception, both are signs of life."""
        body = codec.read_request(int(scope), codec.READ_HOLDING, 0, 1)
        answer = codec.ExpectedReply.for_request(body)
        return (
            Transaction(
                request=codec.rtu_frame(body),
                expect=codec.RtuExpect(answer),
                decode=_nothing,
                reply_bytes=answer.size + codec.CRC_BYTES,
            ),
        )

    def parse_hit(self, scope: str, frame: bytes) -> ScanHit:
        """The requested unit: replies of others are not taken for its."""
        del frame
        return ScanHit(scope)

    def may_collide(self, scope: str) -> bool:
        """An address belongs to one device."""
        del scope
        return False

    def split_scope(self, scope: str) -> tuple[str, ...]:
        """A single address cannot be divided."""
        del scope
        return ()

    def fits_profile(self, profile: Profile, sign: ScanHit) -> bool:
        """Only the registers tell what a device is."""
        del profile, sign
        return True


SCANNER = ModbusScanner()
