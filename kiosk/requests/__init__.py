"""What residents have asked for: how it is kept, what moves it, and who is told."""
