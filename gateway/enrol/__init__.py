"""`yizhan enrol`.

desk.py      what it does: claim, look, and what the installer must still do
command.py   what it prints
"""
