"""What places orders by itself: wall keys, linkages, schedules, the platform's commands."""
