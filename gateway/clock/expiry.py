"""The expiry clock's floor: wall time that has certainly passed. Pure: instants are arguments."""

from gateway.clock.fix import DRIFT_PPM


class Floor:
    """The latest wall time that two witnesses or NTP have vouched for, and the boot time since.

    It rises as boot time passes, by a crystal that is as fast as it may be, and whenever a later
    time is vouched for. It goes back in one case only: see `Timekeeper`.
    """

    def __init__(self, wall_ns: int, now_ns: int) -> None:
        """It was at least `wall_ns` at boot time `now_ns`."""
        self._wall_ns = wall_ns
        self._at_ns = now_ns

    def at(self, now_ns: int) -> int:
        """The floor at that instant, which is not before the one that it was built with."""
        passed_ns = max(0, now_ns - self._at_ns)
        return self._wall_ns + passed_ns - passed_ns * DRIFT_PPM // 1_000_000

    def rise(self, wall_ns: int, now_ns: int) -> None:
        """It is at least `wall_ns` now; what is earlier than the floor changes nothing."""
        if wall_ns > self.at(now_ns):
            self.sink(wall_ns, now_ns)

    def sink(self, wall_ns: int, now_ns: int) -> None:
        """Begin again at `wall_ns`."""
        self._wall_ns, self._at_ns = wall_ns, now_ns
