"""The broadcast: what the community hears (no room is built here yet)."""
