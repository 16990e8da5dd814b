"""The kiosk: what residents touch (no room is built here yet)."""
