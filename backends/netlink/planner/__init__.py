"""From the current state of a kernel to the desired one: the steps of a plan, in their order."""
