"""Device search: `yizhan scan` and `yizhan profile`."""
