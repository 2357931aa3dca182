"""What is drilled, and the ports through which a drill touches it."""
