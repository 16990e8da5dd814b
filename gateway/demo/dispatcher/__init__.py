"""A dispatcher of cars, as docs/dispatch.md says, that misbehaves on request.

    office.py    the rides, and what is answered to which question
    app.py       `/v1/ask` for stations, a page and buttons for people

`python -m gateway.demo.dispatcher --port 9082`. Written from the document, not from the station's
code.
"""
