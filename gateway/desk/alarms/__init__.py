"""The desk's alarms: what is open, what raised it, what was done, and what may be done.

row.py               an alarm in words: its pictogram, urgency, age, state
board.py             all open alarms in order; the card and the needs of the first screen
detail_view.py plot.py    one alarm: place, state, the curve that raised it
condition_text.py    what a watch waits for, in a sentence
history.py history_view.py    past alarms, escalations and actions, from the journal
watch_list.py        what each rule watches, when it last looked, why it waits
desk_ring.py         a linkage's call to the desk
actions.py bodies.py confirmation.py    what a person may do, by form and by API
api_model.py section.py    the API's data, the addresses
"""
