"""vnetc: one YAML document says what a host's networks are; this compiles it to what a target reads.

>>> import vnetc
>>> output = vnetc.compile_text("{version: 1, interfaces: {eth0: {dhcp4: true}}}", target="networkd")
>>> [file.path for file in output.files]
['/etc/systemd/network/05-eth0.network']

Everything here is pure: the same text gives the same bytes, whatever the machine, user or clock.
"""

from __future__ import annotations

from vnetc._version import __version__

TYPE_CHECKING = False

if TYPE_CHECKING:
    from vnetc.backends.target import File, Output
    from vnetc.model.diagnostics import Diagnostic, Label, Span
    from vnetc.model.host import Host
    from vnetc.pipeline import check_text, compile_text, load_host

__all__ = [
    "Diagnostic",
    "File",
    "Host",
    "Label",
    "Output",
    "Span",
    "__version__",
    "check_text",
    "compile_text",
    "load_host",
]

_HOME = {
    "Diagnostic": "vnetc.model.diagnostics",
    "File": "vnetc.backends.target",
    "Host": "vnetc.model.host",
    "Label": "vnetc.model.diagnostics",
    "Output": "vnetc.backends.target",
    "Span": "vnetc.model.diagnostics",
    "check_text": "vnetc.pipeline",
    "compile_text": "vnetc.pipeline",
    "load_host": "vnetc.pipeline",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `vnetc --version` needs none of them."""
    if name not in _HOME:
        raise AttributeError(f"module 'vnetc' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
