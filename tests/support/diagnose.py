"""Documents that say on their first line how they are compiled, and what vnetc says about them."""

from __future__ import annotations

import re
import shlex

from vnetc import check_text, compile_text
from vnetc.cli.arguments import parser
from vnetc.cli.documents import lines
from vnetc.model.diagnostics import Diagnostic
from vnetc.report import Report, render

_COMMAND = re.compile(r"# vnetc (compile.*)")


def diagnose(source: bytes | str, name: str = "host") -> tuple[Diagnostic, ...]:
    """Compile with the options of a first line `# vnetc compile …`, else check."""
    command = _COMMAND.fullmatch(_lines(source)[0])
    if command is None:
        return check_text(source, name=name)
    options = parser().parse_args([*shlex.split(command[1]), "-"])
    return compile_text(
        source,
        name=name,
        target=options.target,
        version=options.target_version,
        allow=options.allow,
        allow_hooks=options.allow_hooks,
    ).diagnostics


def rendered(source: bytes | str, filename: str, found: tuple[Diagnostic, ...]) -> str:
    """Write diagnostics as the command does without colour."""
    return render([Report(filename, _lines(source), found)], "full")


def _lines(source: bytes | str) -> list[str]:
    return lines(source if isinstance(source, bytes) else source.encode())
