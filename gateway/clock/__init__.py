"""Time: CLOCK_BOOTTIME for everything that is measured or ordered, wall time only as far as known.

    boot.py         which boot of the kernel this is
    fix.py          pure: what one witness says of the time
    lenders.py      pure: which uplinks may tell the time, and how all witnesses rank
    expiry.py       pure: the floor of the clock by which things expire; it does not go back
    timekeeper.py   pure: which witness to believe, how old, how wrong; what is vouched for
    status.py       what the clock says of itself
    kernel.py       what the machine says: boot time, and, read nowhere else, its wall time; NTP
    steps.py        pure: steps of station time, told once a minute at most
    chip.py         reads the machine's clock chip, where it has one
    chrony.py       asks chronyd, which under the sandbox nothing else tells of
    clock.py        the station's clock
    beat.py         the second that all periodic looks share

The system clock is never set from here.
"""

from gateway.clock.beat import next_beat
from gateway.clock.clock import Clock, Deadline
from gateway.clock.fix import Fix, Lender
from gateway.clock.kernel import Hold, Kernel, LinuxKernel
from gateway.clock.status import ClockStatus, ClockStep
from gateway.clock.timekeeper import Timekeeper

__all__ = [
    "Clock",
    "ClockStatus",
    "ClockStep",
    "Deadline",
    "Fix",
    "Hold",
    "Kernel",
    "Lender",
    "LinuxKernel",
    "Timekeeper",
    "next_beat",
]
