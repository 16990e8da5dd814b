"""Real-time priority: what keeps the beat while everything else on the machine is busy."""

import os

CLOCK_PRIORITY = 20
# The threads that feed sound cards.
CARD_PRIORITY = 15

# Everything else here: a thread that holds the interpreter must not be kept waiting by others.
OTHER_PRIORITY = 10


def use_realtime_priority(priority: int) -> bool:
    """Give it to the calling thread, not to what it starts; False where that is not permitted."""
    try:
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError:
        return False
    return True
