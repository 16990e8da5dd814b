"""The demo's field: emulated lines and devices, and the panel on which they are broken."""
