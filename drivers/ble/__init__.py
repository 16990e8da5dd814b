"""Bluetooth sensors that broadcast: BTHome v2, MiBeacon, iBeacon and Eddystone."""
