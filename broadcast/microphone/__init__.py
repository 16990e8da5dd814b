"""Live speech: microphones, their streams and frames, and the way to the loudspeakers."""
