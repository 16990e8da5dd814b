"""The kiosk: what residents touch, and what becomes of what they ask.

    requests/       what a request is, how it is stored and moved; services, settings
    speech/         the sentences of every state, and what announces them
    runtime/        requests in the running station: service, effects, wall keys, API
    screen/         a kiosk's screen: session, pages, controller, the routes of `/kiosk/`
    desk/           the board of requests at the staff's desk, and the command line
    request_types/  one folder a type, found by `requests/request_type.py`

A room may import the ones above it; `request_types/` imports all of them and none imports it.

press ─► engine ─► (a call for staff rings) ─► journal ─► a car is asked for, a sentence is said
"""
