"""Time: CLOCK_BOOTTIME for everything that is measured or ordered, wall time as far as known.

    boot.py             which boot of the kernel this is
    time_sample.py      pure: what a time source says
    source_ranking.py   pure: which uplinks may tell the time, and how all sources rank
    expiry_floor.py     pure: the floor of the expiry clock; it does not go back
    source_claim.py     pure: what a source claims over time
    timekeeper.py       pure: which source to believe, how old, how wrong; what is vouched for
    status.py           the state of the clock
    kernel.py           boot time, wall time (read nowhere else), and NTP's hold on it
    step_queue.py       pure: steps of station time, reported once a minute at most
    rtc.py chrony.py    the machine's clock chip; chronyd, visible from inside the sandbox
    clock.py            the station's clock
    tick.py             the second that all periodic checks share

The system clock is never set from here.
"""

from gateway.clock.clock import Clock, Deadline
from gateway.clock.kernel import Kernel, LinuxKernel, NtpSync
from gateway.clock.status import ClockStatus, ClockStep
from gateway.clock.tick import next_tick
from gateway.clock.time_sample import TimeSample, UplinkTimeSource
from gateway.clock.timekeeper import Timekeeper

__all__ = [
    "Clock",
    "ClockStatus",
    "ClockStep",
    "Deadline",
    "Kernel",
    "LinuxKernel",
    "NtpSync",
    "TimeSample",
    "Timekeeper",
    "UplinkTimeSource",
    "next_tick",
]
