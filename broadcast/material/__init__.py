"""What an order is made of: presets, phrase recordings, chimes and words in sequence."""
