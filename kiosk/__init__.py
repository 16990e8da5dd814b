"""The kiosk: what residents touch, and what becomes of what they ask.

    catalogue.py  the services: data in `config/services/`
    options.py    `[kiosk.*]` and `[service.*]`
    request.py    what a request is, as the journal keeps it
    flows/        one transition table a family, and what moves it: ride, call, work order
    book.py       the open requests, bounded
    core.py       all of it together: presses, answers and time in; turns and effects out. Pure
    rides.py      what moves a ride; calls.py: a call; works.py: a work order, and what is promised
    dispatch.py   the roads by which a car is asked for; asker.py puts the question
    people.py     personal fields: masked, sealed, named by a token
    dictation.py  what somebody says instead of typing it
    speech/       what is said of every state
    keys.py       keys on the wall
    events.py     what goes into the feed
    room.py       the core in the running station; announcer.py says what becomes of requests
    session.py    where somebody is at a kiosk, and where a press leads. Pure
    screen.py     what stands on a screen, in millimetres; drawing/ one builder a screen. Pure
    terminal.py   one kiosk's screen in the running station
    screens.py    which kiosks have a living page; revival.py asks for a dead one's browser anew
    section.py    `/kiosk/`: the pages over it, for this machine alone
    api.py        `/api/v1/requests`

press ─► core ─► (a call for help rings) ─► journal ─► a car is asked for, a sentence is said
"""
