"""Changing `station.toml` of a running station: by command, page or file, never half.

`lifecycle.py` has the states of a change, `history.py` its files, `startup.py` and `fallback.py`
what a start finds; `section.py` and `page.py` are the API and the desk's page, `command.py` is
`yizhan settings`, `platform_commands.py` what the platform may do.
"""
