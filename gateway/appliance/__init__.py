"""The station as an appliance: its settings file as a whole, and `yizhan check`.

    schema.py    the sections of `station.toml`, and what comes out of them
    load.py      reads the file: every room's options, every mistake
    devices.py   `[device.*]`: common options, the family's own, the profile
    fit.py       whether devices and buses fit, and what the wire can carry
    outlook.py   what the station would do: load of each bus, days of outage
    editor.py    the JSON Schema for editors
    check.py     the command

No room below knows the whole file; what is wrong only between two sections is found here.
"""
