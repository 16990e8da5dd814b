"""The desk's request board: rides, calls and repairs in one list, heard until somebody takes them.

row.py      how one request is said: urgency, age, state
board.py    all open ones in order, the card and the needs of the desk's first screen
deeds.py    what staff may do to one, as forms; ten presses of a form are one act
past.py     what became of requests, read back from the journal
story.py    the same in words
section.py  the addresses
"""
