"""Scenarios: hosts around the host under test that talk, and what must come of it.

A scenario is data (tests/lab/traffic/*.yaml, README.md says how to write one):

    hosts: name -> what it is plugged into and what it has
    steps: what happens, in order, and what must be seen
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from . import sandbox
from .sandbox import LabError, Namespace, Sandbox

Step: TypeAlias = Mapping[str, Any]

PATIENCE = 20.0  # seconds for an answer that must come
IMPATIENCE = 1.0  # for one that must not; on one machine an answer takes milliseconds

_SERVER = """
import http.server, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        client = self.client_address[0].removeprefix("::ffff:")
        self.wfile.write(f"{sys.argv[1]} sees {client}".encode())
class Server(socketserver.ThreadingTCPServer):  # not HTTPServer, which asks the DNS for its name
    address_family = 10  # AF_INET6, and IPv4 too
Server(("", int(sys.argv[2])), Handler).serve_forever()
"""
_CLIENT = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())
"""


class World:
    """The hosts of a scenario. Those behind network cards are there before the host boots."""

    def __init__(self, box: Sandbox, scenario: Mapping[str, Any]) -> None:
        """Plug in what is behind the network cards."""
        self.box = box
        self.said: Mapping[str, Step] = scenario["hosts"]
        self.steps: Sequence[Step] = scenario["steps"]
        self.hosts: dict[str, Namespace] = {"host": box, "wire": box.wire}
        for name, said in self.said.items():
            if "card" in said:
                self.hosts[name] = self._behind_card(name, said)
        for name in self.hosts.keys() & self.said.keys():
            self._configure(name)

    def play(self) -> list[str]:
        """Add the guests, go through the steps; give a line for each that went wrong."""
        for name, said in self.said.items():
            if "bridge" in said:
                self.hosts[name] = self.box.guest(name, said["bridge"], said["macaddress"])
                self._configure(name)
        for name in self.said:
            if "dhcp" in self.said[name]:
                self._ask_for_address(name)
        for name, said in {"host": {"serves": 80}, **self.said}.items():
            if "serves" in said:
                self._serve(name, said["serves"])
        failures: list[str] = []
        for number, step in enumerate(self.steps, 1):
            (verb,) = step.keys() & VERBS.keys()
            for failure in VERBS[verb](self, step):
                failures.append(f"step {number}, {verb}: {failure}")
        return failures

    def address_of(self, name: str) -> str:
        """Give the IPv4 address of a host's card."""
        shown = self.hosts[name].read("ip", "-4", "-brief", "address", "show", "scope", "global")
        found = re.search(r"([0-9.]+)/", shown)
        return found[1] if found else "no address"

    def fill(self, text: str) -> str:
        """Put addresses in the place of `{name}`."""
        return re.sub(r"\{([a-z0-9-]+)\}", lambda m: self.address_of(m[1]), text)

    def _behind_card(self, name: str, said: Step) -> Namespace:
        """Add a host that has the other end of a card's cable, or one VLAN of it, as `eth0`."""
        namespace = self.box.namespace(name)
        card, vlan = said["card"], said.get("vlan")
        moved = card
        if vlan is not None:
            moved = f"{card}.{vlan}"
            self.box.wire.ip(f"link add link {card} name {moved} type vlan id {vlan}")
        # by its process: a name would be looked for in the other namespace's /run
        self.box.wire.ip(f"link set dev {moved} netns {name}")
        namespace.ip(f"link set dev {moved} name eth0", "link set dev eth0 up")
        return namespace

    def _configure(self, name: str) -> None:
        said = self.said[name]
        lines = []
        for address in said.get("addresses", ()):
            device = "" if " dev " in address else " dev eth0"
            lines.append(f"address add {address}{device}" + " nodad" * (":" in address))
        lines += [f"route add {route}" for route in said.get("routes", ())]
        if lines:
            self.hosts[name].ip(*lines)

    def _ask_for_address(self, name: str) -> None:
        """Run a guest's DHCP client; `duid`: it names itself by more than its MAC address."""
        files = ["-lf", f"/run/{name}.leases", "-pf", f"/run/{name}.pid"]
        identity = ["-i"] if self.said[name]["dhcp"] == "duid" else []
        client = ["dhclient", "-4", "-1", "-v", *identity, *files, "eth0"]
        self.hosts[name].run(*client, log=f"{name}.dhclient.log")

    def _serve(self, name: str, port: int) -> None:
        """Start a server that answers `<name> sees <address of the client>`."""
        host = self.hosts[name]
        host.start("python3", "-c", _SERVER, name, str(port), log="servers.log")
        await_(lambda: bool(fetch(host, f"127.0.0.1:{port}", 1.0)), f"the server of {name}")


def await_(holds: Callable[[], bool], what: str, patience: float | None = None) -> None:
    """Wait until something holds. Raises `LabError` that names `what` did not come."""
    limit = sandbox.LIMIT if patience is None else patience
    end = time.monotonic() + limit
    while not holds():
        if time.monotonic() > end:
            raise LabError(f"{what} did not come within {limit:.0f} s")
        time.sleep(0.1)


def fetch(client: Namespace, server: str, patience: float) -> str:
    """Give what a server (`address:port`) answers, nothing if it does not."""
    return client.read("python3", "-c", _CLIENT, f"http://{server}/", str(patience)).strip()


# --- steps --------------------------------------------------------------------------------------


def _fetch(world: World, step: Step) -> list[str]:
    """`{fetch: address:port, from: host, answer: text}`; `answer: none`: there must be none."""
    to, wanted = world.fill(step["fetch"]), world.fill(step["answer"])
    patience = IMPATIENCE if wanted == "none" else PATIENCE
    got = fetch(world.hosts[step["from"]], to, patience) or "none"
    return [] if got == wanted else [f"{step['from']} -> {to}: `{got}`, not `{wanted}`"]


def _ping(world: World, step: Step) -> list[str]:
    """`{ping: address, from: host, answer: true}`."""
    to = world.fill(step["ping"])
    tries = 1 + int(PATIENCE / IMPATIENCE) * step["answer"]
    command = ["ping", "-n", "-c1", f"-W{IMPATIENCE}", *step.get("options", "").split(), to]
    got = any(" 1 received" in world.hosts[step["from"]].read(*command) for _ in range(tries))
    return [] if got == step["answer"] else [f"{step['from']} -> {to}: {got}"]


def _run(world: World, step: Step) -> list[str]:
    """`{run: command, on: host, says: text, lacks: text}`; what it must say may come late."""
    command = ["sh", "-c", world.fill(step["run"])]
    says, lacks = (str(step.get(word, "")) for word in ("says", "lacks"))
    host = world.hosts[step["on"]]
    if not says and not lacks:
        host.run(*command, log="steps.log")
        return []
    end = time.monotonic() + PATIENCE
    while True:
        got = host.read(*command)
        if world.fill(says) in got:
            break
        if time.monotonic() > end:
            return [f"`{command[2]}` on {step['on']} does not say `{says}` but:\n{got}"]
        time.sleep(0.2)
    if lacks and world.fill(lacks) in got:
        return [f"`{command[2]}` on {step['on']} says `{lacks}`:\n{got}"]
    return []


VERBS: dict[str, Callable[[World, Step], list[str]]] = {
    "fetch": _fetch,
    "ping": _ping,
    "run": _run,
}
