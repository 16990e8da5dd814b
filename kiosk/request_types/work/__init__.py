"""A work order: something is broken, and somebody mends it."""
