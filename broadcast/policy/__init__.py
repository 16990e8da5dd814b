"""What may sound: the guard, quiet hours, the arbiter, public warnings (CAP)."""
