"""Enrolment of one uplink of one station."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from gateway.clock import Clock, floor_file
from gateway.config.schema import Settings
from gateway.errors import StationError
from gateway.event import Trust, rfc3339
from gateway.health import ClockVitals
from gateway.upstream.enrolment.certificates import EnrolmentFiles, is_renewal_due, renewal_time_ns
from gateway.upstream.uplinks.http.options import HttpOptions
from gateway.upstream.uplinks.platform_tls import PlatformTls

DISTRICT = "district"


class EnrolmentStatus(msgspec.Struct, frozen=True):
    """The state of an enrolment; `clock` is what its dates were judged by."""

    uplink: str
    station: str
    url: str
    fingerprint: str
    begins: str
    ends: str
    renews: str
    state: str
    commands: bool
    clock: str
    judged_as_of: str


class PlatformEnrolment:
    """Enrolment of one uplink of one station."""

    def __init__(
        self,
        settings: Settings,
        state: Path,
        uplink: str | None = None,
        url: str | None = None,
        ca_file: str | None = None,
        *,
        clock: Clock | None = None,
    ) -> None:
        """Without `uplink`, the first of the settings; what is not given comes from them.

        `clock` is the running station's; without one only the state's floor is known.
        """
        self._settings = settings
        self._uplink = uplink or next(iter(settings.uplinks), DISTRICT)
        self._set = settings.uplinks.get(self._uplink)
        self._url = url or (self._set.url if self._set is not None else None)
        self._clock = clock or Clock.open(state, floor_ns=floor_file.read_floor(state))
        self._papers = EnrolmentFiles(state / "keys", self._uplink)
        self._ca_file = ca_file or (self._set.ca_file if self._set is not None else None)

    def learn_time(self, told: ClockVitals) -> None:
        """Learn the time from the station that runs here."""
        if told.wall_ns is not None and told.trust is not Trust.NONE:
            # What two witnesses told that station is as good as NTP is here.
            source = Trust.NTP if told.vouched else told.trust
            self._clock.learn(source, told.wall_ns, round(told.error_s * 1e9))

    async def enrol(self, token: str) -> None:
        """Exchange the token for a certificate and use it; StationError says why not."""
        from gateway.upstream.enrolment.client import claim_certificate  # noqa: PLC0415  # aiohttp, only to ask

        url, tls = _usable(self._url, self._uplink), self._tls()
        key = self._papers.key()
        granted = await claim_certificate(url, key, self._settings.station.id, token, tls)
        self._papers.store_grant(key, granted, url)

    def status(self) -> EnrolmentStatus:
        """The state of the enrolment; StationError if there is none or its files are damaged."""
        enrolment = self._papers.enrolment()
        if enrolment is None:
            known = list(self._settings.uplinks)
            code = "enrol.none" if self._set is not None or not known else "enrol.no-uplink"
            raise StationError(code, uplink=self._uplink, known=known)
        life = self._papers.lifetime()
        status = self._clock.status()
        judged_ns = self._clock.floor_ns if status.wall_ns is None else status.wall_ns
        state = (
            "over"
            if judged_ns >= life[1]
            else "due"
            if is_renewal_due(life, self._clock)
            else "valid"
        )
        return EnrolmentStatus(
            uplink=self._uplink,
            station=self._settings.station.id,
            url=enrolment.url,
            fingerprint=self._papers.fingerprint(),
            begins=rfc3339(life[0]),
            ends=rfc3339(life[1]),
            renews=rfc3339(renewal_time_ns(life)),
            state=state,
            commands=enrolment.command_key is not None,
            clock=status.trust.value,
            judged_as_of=rfc3339(judged_ns),
        )

    @property
    def clock_unset(self) -> bool:
        """Whether dates are judged by the floor because the time is unknown."""
        return self._clock.status().trust is Trust.NONE

    def remarks(self) -> list[str]:
        """What the installer must still do, as codes."""
        found = []
        if self.clock_unset:
            found.append("enrol.clock-unset")
        enrolment = self._papers.enrolment()
        if enrolment is None or self._set is None:
            found.append("enrol.not-in-settings")
        elif _where(self._set.url) != _where(enrolment.url):
            found.append("enrol.other-host")
        return found

    def remark_data(self) -> dict[str, str]:
        """The data of the remarks."""
        enrolment = self._papers.enrolment()
        return {
            "floor": rfc3339(self._clock.floor_ns),
            "uplink": self._uplink,
            "url": enrolment.url if enrolment is not None else "",
        }

    def _tls(self) -> PlatformTls:
        try:
            return PlatformTls(self._clock, ca_file=self._ca_file, own=None)
        except (OSError, ssl.SSLError) as error:
            raise StationError("enrol.no-ca-file", path=str(self._ca_file)) from error


def _where(url: str) -> tuple[str, str | None]:
    """What must be equal for a certificate to be presented there."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname


def _usable(url: str | None, uplink: str) -> str:
    """The address to enrol at: encrypted, whatever the settings allow for the feed."""
    if url is None:
        raise StationError("enrol.no-url", uplink=uplink)
    if urlsplit(url).scheme == "http":
        raise StationError("enrol.plain", url=url)
    return HttpOptions(url=url).url
