"""`yizhan doctor --bundle`: one file for whoever helps, without anybody's personal data in it.

scrub.py     takes persons, secrets and comments out of any text; pure
contents.py  what lies in the file, each page gathered and scrubbed
pack.py      the file itself

Two barriers: nothing personal is asked for in the first place (no request, no audit, no name of
an account, no comment), and whatever was gathered goes through the scrubber all the same.
"""
