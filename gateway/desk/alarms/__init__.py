"""The desk's alarms: what is open, what raised it, what was done about it, and what may be done.

row.py       how an alarm is said: its pictogram, urgency, age, state
board.py     all open alarms in order; the card and the needs of the desk's first screen
one.py       one alarm: place, plot, state
meaning.py   what a watch waits for, in a sentence
plot.py      the curve that raised it, its limit, where it was crossed
past.py      alarms, escalations and linkages' actions read back from the journal
story.py     the past in words
watches.py   what each rule watches, when it last looked, why it waits
calls.py     a linkage's call to the desk
acts.py      what a person may do, by form and by API
section.py   the addresses
"""
