"""The settings as a whole: their types, how they are read and checked, what they would do.

`schema.py` assembles the sections from the rooms that own them. No room below knows the whole file,
so what is wrong only between two sections is found here.
"""
