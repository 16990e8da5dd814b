"""The way to the platforms.

uplinks/    what an uplink is (`contract.py`), how one is added (`kind.py`), and one file a protocol
feed/       events up, in order, until the platform's receipt
inbox/      the platform's commands
enrolment/  the station's certificate, bought with a one-time token and renewed
"""
