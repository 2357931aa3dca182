"""The three surfaces: web admin, mobile web and desktop, each a process with a flag of its own in its environment."""
