"""The expiry clock's floor: wall time that has certainly passed. Pure: instants are arguments."""

from gateway.clock.time_sample import DRIFT_PPM


class ExpiryFloor:
    """The latest wall time that two sources or NTP have vouched for, and the boot time since.

    It rises with boot time, at the rate of the slowest possible crystal, and whenever a later
    time is vouched for. It goes back in one case only: see `Timekeeper`.
    """

    def __init__(self, wall_ns: int, now_ns: int) -> None:
        """It was at least `wall_ns` at boot time `now_ns`."""
        self._wall_ns = wall_ns
        self._at_ns = now_ns

    def at(self, now_ns: int) -> int:
        """The floor at that instant, never before the one it was built with."""
        passed_ns = max(0, now_ns - self._at_ns)
        return self._wall_ns + passed_ns - passed_ns * DRIFT_PPM // 1_000_000

    def rise(self, wall_ns: int, now_ns: int) -> None:
        """Raise it to `wall_ns`; anything earlier than the floor has no effect."""
        if wall_ns > self.at(now_ns):
            self.reset(wall_ns, now_ns)

    def reset(self, wall_ns: int, now_ns: int) -> None:
        """Restart at `wall_ns`."""
        self._wall_ns, self._at_ns = wall_ns, now_ns
