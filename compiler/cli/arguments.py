"""The argument tree."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from vnetc._version import __version__
from vnetc.backends import REGISTRY
from vnetc.report import FORMATS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_EPILOG = "exit codes: 0 nothing to report, 1 findings or changes, 2 could not run"
_EPILOGS = {
    "apply": "exit codes: 0 done, 1 failed and rolled back, 2 refused before any change, "
    "3 rollback incomplete",
    "confirm": "exit codes: 0 kept, 2 nothing was kept",
    "rollback": "exit codes: 0 done, 2 refused before any change, 3 incomplete",
}


class _Formatter(argparse.HelpFormatter):
    """Formats help to one width everywhere; to ask for the terminal's argparse imports shutil."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=78)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        """Give `--option, -o VALUE`, as Python 3.13 does; before it the value came twice."""
        if not action.option_strings or action.nargs == 0:
            return super()._format_action_invocation(action)
        default = self._get_default_metavar_for_optional(action)
        return f"{', '.join(action.option_strings)} {self._format_args(action, default)}"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and where the right ones are told."""
        self.exit(2, f"error: {message}\n  = help: `{self.prog} --help` lists the options\n")


def parser() -> argparse.ArgumentParser:
    """Build the tree of commands and options."""
    root = _Parser(
        prog="vnetc",
        description="Compile one YAML document about a host's networks to what its system reads.",
        epilog=_EPILOG,
        formatter_class=_Formatter,
    )
    root.add_argument("--version", "-V", action="version", version=f"vnetc {__version__}")
    commands = root.add_subparsers(dest="command", metavar="COMMAND", required=True, prog="vnetc")
    for name, help, fill in _COMMANDS:
        fill(
            commands.add_parser(
                name,
                help=help,
                description=help[0].upper() + help[1:] + ".",
                epilog=_EPILOGS.get(name, _EPILOG),
                formatter_class=_Formatter,
            )
        )
    return root


def _documents(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "paths",
        metavar="PATH",
        nargs="+",
        help="documents; a directory stands for its *.vnet.yaml and vnet.yaml files, `-` for "
        "standard input",
    )
    command.add_argument(
        "--stdin-filename", metavar="NAME", help="what to call the document on standard input"
    )


def _targets(
    command: argparse.ArgumentParser,
    help: str = "the target (default: the one the document names)",
    *,
    without: str = "",
    allowed: str = "what the target cannot express",
) -> None:
    names = [name for name in REGISTRY if name != without]
    command.add_argument("--target", "-t", choices=names, help=help)
    command.add_argument(
        "--target-version",
        metavar="VERSION",
        help="the version of the target's program, or an operating system that has it: debian-13, "
        "ubuntu-24.04, proxmox-9, … (default: debian-12)",
    )
    command.add_argument(
        "--allow",
        metavar="CODE",
        action="append",
        default=[],
        help=f"take this code as a warning, and leave out {allowed}",
    )
    command.add_argument(
        "--allow-hooks", action="store_true", help="let the document's raw commands through"
    )


def _rendering(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--output-format",
        choices=list(FORMATS),
        help="how to report findings (default: full; github in GitHub Actions)",
    )
    command.add_argument(
        "--color", choices=["auto", "always", "never"], default="auto", help="colour of reports"
    )


def _reporting(command: argparse.ArgumentParser) -> None:
    _rendering(command)
    command.add_argument(
        "--strict", action="store_true", help="exit with 1 for warnings as for errors"
    )
    command.add_argument("--exit-zero", action="store_true", help="exit with 0 whatever is found")


def _check(command: argparse.ArgumentParser) -> None:
    _documents(command)
    _targets(command)
    _reporting(command)


def _compile(command: argparse.ArgumentParser) -> None:
    _documents(command)
    _targets(command)
    command.add_argument(
        "--output",
        "-o",
        metavar="DIR",
        help="write the files below DIR, those of several documents below DIR/<host>",
    )
    command.add_argument(
        "--check", action="store_true", help="write nothing, exit with 1 if DIR would change"
    )
    command.add_argument(
        "--diff",
        action="store_true",
        help="write nothing, show how DIR would change, with `***` in the place of secrets",
    )
    command.add_argument(
        "--show-secrets", action="store_true", help="show secrets in --diff, which then is a patch"
    )
    command.add_argument(
        "--format", choices=["text", "json"], default="text", help="how to print files without -o"
    )
    _reporting(command)


def _namespace(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--netns",
        metavar="NAME",
        help="work in this network namespace of ip-netns(8) (default: where the command runs)",
    )


def _document(command: argparse.ArgumentParser) -> None:
    """Add what a command takes that works on one document and the running kernel."""
    command.add_argument(
        "paths", metavar="PATH", nargs=1, help="the host's document; `-` for standard input"
    )
    command.add_argument(
        "--stdin-filename", metavar="NAME", help="what to call the document on standard input"
    )
    _namespace(command)
    command.add_argument(
        "--adopt",
        action="store_true",
        help="take over what the document names and vnetc did not make",
    )
    command.add_argument(
        "--prune-foreign",
        action="store_true",
        help="also remove addresses, routes and neighbours of the document's interfaces that it does "
        "not name, whoever made them",
    )
    _rendering(command)
    command.set_defaults(strict=False, exit_zero=False)


_NOT_APPLIED = "what the kernel cannot express (VN5xx), or what there is no program for (VN607)"


def _planning(command: argparse.ArgumentParser) -> None:
    _document(command)
    command.add_argument(
        "--allow",
        metavar="CODE",
        action="append",
        default=[],
        help=f"take this code as a warning, and leave out {_NOT_APPLIED}",
    )
    command.add_argument(
        "--format", choices=["full", "json"], default="full", help="how to print what differs"
    )
    command.set_defaults(target=None, target_version=None, allow_hooks=False)


def _apply(command: argparse.ArgumentParser) -> None:
    _document(command)
    help = "also install this target's files, for the next boot (default: none)"
    _targets(command, help, without="netlink", allowed=_NOT_APPLIED)
    command.add_argument(
        "--confirm-within",
        metavar="TIME",
        help="undo the change unless `vnetc confirm` is run in time: seconds, or 90s, 2m, 1h",
    )
    command.add_argument(
        "--probe",
        metavar="PROBE",
        action="append",
        default=[],
        help="what must answer after the change, or it is undone: ping:ADDRESS, tcp:ADDRESS:PORT, "
        "none (default: the default gateways that answer before)",
    )
    command.add_argument(
        "--yes",
        action="store_true",
        help="apply even if this may cut off the SSH session that it is started from",
    )


def _explain(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "codes", metavar="CODE", nargs="*", help="a code like VN301 (default: list all)"
    )


def _support(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "names", metavar="TARGET", nargs="*", help="targets to show (default: all)"
    )
    command.add_argument(
        "--format", choices=["text", "json", "markdown"], default="text", help="how to print it"
    )


def _schema(command: argparse.ArgumentParser) -> None:
    del command  # it has no options


_COMMANDS: Sequence[tuple[str, str, Callable[[argparse.ArgumentParser], None]]] = (
    ("check", "say all that is wrong with documents", _check),
    ("compile", "write or print a target's files", _compile),
    ("plan", "say what `apply` would change, and which line wants it", _planning),
    ("apply", "make the running kernel what a document says, or leave it as it is", _apply),
    ("confirm", "keep what `apply --confirm-within` has changed", _namespace),
    ("rollback", "go back to the state before the last `apply`", _namespace),
    ("drift", "show where the running kernel differs from a document", _planning),
    ("explain", "explain a code, with an example and its correction", _explain),
    ("targets", "show what each target can express, and how", _support),
    ("schema", "print the JSON Schema of the language, for editors", _schema),
)
