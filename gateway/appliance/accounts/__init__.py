"""`yizhan accounts`."""
