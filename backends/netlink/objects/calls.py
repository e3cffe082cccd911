"""Calls of programs, and the processes that run.

The edge. A program has a fixed search path and the C locale, no terminal and no more than 30
seconds; it works in the network namespace of this process, and what it prints comes back whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress

from vnetc.backends.netlink.objects.services import CLIENTS, Process
from vnetc.backends.netlink.store import Places
from vnetc.model.diagnostics import Path
from vnetc.model.record import Node, Record

LIMIT = 30.0  # seconds
_PATIENCE = 10.0  # seconds that a daemon may take to end
_TIMES = 5  # that it is asked to
SEARCH = "/usr/sbin:/usr/bin:/sbin:/bin"


class Machine(Record):
    """Where the programs and their files are; tests have their own."""

    places: Places = Places()
    search: str = SEARCH
    leases: str = "/var/lib/dhcp"  # of DHCP clients

    def path(self, path: str) -> str:
        """Give the place of a file of the host."""
        return os.path.join(self.places.root, path.lstrip("/"))


MACHINE = Machine()


class Problem(Node, kw_only=False):
    """What keeps a key of the document from being applied, found before anything is changed."""

    path: Path
    text: str
    code: str = "VN603"
    help: str = ""


class ProgramFailed(Exception):
    """A program did not do what it was told; `text` are its own words."""

    def __init__(self, text: str) -> None:
        """Keep what it said."""
        super().__init__(text)
        self.text = text


class Result(Record, kw_only=False):
    """How a program ended, and what it printed."""

    code: int
    output: str
    errors: str


def has(program: str, machine: Machine = MACHINE) -> bool:
    """Tell whether there is a program."""
    return any(
        os.access(os.path.join(folder, program), os.X_OK) for folder in machine.search.split(":")
    )


def call(
    words: Sequence[str],
    text: str = "",
    machine: Machine = MACHINE,
    environment: Mapping[str, str] | None = None,
) -> Result:
    """Run a program to its end, with `text` as its input. Raises `ProgramFailed` if it cannot be.

    Its output goes into memory and not into a pipe: a daemon that it leaves behind would keep the
    pipe open. In a session of its own it outlives the terminal.
    """
    import subprocess

    files = [os.memfd_create(name) for name in ("input", "output", "errors")]
    try:
        os.write(files[0], text.encode())
        os.lseek(files[0], 0, os.SEEK_SET)
        with subprocess.Popen(
            words,
            stdin=files[0] if text else subprocess.DEVNULL,
            stdout=files[1],
            stderr=files[2],
            env={"PATH": machine.search, "LC_ALL": "C", **(environment or {})},
            cwd="/",
            start_new_session=True,
        ) as process:
            try:
                code = process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise ProgramFailed(f"{words[0]} took more than {LIMIT:.0f} seconds") from None
        return Result(code, _content(files[1]), _content(files[2]))
    except FileNotFoundError:
        raise ProgramFailed(f"there is no {words[0]}") from None
    except OSError as error:
        raise ProgramFailed(f"{words[0]}: {error.strerror}") from None
    finally:
        for file in files:
            os.close(file)


def _content(file: int) -> str:
    size = os.fstat(file).st_size
    return os.pread(file, size, 0).decode(errors="replace")


def run(
    words: Sequence[str],
    text: str = "",
    machine: Machine = MACHINE,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program and give what it prints. Raises `ProgramFailed` if it fails, with its words."""
    result = call(words, text, machine, environment)
    if result.code != 0:
        said = " ".join((result.errors or result.output).split())
        raise ProgramFailed(f"{' '.join(words[:2])}: {said or f'exit code {result.code}'}")
    return result.output


# --- processes ------------------------------------------------------------------------------------

_CLIENTS = frozenset(client.process for client in CLIENTS.values())


def processes() -> Iterator[Process]:
    """Give the processes in this network namespace that may be looked at."""
    with os.scandir("/proc") as entries:
        numbers = [int(entry.name) for entry in entries if entry.name.isdigit()]
    for number in numbers:
        process = look_at(number)
        if process is not None:
            yield process


def look_at(number: int) -> Process | None:
    """Give a process, None if it is gone or in another network namespace."""
    folder = f"/proc/{number}"
    try:
        here = os.stat("/proc/thread-self/ns/net").st_ino
        if os.stat(f"{folder}/ns/net").st_ino != here:
            return None
        name = _read(f"{folder}/comm").strip()
        words = _read(f"{folder}/cmdline").split("\0")[:-1]
    except OSError:
        return None
    metric = ""
    with suppress(OSError):
        if name not in _CLIENTS:
            return Process(number, name, tuple(words))
        for entry in _read(f"{folder}/environ").split("\0"):
            if entry.startswith("IF_METRIC="):
                metric = entry.partition("=")[2]
    return Process(number, name, tuple(words), metric)


def _read(path: str) -> str:
    with open(path, "rb") as file:
        return file.read().decode(errors="replace")


def runs(name: str) -> bool:
    """Tell whether a daemon runs in this network namespace; the kernel keeps 15 letters of a name."""
    return any(process.name == name[:15] for process in processes())


def end(process: Process, by: str = "SIGTERM", helpers: Sequence[Process] = ()) -> None:
    """Ask a process to end by a signal, and wait until it has. Raises `ProgramFailed` if it does not.

    What is asked is the process that was looked at, and no later one of the same number: its
    descriptor is opened first, and then it must still be the same (pidfd_open(2)). It is asked
    again: dhcpcd 9 takes no notice of a signal while its hooks run. Its `helpers` end after it.
    """
    import signal

    with ExitStack() as opened:
        descriptor = _descriptor(process, opened)
        if descriptor is None:
            return
        found = (_descriptor(helper, opened) for helper in helpers)
        waited = [descriptor, *(number for number in found if number is not None)]
        for _ in range(_TIMES):
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(descriptor, signal.Signals[by])
            if all(map(_ends, waited)):
                return
        raise ProgramFailed(f"{process.name} ({process.pid}) does not end")


def _descriptor(process: Process, opened: ExitStack) -> int | None:
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    opened.callback(os.close, descriptor)
    return descriptor if look_at(process.pid) == process else None


def _ends(descriptor: int) -> bool:
    import select

    ended, _, _ = select.select([descriptor], [], [], _PATIENCE / _TIMES)
    return bool(ended)
