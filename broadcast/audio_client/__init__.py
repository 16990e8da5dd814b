"""The gateway's side of the audio process: found or started, kept, brought back."""
