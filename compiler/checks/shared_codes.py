"""The codes that more than one subject raises, by what they mean: a code is raised in one file.

All others stand in the file of their subject.
"""

from __future__ import annotations

from functools import partial

from vnetc.model.diagnostics import diagnostic

out_of_range = partial(diagnostic, "VN105")
malformed = partial(diagnostic, "VN106")
mismatched_keys = partial(diagnostic, "VN112")
declared_twice = partial(diagnostic, "VN206")
outside_subnet = partial(diagnostic, "VN301")
no_host_address = partial(diagnostic, "VN303")
overlapping = partial(diagnostic, "VN305")
mixed_families = partial(diagnostic, "VN315")
