"""TLS towards a platform: its certificate is checked by the station's clock, ours is shown.

OpenSSL judges dates by the system clock. Where NTP holds that one, so be it. Elsewhere it may say
1970, or anything: then OpenSSL checks chain and host, and the dates of the platform's certificate
are judged by station time; while there is none, by its floor (the latest time that was ever
vouched for), before which it cannot be. A certificate that had expired by then is refused.
"""

import logging
import ssl
from collections.abc import Mapping
from pathlib import Path

from gateway.clock import Clock
from gateway.event import Trust, rfc3339

NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which the ssl module has no name."""

_log = logging.getLogger(__name__)


class Tls:
    """The context for each connection; `own` holds our certificate and its key, if we have one."""

    def __init__(
        self, clock: Clock, *, ca_file: str | None, own: Path | None, told: bool = False
    ) -> None:
        """`told`: the caller says himself that the clock is not set."""
        self._clock = clock
        self._ca_file = ca_file
        self._own = own
        self._told = told
        self.reload()

    def reload(self) -> None:
        """Read the certificates again, as after a renewal; SSLError or OSError if that fails."""
        self._by_system = self._made()
        self._by_station = self._made()
        self._by_station.verify_flags |= NO_CHECK_TIME
        self._by_station.sslobject_class = _dated(self._clock)

    @property
    def context(self) -> ssl.SSLContext:
        """For a connection that begins now."""
        status = self._clock.status()
        if status.trust is Trust.NTP:
            return self._by_system
        if status.trust is Trust.NONE and not self._told:
            self._told = True
            floor = rfc3339(self._clock.floor_ns)
            _log.warning("the clock is not set: certificates are judged as of %s", floor)
        return self._by_station

    def _made(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._own is not None:
            context.load_cert_chain(self._own)
        return context


def _dated(clock: Clock) -> type[ssl.SSLObject]:
    """Connections whose handshake fails for a certificate that is not of this time."""

    class Dated(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            check_dates(self.getpeercert() or {}, clock)

    return Dated


def check_dates(certificate: Mapping[str, object], clock: Clock) -> None:
    """SSLCertVerificationError if the certificate is certainly not valid now."""
    status = clock.status()
    now_s = (clock.floor_ns if status.wall_ns is None else status.wall_ns) / 1e9
    if ssl.cert_time_to_seconds(str(certificate["notAfter"])) < now_s:
        raise ssl.SSLCertVerificationError(1, "certificate has expired")
    begins_s = ssl.cert_time_to_seconds(str(certificate["notBefore"]))
    if status.wall_ns is not None and begins_s > now_s + status.error_s:
        raise ssl.SSLCertVerificationError(1, "certificate is not yet valid")
