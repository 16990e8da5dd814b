"""Real-time priority keeps the audio clock running while the rest of the machine is busy."""

import os

CLOCK_PRIORITY = 20
# Threads that feed sound cards.
CARD_PRIORITY = 15

# All other threads here: one that holds the interpreter must not be kept waiting by other programs.
OTHER_PRIORITY = 10


def use_realtime_priority(priority: int) -> bool:
    """Raise the calling thread, not what it starts; False where that is not permitted."""
    try:
        policy = os.SCHED_FIFO | os.SCHED_RESET_ON_FORK
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    except OSError:
        return False
    return True
