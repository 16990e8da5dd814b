"""What runs the devices that are not polled: one kind of bus for each other shape of driver."""
