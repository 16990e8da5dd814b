"""The platform's commands: each is carried out at most once, and never after its expiry.

    command.py   what a command is, how long it lives, its states (pure)
    verify.py    whose signature counts
    memory.py    which commands were seen, what became of them, and where to ask on
    idle.py      how long a question may stay open on this road (pure)
    poll.py      asks, again and again
    judge.py     whether a command may be carried out
    work.py      what carries it out
    answers.py   the receipts, each with what is remembered
    run.py       polls, decides, acts, reports
    cancel.py    `command.cancel`, the one kind that the inbox carries out on itself
    kinds.py     the kinds that this room carries out: ping, clock.offset, key.rotate, feed.replay

A kind that nothing handles is refused; other rooms bring theirs as `CommandKind`.
"""
