"""Network devices: their kinds and options, what a document wants of them, and what changes them."""
