"""What a host's networks are, free of any target's words: immutable records, and what is said of them."""
