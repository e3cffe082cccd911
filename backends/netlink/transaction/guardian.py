"""The guardian: a process of its own that undoes a change which nobody finishes.

The edge. It is forked before the first change and has in memory all that it needs: it works when
the terminal is closed, when apply is killed, when the disk hangs. It holds the lock, too, so that no
second apply begins while the first one may still be undone. It waits for apply to say that all is
done, and where apply goes without a word it undoes at once. Where somebody is to confirm the change
apply hands over to it, and it waits for him at a socket, until the time is up.

Not in a systemd scope of its own: what kills a whole cgroup (KillUserProcesses=, logind.conf(5), off in
Debian) kills it too, and `vnetc rollback` then finishes from the journal.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress

from vnetc.backends.netlink.transaction.outcome import Outcome
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn, Protocol

    class Work(Protocol):
        """What a guardian can do with a change."""

        def commit(self) -> None:
            """Keep the change. Raises `OSError`; it then is to be undone."""
            ...

        def undo(self) -> Outcome:
            """Undo the change, as far as that is possible."""
            ...


SOCKET, LOG = "guardian.sock", "guardian.log"
_PATIENCE = 5.0  # seconds that a client may take to say what it wants
_TICK = 1.0  # seconds between two looks at the clock: select(2) does not count sleep of the machine
_CREDENTIALS = struct.Struct("=iII")  # struct ucred: pid, uid, gid


class Gone(Exception):
    """The guardian does not answer."""


class Answer(Record, kw_only=False):
    """What a guardian says to one who confirms or rolls back."""

    result: str
    left: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def now() -> float:
    """Give the time that deadlines are told in: seconds since the boot, the machine's sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


# --- apply's side -----------------------------------------------------------------------------


class Guardian:
    """The guardian as apply sees it."""

    def __init__(self, control: socket.socket) -> None:
        """Keep the end of the connection to it."""
        self._control = control

    def dismiss(self) -> None:
        """Tell it that all is done or undone, and wait until it has gone and let go of the lock."""
        with suppress(OSError):
            self._control.sendall(b"done\n")
            self._control.recv(1)
        self._control.close()

    def hand_over(self, deadline: float) -> None:
        """Leave the change to it, until somebody confirms it. Raises `Gone`."""
        try:
            self._control.sendall(b"wait %r\n" % deadline)
            answer = self._control.recv(16)
        except OSError as error:
            raise Gone(str(error)) from None
        if answer != b"waiting\n":
            raise Gone("it was killed")
        self._control.close()


def listen(directory: str) -> socket.socket:
    """Open the socket that a change is confirmed at. Raises `OSError`."""
    path = os.path.join(directory, SOCKET)
    with suppress(FileNotFoundError):
        os.unlink(path)  # of a guardian that was killed: we hold the lock
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _short(directory) as place:
            listener.bind(place)
        os.chmod(path, 0o600)
        listener.listen(4)
    except BaseException:
        listener.close()
        raise
    return listener


@contextmanager
def _short(directory: str) -> Generator[str, None, None]:
    """Give a short way to the socket: unix(7) has room for 107 bytes, a namespace's name for 255."""
    folder = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)


def start(
    work: Work, id: str, directory: str, lock: int, listener: socket.socket | None
) -> Guardian:
    """Fork the guardian. Raises `OSError`."""
    ours, its = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        _become(work, id, directory, lock, listener, its)
    its.close()
    if listener is not None:
        listener.close()
    os.waitpid(child, 0)
    if ours.recv(16) != b"ready\n":
        ours.close()
        raise OSError("the guardian could not be started")
    return Guardian(ours)


# --- the guardian's side ----------------------------------------------------------------------


def _become(
    work: Work,
    id: str,
    directory: str,
    lock: int,
    listener: socket.socket | None,
    control: socket.socket,
) -> NoReturn:
    """Leave apply behind: its session, terminal, signals, files. Does not come back."""
    code = 1
    try:
        os.setsid()
        if os.fork() == 0:  # an orphan is nobody's to wait for or to stop
            _detach([lock, control.fileno(), *([] if listener is None else [listener.fileno()])])
            _Watch(work, id, directory, listener, control).run()
            os.close(lock)  # before the connection: apply takes its end for the end of the lock
        code = 0
    finally:
        os._exit(code)


def _detach(kept: list[int]) -> None:
    # handlers instead of SIG_IGN, which the programs that an undoing starts would inherit
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: None)
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    last = 2
    for fd in sorted(kept):
        os.closerange(last + 1, fd)
        last = fd
    os.closerange(last + 1, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")


class _Watch:
    def __init__(
        self,
        work: Work,
        id: str,
        directory: str,
        listener: socket.socket | None,
        control: socket.socket,
    ) -> None:
        self.work = work
        self.id = id
        self.directory = directory
        self.listener = listener
        self.control = control
        self.spared = _spare(b"-1000")

    def run(self) -> None:
        with suppress(OSError):
            self.control.sendall(b"ready\n")
        said = self.hear()
        if said == "done":
            return
        if not said.startswith("wait "):
            self.undo("apply was killed")
            return
        with suppress(OSError):
            self.control.sendall(b"waiting\n")
        self.control.close()
        try:
            self.wait(float(said.partition(" ")[2]))
        except Exception as error:  # noqa: BLE001 - a guardian must not leave its post
            self.log(f"a fault of vnetc itself: {type(error).__name__}: {error}")
            self.undo("the guardian cannot go on")

    def hear(self) -> str:
        """Wait for apply's word, an empty one if it is gone."""
        text = b""
        while not text.endswith(b"\n"):
            try:
                some = self.control.recv(64)
            except OSError:
                return ""
            if not some:
                return ""
            text += some
        return text.decode().strip()

    def wait(self, deadline: float) -> None:
        """Wait for somebody to confirm, or to roll back; roll back when the time is up."""
        assert self.listener is not None
        while (left := deadline - now()) > 0:
            if select.select([self.listener], [], [], min(left, _TICK))[0]:
                client, _ = self.listener.accept()
                with client:
                    if self.serve(client):
                        return
        self.undo("nobody confirmed in time")

    def serve(self, client: socket.socket) -> bool:
        """Do what a client asks for, and say so; tell whether that was the end."""
        client.settimeout(_PATIENCE)
        try:
            credentials = client.getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
            )
            request = client.recv(256).decode(errors="replace").split()
        except OSError:
            return False
        if _CREDENTIALS.unpack(credentials)[1] not in (0, os.geteuid()):
            return False
        answer = Answer("another change")
        if request == ["confirm", self.id]:
            answer = self.commit()
        elif request == ["rollback", self.id]:
            answer = self.undo("it was asked for")
        with suppress(OSError):
            client.sendall(_spoken(answer))
        return answer.result != "another change"

    def commit(self) -> Answer:
        try:
            self.work.commit()
        except Exception as error:  # noqa: BLE001 - whatever it is, the change is not kept
            answer = self.undo(f"it could not be kept: {error}")
            return Answer(answer.result, answer.left, (str(error), *answer.notes))
        self.log("confirmed")
        return Answer("kept")

    def undo(self, why: str) -> Answer:
        """Undo the change, and write down what came of it."""
        if self.spared:
            _spare(self.spared)  # programs that are started inherit it
        self.log(f"{why}: rolling back")
        try:
            outcome = self.work.undo()
        except BaseException as error:  # noqa: BLE001 - whatever it is, somebody must be told
            self.log(f"failed: {type(error).__name__}: {error}")
            return Answer("incomplete", notes=(f"{type(error).__name__}: {error}",))
        left = tuple(f"{step.action} {' '.join(step.key)}" for step in outcome.left)
        self.log(", ".join([outcome.result, *left, *outcome.notes]))
        return Answer(outcome.result, left, outcome.notes)

    def log(self, text: str) -> None:
        with (
            suppress(OSError),
            open(os.path.join(self.directory, LOG), "a", encoding="utf-8") as file,
        ):
            os.fchmod(file.fileno(), 0o600)
            file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {self.id[:8]} {text}\n")


def _spare(score: bytes) -> bytes:
    """Tell the kernel how gladly to kill us when memory is short; give what it was told before."""
    try:
        with open("/proc/self/oom_score_adj", "r+b", buffering=0) as file:
            before = file.read().strip()
            file.write(score)
            return before
    except OSError:
        return b""


def _spoken(answer: Answer) -> bytes:
    said = {"result": answer.result, "left": answer.left, "notes": answer.notes}
    return json.dumps(said).encode() + b"\n"


# --- the side of `vnetc confirm` and `vnetc rollback` -----------------------------------------


def ask(directory: str, what: str, id: str, seconds: float) -> Answer:
    """Tell the guardian of a change to keep or to undo it. Raises `Gone`."""
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with client:
        client.settimeout(seconds)
        try:
            with _short(directory) as place:
                client.connect(place)
            client.sendall(f"{what} {id}\n".encode())
            text = b""
            while some := client.recv(65536):
                text += some
        except OSError as error:
            raise Gone(str(error)) from None
    try:
        said: Any = json.loads(text)
    except ValueError:
        raise Gone("it gave no answer") from None
    return Answer(str(said["result"]), tuple(said["left"]), tuple(said["notes"]))
