"""Ways to flip a switch of a target: over its HTTP operator API, or in memory for tests."""
