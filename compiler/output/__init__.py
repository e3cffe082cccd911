"""What is written below a directory, safely: trees of files, and how they differ."""
