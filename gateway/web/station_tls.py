"""TLS with the station's own certificate: made at first start, renewed in time, kept in `keys/`.

A station in a community has no public name, so it certifies itself: a desk computer trusts the
station's authority once (the page `/trust`), and then recognises the station across every renewal.
"""

import contextlib
import datetime
import fcntl
import hashlib
import ipaddress
import logging
import os
import socket
import ssl
import struct
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from gateway.clock import Clock
from gateway.disk import run_in_time
from gateway.errors import StationError
from gateway.faults import OnFault, log_fault
from gateway.web import certificate_state
from gateway.web.certificate_state import Address, CertificateState

if TYPE_CHECKING:
    from gateway.web.certificate import CertificatePair

log = logging.getLogger(__name__)

_SIOCGIFADDR = 0x8915
_IF_INET6 = Path("/proc/self/net/if_inet6")  # /proc/net is hidden by `ProcSubset=pid`
_LOOPBACK: tuple[Address, ...] = (
    ipaddress.IPv4Address("127.0.0.1"),
    ipaddress.IPv6Address("::1"),
)
SECOND_NS = 1_000_000_000
# If the station's time is unconfirmed, its certificate starts this long ago: people at the desk
# have the right time, and browsers accept 825 days.
UNSURE = datetime.timedelta(days=428)

AUTHORITY, SHOWN, NOTE = "tls-authority.pem", "tls.pem", "tls.json"
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def station_names(station: str, extra: Collection[str] = ()) -> frozenset[str]:
    """The host names of the station: localhost, its machine's name and its own id, `.local`."""
    host = socket.gethostname().lower().partition(".")[0]
    own = {name for name in (host, station) if name}
    return frozenset({"localhost", *own, *(f"{name}.local" for name in own), *extra})


def own_addresses() -> frozenset[Address]:
    """This machine's addresses that its authority may certify."""
    found = {*_LOOPBACK, *_ipv4(), *_ipv6()}
    return frozenset(filter(certificate_state.is_vouchable, found))


class StationTls:
    """The station's authority, the certificate that it presents, and the TLS context for it."""

    def __init__(
        self,
        keys: Path,
        station: str,
        names: Collection[str],
        clock: Clock,
        addresses: Callable[[], Collection[Address]] = own_addresses,
        *,
        on_fault: OnFault = log_fault,
    ) -> None:
        """Read both from `keys`, or make what is missing there.

        What is damaged is set aside and made again, because the pages must come up:
        computers must then trust the new authority. `shown` is what the certificate says of
        itself.
        """
        self._keys = keys
        self._names = names
        self._clock = clock
        self._addresses = addresses
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self._aside: set[str] = set()
        self._pem: bytes | None = None
        self.shown: CertificateState | None = None
        for damaged in ((SHOWN, NOTE), (AUTHORITY, SHOWN, NOTE)):
            try:
                self._open(station)
            except (StationError, OSError, ValueError) as error:  # ssl's own errors are OSErrors
                on_fault("web.certificate", error)
                for name in damaged:
                    self._aside.add(name)
                    _set_aside(keys / name)
            else:
                return
        self._open(station)

    def _open(self, station: str) -> None:
        self._authority = self._kept(AUTHORITY) or self._made(station)
        self._pem = self._kept(SHOWN)
        self.shown = None if self._pem is None else self._told(self._pem)
        if not self.renew():
            self._show()
        _ = self.authority  # detects an invalid certificate now

    @property
    def authority(self) -> bytes:
        """The authority's certificate for import (DER)."""
        pem = self._authority[self._authority.index(_CERTIFICATE) :]
        return ssl.PEM_cert_to_DER_cert(pem.decode("ascii"))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the authority, for comparison by people."""
        return hashlib.sha256(self.authority).digest().hex(":").upper()

    def renew(self) -> bool:
        """Present another certificate if it is time; returns whether. Open connections go on."""
        addresses, now = self._addresses(), self._now()
        since = None if self._clock.vouched() is not None else max(self._certain(), now - UNSURE)
        if self.shown is not None and since is not None:
            now = max(now, self.shown.born)  # a single time source that is behind renews nothing
        if self.shown is not None and not certificate_state.is_replacement_due(
            self.shown, self._names, addresses, now
        ):
            return False
        from gateway.web import certificate  # noqa: PLC0415  # see validity.py

        by = self._read(AUTHORITY, self._authority)
        self._pem = certificate.create_certificate(by, self._names, addresses, now, since).pem()
        _keep(self._keys / SHOWN, self._pem)
        self.shown = self._told(self._pem)
        self._show()
        return True

    def _told(self, pem: bytes) -> CertificateState:
        """What the certificate says of itself: as noted, if noted for these very files."""
        of = hashlib.sha256(self._authority + pem).hexdigest()
        try:
            noted = msgspec.json.decode((self._keys / NOTE).read_bytes(), type=CertificateState)
        except (OSError, ValueError, RecursionError):
            noted = None
        if noted is not None and noted.of == of:
            return noted
        from gateway.web import certificate  # noqa: PLC0415  # see validity.py

        self._read(AUTHORITY, self._authority)  # a damaged one is reported now, not in a year
        told = certificate.describe_certificate(self._read(SHOWN, pem), of)
        _keep(self._keys / NOTE, msgspec.json.encode(told))
        return told

    def _show(self) -> None:
        # From memory, where it is complete: a dead disk must not prevent a start.
        assert self._pem is not None
        descriptor = os.memfd_create("tls")
        with os.fdopen(descriptor, "wb") as file:
            file.write(self._pem)
            file.flush()
            self.context.load_cert_chain(f"/proc/self/fd/{descriptor}")

    def _now(self) -> datetime.datetime:
        """Station time; while it is unset, the latest time that has certainly passed."""
        wall_ns = self._clock.stamp().wall_ns
        return self._certain() if wall_ns is None else _moment(wall_ns)

    def _certain(self) -> datetime.datetime:
        """The latest time that has certainly passed."""
        return _moment(self._clock.floor_ns)

    def _made(self, station: str) -> bytes:
        from gateway.web import certificate  # noqa: PLC0415  # see validity.py

        made = certificate.create_authority(station, self._names, self._certain()).pem()
        _keep(self._keys / AUTHORITY, made)
        return made

    def _kept(self, name: str) -> bytes | None:
        if name in self._aside:  # a disk that accepts nothing still has it
            return None
        try:
            return (self._keys / name).read_bytes()
        except FileNotFoundError:
            return None

    def _read(self, name: str, pem: bytes) -> "CertificatePair":
        from gateway.web.certificate import CertificatePair  # noqa: PLC0415  # see validity.py

        try:
            return CertificatePair.read(pem)
        except ValueError as error:
            raise StationError("signing.key-damaged", path=str(self._keys / name)) from error


def _set_aside(path: Path) -> None:
    """Move it away, for a person to inspect."""
    with contextlib.suppress(OSError):
        path.replace(path.with_name(f"{path.name}.damaged"))


def _moment(wall_ns: int) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(wall_ns // SECOND_NS, tz=datetime.UTC)


def _keep(path: Path, body: bytes) -> None:
    """Write it if the disk accepts it; otherwise it is made again at the next start."""
    try:
        run_in_time(partial(_write, path, body))
    except OSError as error:
        log.error("%s cannot be kept: %s", path, error)  # noqa: TRY400  # said whole


def _write(path: Path, body: bytes) -> None:
    """Atomic, readable by us only."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
        file.flush()
        os.fsync(descriptor)
    fresh.replace(path)


def _ipv4() -> list[Address]:
    found: list[Address] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        for _, name in socket.if_nameindex():
            try:
                packed = struct.pack("256s", name[:15].encode())
                answer = fcntl.ioctl(asker.fileno(), _SIOCGIFADDR, packed)
            except OSError:
                continue  # an interface without an address
            found.append(ipaddress.IPv4Address(answer[20:24]))
    return found


def _ipv6() -> list[Address]:
    try:
        lines = _IF_INET6.read_text("ascii").splitlines()
    except OSError:
        return []
    return [ipaddress.IPv6Address(int(line.split()[0], 16)) for line in lines]
