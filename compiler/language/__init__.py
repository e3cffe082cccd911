"""The language: from bytes to a tree with positions, to data that fits the schema, to the model."""
