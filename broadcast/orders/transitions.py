"""The life of an order: one transition table. Pure."""

import enum

from gateway.transitions import TransitionTable


class OrderState(enum.Enum):
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


class OrderEvent(enum.Enum):
    """What moves an order.

    `HOLD`: it waits for its hour, for the end of quiet hours, or for its turn. `PLAY` while it
    plays: another loudspeaker has become free. `INTERRUPT`: it plays nowhere any more and waits for
    another turn. `DROP`: it gets no other turn.
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


# An order is a promise with a time limit. Until it expires, the station tries to let every
# loudspeaker of the order's zones sound it once from beginning to end; then it says what came of
# it. The table below is the only place that moves an order from one state to the next. Each move is
# written to the journal with the state that it leads to, and is an event for the platform.
#
# `ASKED` is never stored. The guard judges an order when it is asked for, and it is accepted,
# refused, or too late. An accepted order survives a restart. Its sound is prepared (chime, speech),
# and then it contends for loudspeakers. It is `HELD` while its hour or the end of quiet hours lies
# ahead, or while more urgent sounds occupy its loudspeakers.
#
# There is one state for the whole order, although its loudspeakers become free at different times.
# `PLAYING` means that at least one airing sounds; `PLAY` happens again in that state when another
# loudspeaker becomes free. When no airing is left, the order is finished if every loudspeaker has
# had it whole; otherwise it is `INTERRUPTED` and waits for another turn at the rest.
#
# The end says what was heard, and the reason code with it says why. `FINISHED`: at least one
# loudspeaker has had all of it. `STOPPED`: a person, or a newer order, stopped it. `DROPPED`: it
# gets no further turn, and part of it may have been heard. `REFUSED`, `EXPIRED`: nothing was
# heard. `FAILED`: it could not be made, reached no loudspeaker, or nobody knows whether it did.
#
# `FINISH` and `DROP` are possible while an order waits, because it may have been heard all the
# same: a stop can come too late, and an emergency sounds without waiting for its record, so that a
# kill can take the record and not the sound. After a restart the audio process is asked.
TABLE = TransitionTable(
    OrderState.ASKED,
    {
        (OrderState.ASKED, OrderEvent.ACCEPT): OrderState.ACCEPTED,
        (OrderState.ASKED, OrderEvent.REFUSE): OrderState.REFUSED,
        (OrderState.ASKED, OrderEvent.EXPIRE): OrderState.EXPIRED,
        (OrderState.ACCEPTED, OrderEvent.PREPARE): OrderState.PREPARING,
        (OrderState.ACCEPTED, OrderEvent.FINISH): OrderState.FINISHED,
        (OrderState.ACCEPTED, OrderEvent.STOP): OrderState.STOPPED,
        (OrderState.ACCEPTED, OrderEvent.DROP): OrderState.DROPPED,
        (OrderState.ACCEPTED, OrderEvent.EXPIRE): OrderState.EXPIRED,
        (OrderState.ACCEPTED, OrderEvent.FAIL): OrderState.FAILED,
        (OrderState.PREPARING, OrderEvent.HOLD): OrderState.HELD,
        (OrderState.PREPARING, OrderEvent.PLAY): OrderState.PLAYING,
        (OrderState.PREPARING, OrderEvent.REFUSE): OrderState.REFUSED,
        (OrderState.PREPARING, OrderEvent.FINISH): OrderState.FINISHED,
        (OrderState.PREPARING, OrderEvent.STOP): OrderState.STOPPED,
        (OrderState.PREPARING, OrderEvent.DROP): OrderState.DROPPED,
        (OrderState.PREPARING, OrderEvent.EXPIRE): OrderState.EXPIRED,
        (OrderState.PREPARING, OrderEvent.FAIL): OrderState.FAILED,
        (OrderState.HELD, OrderEvent.PLAY): OrderState.PLAYING,
        (OrderState.HELD, OrderEvent.REFUSE): OrderState.REFUSED,
        (OrderState.HELD, OrderEvent.FINISH): OrderState.FINISHED,
        (OrderState.HELD, OrderEvent.STOP): OrderState.STOPPED,
        (OrderState.HELD, OrderEvent.DROP): OrderState.DROPPED,
        (OrderState.HELD, OrderEvent.EXPIRE): OrderState.EXPIRED,
        (OrderState.HELD, OrderEvent.FAIL): OrderState.FAILED,
        (OrderState.PLAYING, OrderEvent.PLAY): OrderState.PLAYING,
        (OrderState.PLAYING, OrderEvent.INTERRUPT): OrderState.INTERRUPTED,
        (OrderState.PLAYING, OrderEvent.FINISH): OrderState.FINISHED,
        (OrderState.PLAYING, OrderEvent.STOP): OrderState.STOPPED,
        (OrderState.PLAYING, OrderEvent.DROP): OrderState.DROPPED,
        (OrderState.PLAYING, OrderEvent.EXPIRE): OrderState.EXPIRED,
        (OrderState.PLAYING, OrderEvent.FAIL): OrderState.FAILED,
        (OrderState.INTERRUPTED, OrderEvent.PLAY): OrderState.PLAYING,
        (OrderState.INTERRUPTED, OrderEvent.REFUSE): OrderState.REFUSED,
        (OrderState.INTERRUPTED, OrderEvent.FINISH): OrderState.FINISHED,
        (OrderState.INTERRUPTED, OrderEvent.STOP): OrderState.STOPPED,
        (OrderState.INTERRUPTED, OrderEvent.DROP): OrderState.DROPPED,
        (OrderState.INTERRUPTED, OrderEvent.EXPIRE): OrderState.EXPIRED,
        (OrderState.INTERRUPTED, OrderEvent.FAIL): OrderState.FAILED,
    },
    unstored_start=True,
)

# States without a way out.
OVER = TABLE.final

# Ready, and waiting for its turn.
WAITING = frozenset({OrderState.HELD, OrderState.INTERRUPTED})
