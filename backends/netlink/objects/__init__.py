"""The classes of objects that a kernel and its programs hold, one in each file."""
