"""Uplinks: connections to a platform, one file or package a protocol.

contract.py       what an uplink is, and what it brings back
kind.py           how a kind of uplink declares itself
registry.py       finds the kind that serves an address
options.py        what every `[upstream.<name>]` may say
credential.py     the secret behind a credential's name
platform_tls.py   TLS by the station's clock
late_uplink.py    an uplink that opens once its files can be used
http/             HTTP, the product's own
"""
