"""The platform's commands: each is carried out at most once, and never after its expiry.

command.py           a command, its lifetime and its states (pure)
command_keys.py      whose signature counts
command_store.py     which commands were seen, their outcome, and where polling continues
idle_wait.py         how long a long poll may stay open on this link (pure)
command_poll.py      polls for commands
admission.py         whether a command may be carried out
execution.py         what carries a command out, and the outcome of one that came too late
executor.py          carries out what was accepted, and records how it ends
repeats.py           how often a repeated command is answered again
command_receipts.py  receipts, each committed with the state that it reports
siblings.py          the inboxes of the other uplinks: one command over two of them is one command
inbox.py             polls, decides, acts, reports
cancel.py            `command.cancel`, the one kind that the inbox carries out on itself
builtin_commands.py  ping, clock.offset, key.rotate, feed.replay
device_write.py      `device.write`
events.py            the kind of event that this makes

A kind without a handler is refused; other rooms bring theirs as `CommandKind`.
"""
