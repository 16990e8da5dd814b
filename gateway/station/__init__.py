"""The composition root: builds the running station from all rooms, starts it and stops it."""
