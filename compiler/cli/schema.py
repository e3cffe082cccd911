"""`vnetc schema`."""

from __future__ import annotations

import sys
from argparse import Namespace

from vnetc.cli import NOTHING
from vnetc.schema import schema_text


def run(options: Namespace) -> int:
    """Print the schema as it is shipped."""
    del options
    sys.stdout.write(schema_text())
    return NOTHING
