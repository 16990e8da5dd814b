"""The platform's commands: each is carried out at most once, and never after its expiry.

    command.py   what a command is, how long it lives, its states (pure)
    memory.py    which commands were seen, and what became of them
    run.py       polls, decides, acts, reports
    kinds.py     the kinds that this room carries out itself: ping, feed.replay

A kind that nothing handles is refused; other rooms bring theirs as `CommandKind`.
"""
