"""The reference platform: a durable receiver of a station's feed, in a process of its own.

    wire.py          one event as it comes over the wire (pure)
    mark.py          what a lane holds: watermark, what came early, holes (pure)
    store.py         SQLite with FULL sync; a receipt is written only after its commit
    register.py      claim tokens and who is enrolled, in the same file
    moods.py         the ways in which a platform can misbehave, for tests and demonstrations
    receiver.py      /v1/events, /v1/ask, /v1/commands, as docs/feed.md says
    authority.py     a small certificate authority
    registrar.py     /v1/claim, /v1/renew, and which station a certificate stands for
    hand.py          the keys that commands are signed with
    orders.py        commands to stations, right and wrong, and what became of them
    page.py          the page for people and /api/… for tests
    commands_page.py the page that sends commands
    app.py           all of it, served
    command.py       `python -m gateway.demo.platform`

It is written from docs/feed.md and shares no code with the sender.
"""
