"""What the demo's programs share."""
