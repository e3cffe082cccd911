"""The running kernel: its state over netlink, the steps to the one a document wants, and back."""
