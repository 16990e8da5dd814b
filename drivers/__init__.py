"""Drivers of the field: usable with no gateway; they import nothing of it."""
