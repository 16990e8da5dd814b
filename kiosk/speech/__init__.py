"""What is said of requests: the sentences of every state, and what announces them."""
