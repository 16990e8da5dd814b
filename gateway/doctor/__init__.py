"""The doctor: what is wrong with a station, and what to do about it.

`model/` holds the facts and the findings, `checks/` one pure function for each check; `probes.py`
asks the machine, `settings_facts.py` reads the settings, `gateway/station/doctor.py` asks the
running station. The command, the page at the desk and the platform's events show the same findings.
"""
