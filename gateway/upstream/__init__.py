"""The way to the platforms.

uplinks/     what a road is (`contract.py`) and one file a protocol
receipt.py   is this receipt one that we can believe? (pure)
retry.py     how long to wait after which fault (pure); the only place that decides it
window.py    how many entries a batch may have (pure)
loader.py    what goes next: new entries, and the ranges that were asked for again
poison.py    single events that a platform will not take
courier.py   carries some lanes, one batch at a time
sender.py    one follower to one uplink: a courier for the urgent lanes, one for the others
inbox/       the platform's commands
events.py    the kinds of event that all this makes
"""
