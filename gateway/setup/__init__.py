"""The first setup pages, `/setup/`: from the box to a signed sheet of paper in fifteen minutes.

    contract.py   what a page needs from the station: its plan, changes, a search, a sound, papers
    draft.py      what a form asks for, as keys and values of `station.toml`; pure
    compare.py    whether the station's value and the meter's own display agree; pure
    records.py    who compared and heard what, and when by which clock; kept as state
    steps.py      how far the setup is, and what is still missing; pure
    view.py       what on the pages changes by itself
    desk.py       the handlers
    section.py    the routes

Nothing here writes settings: every change goes through the station's own life cycle, which checks
it, tries it, and takes it back by itself if something that worked works no more.
"""
