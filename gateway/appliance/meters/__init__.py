"""`yizhan meters`."""
