"""The life of `station.toml` on a running station: changed by command or file, never half.

records.py      what is known of one change; pure
shelf.py        the files: the history, the texts, the change under way
starting.py     what a start finds, and puts right
cycle.py        checked → staged → applied → looked after → kept, or rolled back by itself
differences.py  what one text changes of another, key by key; pure
veil.py         texts as others may see them, without secrets
events.py       the event that tells a change; telling.py puts each into the journal once
kinds.py        the platform's commands `settings.read` and `settings.apply`
section.py      the API; page.py the page at the desk
alone.py        a change while no station runs; command.py `yizhan settings`
"""
