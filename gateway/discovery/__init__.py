"""Finding stations on the network: DNS-SD over multicast DNS (RFC 6762, RFC 6763).

Two services: `_yizhan._tcp` for our own tools, `_http._tcp` for any browser of services.
"""
