"""A ride: a car is called, by a platform, a dispatcher or the desk."""
