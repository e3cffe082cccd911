"""The state of a kernel, written down so that two of them can be compared."""
