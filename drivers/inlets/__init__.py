"""Inlets: the ports that the station opens for devices that speak on their own."""
