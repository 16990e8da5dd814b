"""The audio process: a clock of 20 ms, a mixer, and what the gateway says to it."""
