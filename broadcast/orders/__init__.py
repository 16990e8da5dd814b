"""Orders: their records, states, requests, events and schedules."""
