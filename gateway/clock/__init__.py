"""Time: CLOCK_BOOTTIME for everything that is measured or ordered, wall time only as far as known.

    boot.py         which boot of the kernel this is
    timekeeper.py   pure: which source of wall time to believe, how old, how wrong
    clock.py        the station's clock, and the only reader of the system's wall time
    beat.py         the second that all periodic looks share

The system clock is never set from here.
"""

from gateway.clock.beat import next_beat
from gateway.clock.clock import Clock, Deadline, Hold, Kernel, LinuxKernel
from gateway.clock.timekeeper import VOUCHED, ClockStatus, ClockStep, Fix, Timekeeper

__all__ = [
    "VOUCHED",
    "Clock",
    "ClockStatus",
    "ClockStep",
    "Deadline",
    "Fix",
    "Hold",
    "Kernel",
    "LinuxKernel",
    "Timekeeper",
    "next_beat",
]
