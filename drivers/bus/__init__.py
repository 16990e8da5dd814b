"""The bus: one actor a port or gateway, its sole owner.

What talks to the field exists here once: order, silence, time-outs, back-off, statistics.
"""
