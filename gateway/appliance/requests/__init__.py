"""`yizhan requests`."""
