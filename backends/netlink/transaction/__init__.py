"""A change of the running kernel as a whole: the record, the journal, the guardian, and the way back."""
