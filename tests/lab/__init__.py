"""The lab: real renderers on a real kernel, in namespaces of their own (tests/lab/README.md)."""
