"""A call for staff: it rings until somebody answers."""
