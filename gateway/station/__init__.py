"""The composition root: it alone knows every room, and puts the running station together."""
