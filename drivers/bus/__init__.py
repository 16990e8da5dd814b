"""The polled bus: one actor per port or gateway, its sole owner.

Request order, inter-frame silence, timeouts, back-off and statistics are implemented here, once.
"""
