"""The feed: events up to a platform, in order, until its receipt.

receipt.py           validates a receipt against what was sent and issued (pure)
retry.py             the delay after each kind of failure; the only place that decides it (pure)
batch_window.py      how many entries a batch may have (pure)
batch_rate_limit.py  how often readings leave (pure)
throughput.py        what the link carries: bytes a batch, batches at once, time-outs (pure)
number_ranges.py     sets of sequence numbers of one lane (pure)
batch_load.py        the entries of one batch, and ranges that are sent again
batch_source.py      chooses the next batch: new entries, and ranges that were requested again
in_flight.py         the batches in flight, and which of them yield to an alarm
poison.py            single events that a platform rejects
settlement.py        applies a receipt
retention.py         what a transported batch lets the journal delete
uplink_route.py      what the lane senders of one uplink share
lane_sender.py       sends some lanes, batch by batch
sender.py            one follower to one uplink: a lane sender for urgent lanes, one for the others
uplink_status.py     the state of one uplink, for pages and the log
first_done.py        waits for the first of several coroutines
events.py            the kinds of event that this makes
"""
