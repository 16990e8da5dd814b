"""The station as an appliance: installed, checked, searched, doctored; its settings as a whole.

    schema.py    the sections of `station.toml`, and what comes out of them
    load.py      reads the file: every room's options, every mistake
    devices.py   `[device.*]`: common options, the family's own, the profile
    fit.py       whether devices and buses fit, and what the wire can carry
    outlook.py   what the station would do: load of each bus, days of outage
    editor.py    the JSON Schema for editors
    check.py     the command
    install/     a machine becomes a station, and is given back
    doctor/      what is wrong, and what to do about it
    settings/    a change: checked, tried, kept or taken back

No room below knows the whole file; what is wrong only between two sections is found here.
"""
