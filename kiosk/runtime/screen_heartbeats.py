"""Which kiosks have a living page: where none has, the keys do by themselves what they can."""

from gateway.clock import Clock
from kiosk.requests.request import S

# A page that has not been heard of for so long is not there.
SILENT_S_MAX = 90.0


class ScreenHeartbeats:
    """The pages' heartbeats; only kiosks of the settings are heard."""

    def __init__(self, kiosks: frozenset[str], clock: Clock) -> None:
        self._kiosks = kiosks
        self._clock = clock
        self._heard_ns: dict[str, int] = {}
        self._born_ns = clock.now_ns()

    def record_heartbeat(self, kiosk: str) -> None:
        """Its page has been heard of."""
        if kiosk in self._kiosks:
            self._heard_ns[kiosk] = self._clock.now_ns()

    def is_alive(self, kiosk: str) -> bool:
        """Whether its page is there."""
        at_ns = self._heard_ns.get(kiosk)
        return at_ns is not None and self._clock.now_ns() - at_ns < SILENT_S_MAX * S

    def silent_s(self, kiosk: str) -> float | None:
        """For how long its page has not been heard of; None while it is there.

        At the start it is given as long as a page that has only just fallen silent.
        """
        silent_s = (self._clock.now_ns() - self._heard_ns.get(kiosk, self._born_ns)) / S
        return silent_s if silent_s >= SILENT_S_MAX else None
