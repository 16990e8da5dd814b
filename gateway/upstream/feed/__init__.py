"""The feed: events up to a platform, in order, until its receipt.

receipt.py     is this receipt one that we can believe? (pure)
retry.py       how long to wait after which fault (pure); the only place that decides it
window.py      how many entries a batch may have (pure)
throughput.py  what the road carries: bytes of a batch, batches at once, time-outs (pure)
spans.py       sets of numbers of one lane (pure)
load.py        what travels together
loader.py      what goes next: new entries, and the ranges that were asked for again
flight.py      the batches under way, and which of them make room for an alarm
poison.py      single events that a platform will not take
settlement.py  what a receipt moves
route.py       what the couriers of one uplink share
courier.py     carries some lanes, batch by batch
sender.py      one follower to one uplink: a courier for the urgent lanes, one for the others
events.py      the kinds of event that this makes
"""
