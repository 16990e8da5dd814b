"""Which sources may tell the time, and how they rank. Pure."""

from collections.abc import Sequence

from gateway.clock.time_sample import TimeSource, UplinkTimeSource
from gateway.event import Trust

_LESSER = {Trust.METER: 1000, Trust.RTC: 1001, Trust.PERSON: 1002}
_UNKNOWN = 999


class SourceRanking:
    """The uplinks that the settings allow, best first; with None, any uplink."""

    def __init__(self, lenders: Sequence[UplinkTimeSource] | None = None) -> None:
        self._any = lenders is None
        self._ranks = {each.name: (rank, each) for rank, each in enumerate(lenders or (), 1)}

    def knows(self, uplink: str) -> bool:
        """Whether it is one of them, whether or not it may lend time."""
        return self._lender(uplink) is not None

    def counts(self, witness: TimeSource) -> bool:
        """Whether the source counts."""
        lender = self._lender(witness[1])
        return witness[0] is not Trust.PLATFORM or (lender is not None and lender[1].lends)

    def may_set_alone(self, witness: TimeSource) -> bool:
        """Whether it may set the clock alone."""
        if witness[0] is not Trust.PLATFORM:
            return witness[0] is Trust.NTP
        lender = self._lender(witness[1])
        return lender is not None and lender[1].alone

    def may_begin(self, uplink: str) -> bool:
        """Whether its first statement may set an unset clock."""
        lender = self._lender(uplink)
        return lender is not None and lender[1].alone and lender[1].required

    def secure(self, uplink: str) -> bool:
        """Whether it may set the clock alone, and nobody on the way can have changed it."""
        lender = self._lender(uplink)
        return lender is not None and lender[1].lends and lender[1].alone and lender[1].secure

    def rank(self, witness: TimeSource) -> int:
        """The lowest is best."""
        if witness[0] is not Trust.PLATFORM:
            return _LESSER.get(witness[0], 0)
        lender = self._lender(witness[1])
        return _UNKNOWN if lender is None else lender[0]

    def site(self, witness: TimeSource) -> TimeSource:
        """Its site: two sources at one site are one."""
        lender = self._lender(witness[1]) if witness[0] is Trust.PLATFORM else None
        return witness[0], witness[1] if lender is None else lender[1].site

    def _lender(self, uplink: str) -> tuple[int, UplinkTimeSource] | None:
        if self._any:
            return 1, UplinkTimeSource(uplink, uplink)
        return self._ranks.get(uplink)
