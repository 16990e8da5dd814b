"""Finding out what is on a line that nobody has written down: reads only, the cheapest first.

    asking.py    what a family knows of being searched for (its `scan.py` says it)
    plan.py      what to ask, in which order, and how long that takes
    evidence.py  whether values look like what a model says they are
    search.py    the search itself, over one link
    match.py     which model a device is

A family takes part by a `scan.py` with `SCANNER`; nothing here is edited for it.
"""
