"""Live speech: a microphone's stream, its frames, and who may speak where."""
