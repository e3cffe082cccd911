"""What a document says that the kernel must hold, in the words of states/state.py."""
