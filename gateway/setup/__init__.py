"""The setup pages, `/setup/`: from the box to a signed acceptance sheet in fifteen minutes.

`ports.py` says what the pages need from the station; `toml_changes.py`, `meter_check.py` and
`steps.py` are pure. Nothing here writes settings: every change goes through the station's life
cycle, which checks it, tries it, and rolls it back if something stops working.
"""
