"""The version, alone in a file so that `vnetc --version` imports nothing else."""

__version__ = "0.2.0"
