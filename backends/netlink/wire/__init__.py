"""Netlink itself: sockets, messages as bytes, and the words of the kernel's headers."""
