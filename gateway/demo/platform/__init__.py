"""The reference platform: a durable receiver of a station's feed, in a process of its own.

    cloudevents.py         one event as it comes over the wire (pure)
    watermark.py           what a lane holds: watermark, early ranges, holes (pure)
    store.py               SQLite with FULL sync; a receipt is written only after its commit
    enrolment_store.py     claim tokens and enrolled stations, in the same file
    fault_modes.py         ways to misbehave, for tests and demonstrations
    receiver.py            /v1/events, /v1/ask, /v1/commands, as docs/feed.md says
    authority.py           a small certificate authority
    enrolment.py           /v1/claim, /v1/renew, and which station a certificate stands for
    signing_keys.py        the keys that commands are signed with
    command_issuer.py      commands to stations, right and wrong, and their outcomes
    page.py                the page for people and /api/… for tests
    commands_page.py       the page that sends commands
    app.py                 all of it, served
    command.py             `python -m gateway.demo.platform`

It is written from docs/feed.md and shares no code with the sender.
"""
