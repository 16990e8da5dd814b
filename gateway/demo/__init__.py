"""The demo: emulated devices, a reference platform and the real station, each its own process."""
