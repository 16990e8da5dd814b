"""Finding unknown devices on a line: by reads only, the cheapest first.

    probe.py          how the devices of a family are searched for (its `scan.py`)
    scan_plan.py      which probes, in which order, and how long that takes
    evidence.py       whether values fit what a model says they are
    line_scan.py      the scan itself, over one link
    model_match.py    which model a device is
    profile_trial.py  one profile tried on one device

A family takes part with a `scan.py` that offers `SCANNER`; nothing here needs to be edited.
"""
