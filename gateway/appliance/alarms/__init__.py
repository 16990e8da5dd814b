"""`yizhan alarms`."""
