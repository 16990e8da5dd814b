"""TLS to a platform: its certificate is checked by the station's clock, ours is presented.

OpenSSL judges dates by the system clock, which is right where NTP keeps it. Elsewhere that clock
may stand in 1970: then OpenSSL checks chain and host only, and the dates are judged here, by a
time that NTP or two witnesses vouch for. A single witness, or the last known time alone, refuses
no certificate: a station whose clock was once set wrong could never reach the platform that would
correct it. Such a certificate is accepted and reported.
"""

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

from gateway.clock import Clock
from gateway.clock.time_sample import STEP_NS
from gateway.event import Trust

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, for which the ssl module has no name.
NO_CHECK_TIME = 0x200000

# Doubts about an accepted certificate: it seems to have expired, or not to be valid yet.
OVER, EARLY = "over", "early"

# Called with the doubt about the platform's certificate, "" once there is none any more.
OnDoubt = Callable[[str], None]


class PlatformTls:
    """Makes the context for each connection; `own` is the file of our certificate and its key."""

    def __init__(
        self,
        clock: Clock,
        *,
        ca_file: str | None,
        own: Path | None,
        doubted: OnDoubt = lambda _: None,
    ) -> None:
        """`doubted` is called on each change: with `OVER`, `EARLY`, or "" once dates are right."""
        self.doubt = ""
        self._clock = clock
        self._ca_file = ca_file
        self._own = own
        self._doubted = doubted
        self.reload()

    def reload(self) -> None:
        """Read the certificates again, as after a renewal; SSLError or OSError if that fails."""
        self._by_system = self._made()
        self._by_station = self._made()
        self._by_station.verify_flags |= NO_CHECK_TIME
        self._by_station.sslobject_class = _dated(self._judge)

    @property
    def context(self) -> ssl.SSLContext:
        """The context for a connection that is made now."""
        return self._by_system if _ntp_holds(self._clock) else self._by_station

    def _judge(self, certificate: Mapping[str, object]) -> None:
        doubt = certificate_doubt(certificate, self._clock)
        if doubt != self.doubt:
            self.doubt = doubt
            self._doubted(doubt)

    def _made(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self._ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._own is not None:
            context.load_cert_chain(self._own)
        return context


def _ntp_holds(clock: Clock) -> bool:
    """Whether NTP keeps the system clock."""
    status = clock.status()
    if not status.vouched or status.trust is not Trust.NTP or status.wall_ns is None:
        return False
    shown_ns = status.plausible_ns
    return shown_ns is not None and abs(shown_ns - status.wall_ns) <= STEP_NS + status.error_s * 1e9


def _dated(judge: Callable[[Mapping[str, object]], None]) -> type[ssl.SSLObject]:
    """A connection class whose handshake ends with `judge` of the platform's certificate."""

    class Dated(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            judge(self.getpeercert() or {})

    return Dated


def certificate_doubt(certificate: Mapping[str, object], clock: Clock) -> str:
    """What is doubtful about its dates, "" if nothing is.

    SSLCertVerificationError if a time that is vouched for says that it is not valid now.
    """
    begins_ns = ssl.cert_time_to_seconds(str(certificate["notBefore"])) * 1_000_000_000
    ends_ns = ssl.cert_time_to_seconds(str(certificate["notAfter"])) * 1_000_000_000
    now_ns, vouched = clock.now_ns(), clock.vouched()
    if vouched is not None:
        wall_ns, error_ns = vouched.wall_at(now_ns), vouched.error_at(now_ns)
        if ends_ns < wall_ns - error_ns:
            raise ssl.SSLCertVerificationError(1, "certificate has expired")
        if begins_ns > wall_ns + error_ns:
            raise ssl.SSLCertVerificationError(1, "certificate is not yet valid")
        return ""
    status = clock.status()
    if ends_ns < max(status.wall_ns or 0, clock.floor_ns):
        return OVER
    early = status.wall_ns is not None and begins_ns > status.wall_ns + status.error_s * 1e9
    return EARLY if early else ""
