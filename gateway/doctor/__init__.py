"""The doctor: what is wrong with a station, and what to do about it.

finding.py   what it says: one line about one thing, good, warn, bad or not to be looked at
facts.py     what it looks at; gather.py asks the machine, written.py reads the settings,
and the station tells of itself (`gateway/station/doctor.py`)
checks/      one small pure function a check; `checks.examine` asks them all
told.py      one finding in words, for all three readers
report.py    for a terminal; command.py is `yizhan doctor`
section.py   for the desk: `/desk/health`, the card, the board's rows, the API
telling.py   for the platform: an event (events.py) on loss and one on return
"""
