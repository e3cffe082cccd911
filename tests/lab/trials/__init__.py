"""What is tried beside the plain comparison: lies, reloads, faults, transitions, programs that only read."""
