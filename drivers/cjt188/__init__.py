"""CJ/T 188-2004 and 2018: meters of water, gas and heat, and their valves."""
