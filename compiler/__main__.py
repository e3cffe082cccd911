"""`python -m vnetc`."""

import sys

from vnetc.cli import main

sys.exit(main())
