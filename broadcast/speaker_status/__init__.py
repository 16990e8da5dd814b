"""What the gateway knows of its loudspeakers and sets on them: tests, faults, volume, the API."""
