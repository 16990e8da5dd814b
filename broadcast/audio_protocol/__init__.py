"""What the gateway and the audio process say to each other."""
