"""`python -m vnetc`."""

from vnetc.cli import start

start()
