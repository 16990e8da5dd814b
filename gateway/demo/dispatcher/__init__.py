"""A dispatcher of cars, as docs/dispatch.md says, that misbehaves on request.

    rides.py     the rides, and the answer to each question (pure)
    http.py      the same over HTTP and in time: silent, late, drivers who come by themselves
    app.py       `/v1/ask` for stations, a page and buttons for people

`python -m gateway.demo.dispatcher --port 9082`. Written from the document, not from the station's
code.
"""
