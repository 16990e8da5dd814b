"""A dispatcher of cars, as docs/dispatch.md says, that misbehaves on request.

    office.py    the rides, and what is answered to which question
    counter.py   the same in time: silent, late, and drivers who come by themselves
    app.py       `/v1/ask` for stations, a page and buttons for people

`python -m gateway.demo.dispatcher --port 9082`. Written from the document, not from the station's
code.
"""
