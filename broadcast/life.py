"""The life of an order: one table. Pure.

`ASKED` is no state of an order yet: nothing is stored. What ends it is said by the reason code
that goes with it.
"""

import enum


class State(enum.Enum):
    """Where an order stands."""

    ASKED = "asked"
    ACCEPTED = "accepted"
    HELD = "held"
    PREPARING = "preparing"
    PLAYING = "playing"
    INTERRUPTED = "interrupted"
    FINISHED = "finished"
    STOPPED = "stopped"
    DROPPED = "dropped"
    REFUSED = "refused"
    EXPIRED = "expired"
    FAILED = "failed"


class Act(enum.Enum):
    """What moves it.

    `HOLD`: it waits for its hour, for the end of quiet hours, or for its turn. `PLAY` while it
    plays: at another loudspeaker its turn has come, too. `INTERRUPT`: it sounds nowhere any more,
    and waits for another turn; it may `FINISH` all the same, where the stop came too late. `DROP`:
    it will get none. What a kill left waiting may have been heard, and ends as that did: an
    emergency does not wait for its records.
    """

    ACCEPT = "accept"
    REFUSE = "refuse"
    HOLD = "hold"
    PREPARE = "prepare"
    PLAY = "play"
    INTERRUPT = "interrupt"
    FINISH = "finish"
    STOP = "stop"
    DROP = "drop"
    EXPIRE = "expire"
    FAIL = "fail"


# What is not here cannot happen.
TABLE: dict[tuple[State, Act], State] = {
    (State.ASKED, Act.ACCEPT): State.ACCEPTED,
    (State.ASKED, Act.REFUSE): State.REFUSED,
    (State.ASKED, Act.EXPIRE): State.EXPIRED,
    (State.ACCEPTED, Act.PREPARE): State.PREPARING,
    (State.ACCEPTED, Act.FINISH): State.FINISHED,
    (State.ACCEPTED, Act.STOP): State.STOPPED,
    (State.ACCEPTED, Act.DROP): State.DROPPED,
    (State.ACCEPTED, Act.EXPIRE): State.EXPIRED,
    (State.ACCEPTED, Act.FAIL): State.FAILED,
    (State.PREPARING, Act.HOLD): State.HELD,
    (State.PREPARING, Act.PLAY): State.PLAYING,
    (State.PREPARING, Act.REFUSE): State.REFUSED,
    (State.PREPARING, Act.FINISH): State.FINISHED,
    (State.PREPARING, Act.STOP): State.STOPPED,
    (State.PREPARING, Act.DROP): State.DROPPED,
    (State.PREPARING, Act.EXPIRE): State.EXPIRED,
    (State.PREPARING, Act.FAIL): State.FAILED,
    (State.HELD, Act.PLAY): State.PLAYING,
    (State.HELD, Act.REFUSE): State.REFUSED,
    (State.HELD, Act.FINISH): State.FINISHED,
    (State.HELD, Act.STOP): State.STOPPED,
    (State.HELD, Act.DROP): State.DROPPED,
    (State.HELD, Act.EXPIRE): State.EXPIRED,
    (State.HELD, Act.FAIL): State.FAILED,
    (State.PLAYING, Act.PLAY): State.PLAYING,
    (State.PLAYING, Act.INTERRUPT): State.INTERRUPTED,
    (State.PLAYING, Act.FINISH): State.FINISHED,
    (State.PLAYING, Act.STOP): State.STOPPED,
    (State.PLAYING, Act.DROP): State.DROPPED,
    (State.PLAYING, Act.EXPIRE): State.EXPIRED,
    (State.PLAYING, Act.FAIL): State.FAILED,
    (State.INTERRUPTED, Act.PLAY): State.PLAYING,
    (State.INTERRUPTED, Act.REFUSE): State.REFUSED,
    (State.INTERRUPTED, Act.FINISH): State.FINISHED,
    (State.INTERRUPTED, Act.STOP): State.STOPPED,
    (State.INTERRUPTED, Act.DROP): State.DROPPED,
    (State.INTERRUPTED, Act.EXPIRE): State.EXPIRED,
    (State.INTERRUPTED, Act.FAIL): State.FAILED,
}

# Nothing moves an order any more.
OVER = frozenset(State) - {left for left, _ in TABLE}

# Ready, and waiting for its turn.
WAITING = frozenset({State.HELD, State.INTERRUPTED})


def diagram() -> str:
    """The table as a Mermaid state diagram; `docs/broadcast.md` holds it, and a test compares."""
    lines = ["stateDiagram-v2"]
    for (state, act), target in TABLE.items():
        left = "[*]" if state is State.ASKED else state.value
        lines.append(f"    {left} --> {target.value}: {act.value}")
    lines += [f"    {state.value} --> [*]" for state in State if state in OVER]
    return "\n".join(lines)
