"""The state of one uplink: for pages, and logged once on loss and once on return."""

import logging
import re
from collections import deque
from collections.abc import Callable, Sequence

from gateway.clock import Clock
from gateway.errors import PlatformUnreachable, UpstreamError
from gateway.event import JournalEntry, Lane
from gateway.health import UplinkVitals
from gateway.upstream.uplinks.kind import Worth

# An unforeseen exception.
FAULT = "upstream.fault"

# A documented name: docs/operate.md.
_log = logging.getLogger("gateway.upstream.standing")
_UPTIME = re.compile(rb'"bootid":"([^"]*)","uptimems":"(\d+)"')
_SMOOTHING = 0.1
_LATENCIES_KEPT = 64


class UplinkStatus:
    """The lane senders of one uplink report here; `vitals` is cheap."""

    def __init__(
        self, name: str, kind: str, now_ns: Callable[[], int], worth: Worth = "stored"
    ) -> None:
        self.name = name
        self._kind = kind
        self._worth = worth
        self._now_ns = now_ns
        self._since_ns = now_ns()
        self._receipt_ns: int | None = None
        self.certificate: tuple[int, int] | None = None
        self._faults: dict[str, UpstreamError] = {}
        self._entries = 0.0
        self._bytes = 0.0
        self._latencies_ms: deque[float] = deque(maxlen=_LATENCIES_KEPT)

    def on_failure(self, courier: str, error: UpstreamError) -> None:
        """A lane sender got no receipt."""
        known = self._faults.get(courier)
        if not self._faults:
            self._since_ns = self._now_ns()
            _log.warning("uplink %s lost: %s", self.name, error)
        elif known is not None and known.code != error.code:
            _log.info("uplink %s still lost: %s", self.name, error)
        self._faults[courier] = error

    def on_success(self, courier: str, entries: int, size: int) -> bool:
        """A lane sender got a receipt; True if it had failed before."""
        now_ns = self._now_ns()
        first, self._receipt_ns = self._receipt_ns is None, now_ns
        returned = self._faults.pop(courier, None) is not None
        if (first or returned) and not self._faults:
            self._since_ns = now_ns
            _log.info("uplink %s up", self.name)
        if entries:
            self._entries = _smooth(self._entries, entries)
            self._bytes = _smooth(self._bytes, size)
        return returned

    def note_latency(self, entries: Sequence[JournalEntry], clock: Clock) -> None:
        """These entries were receipted now; the latency is that of a last reading of this boot."""
        if not entries or entries[-1].lane is not Lane.TELEMETRY:
            return
        found = _UPTIME.search(entries[-1].body)
        if found and found[1].decode() == clock.boot:
            self._latencies_ms.append(clock.now_ns() / 1e6 - int(found[2]))

    @property
    def latency_ms(self) -> float | None:
        """The time from a reading to its receipt: the median of the last batches, in ms."""
        latencies = sorted(self._latencies_ms)
        return latencies[len(latencies) // 2] if latencies else None

    @property
    def fault(self) -> UpstreamError | None:
        """The error of the first lane sender that has one."""
        return next(iter(self._faults.values()), None)

    @property
    def vitals(self) -> UplinkVitals:
        """The state now."""
        fault = self.fault
        return UplinkVitals(
            name=self.name,
            kind=self._kind,
            state=self._state(fault),
            since_ns=self._since_ns,
            receipt_ns=self._receipt_ns,
            batch_entries=self._entries,
            batch_bytes=self._bytes,
            code=None if fault is None else fault.code,
            data={} if fault is None else fault.data,
            certificate=self.certificate,
            worth=self._worth,
        )

    def _state(self, fault: UpstreamError | None) -> str:
        if fault is not None:
            return "down" if isinstance(fault, PlatformUnreachable) else "refused"
        return "wait" if self._receipt_ns is None else "up"


def _smooth(before: float, new: float) -> float:
    return new if before == 0 else before + _SMOOTHING * (new - before)
