"""Inlets: the ports that the station opens for devices that send on their own."""
