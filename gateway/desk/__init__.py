"""The desk: its first screen, made of every room's card, and the record of who did what.

- board.py    what needs a person, of all rooms, in order
- ask.py      "现在是 14:05 吗？": what is asked, and what an answer means
- view.py     everything on the first screen that changes
- record.py   acts as people read them
- section.py  the pages
"""
