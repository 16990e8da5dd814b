"""The audio process: a clock of 20 ms, a mixer, and the loudspeakers."""
