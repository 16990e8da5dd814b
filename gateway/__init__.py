"""Yizhan 驿站: the gateway of a community station."""

__version__ = "0.2.0"
