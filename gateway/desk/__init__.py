"""The desk: its first screen, made of every room's card, and the audit pages.

- need_order.py        what needs a person, of all rooms, in order
- clock_question.py    "现在是 14:05 吗？": what is asked, and what an answer means
- home_view.py         everything on the first screen that changes
- audit_page.py        acts as people read them
- section.py           the pages
"""
