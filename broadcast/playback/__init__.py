"""Playing orders: whose turn it is, what the audio process is told, how orders end."""
