"""Requests in the running station: the service over the engine, wall keys, linkages and the API."""
