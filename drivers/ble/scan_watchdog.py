"""Detects a radio that scans but receives nothing. Pure; instants are seconds."""

# How often the presence of the radio is checked.
CHECK_S = 5.0

# Scans in a row that received nothing at all before the radio counts as broken.
DEAF_AFTER = 3

RETRY_MIN_S = 1.0
RETRY_MAX_S = 60.0


class ScanWatchdog:
    """The watchdog of one scanner: it fires when nothing at all was received for too long."""

    def __init__(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._since_s = 0.0
        self._checked_s = 0.0
        self._barks = 0

    @property
    def silent_s(self) -> int:
        """For how long nothing has been received, over all scans in vain."""
        return round(self._barks * self._silence_s)

    @property
    def is_deaf(self) -> bool:
        """True if restarting the scan has not helped."""
        return self._barks >= DEAF_AFTER

    def start(self, now_s: float) -> None:
        """A scan begins."""
        self._since_s = self._checked_s = now_s

    def record_advert(self, now_s: float) -> None:
        """An advert of any sender was received."""
        self._since_s = now_s
        self._barks = 0

    def check_due(self, now_s: float) -> bool:
        """True when it is time to check the presence of the radio."""
        due = now_s - self._checked_s >= CHECK_S
        if due:
            self._checked_s = now_s
        return due

    def restart_due(self, now_s: float) -> bool:
        """True when the scan must be restarted."""
        barks = now_s - self._since_s >= self._silence_s
        self._barks += barks
        return barks

    @staticmethod
    def next_retry_s(retry_s: float) -> float:
        """The pause after one that did not help."""
        return min(2 * retry_s, RETRY_MAX_S)
