"""The buses of devices that are not polled: one kind for each other shape of driver."""
