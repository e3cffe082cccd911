"""The way out of what must not begin."""

from __future__ import annotations

from vnetc.model.diagnostics import Diagnostic, Path, diagnostic


class Refused(Exception):
    """Nothing was changed, and this is why."""

    def __init__(self, *diagnostics: Diagnostic) -> None:
        super().__init__(*(found.message for found in diagnostics))
        self.diagnostics = diagnostics


def refusal(code: str, message: str, *, path: Path = (), help: str = "") -> Refused:
    """Make a refusal of one reason."""
    return Refused(diagnostic(code, message, path, "key", help=help))
