"""Hosts that talk: HTTP servers that say who asked, and clients."""

from __future__ import annotations

import time
from collections.abc import Callable

from .namespaces import LIMIT, LabError, Namespace

PATIENCE = 20.0  # for an answer that must come
IMPATIENCE = 0.5  # for one that must not; on one machine an answer takes milliseconds

_SERVER = """
import http.server, socketserver, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{sys.argv[1]} sees {self.client_address[0]}".encode())
# not HTTPServer, which asks the DNS for its own name first
socketserver.ThreadingTCPServer(("", int(sys.argv[2])), Handler).serve_forever()
"""
_CLIENT = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1], timeout=float(sys.argv[2])).read().decode())
"""


def serve(host: Namespace, name: str, port: int = 80) -> None:
    """Start a server that answers `<name> sees <address of the client>`."""
    host.start("python3", "-c", _SERVER, name, str(port), log="servers.log")
    wait_for(lambda: fetch(host, f"127.0.0.1:{port}") is not None, f"the server `{name}`")


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds. Raises `LabError` that names `what` did not come."""
    end = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > end:
            raise LabError(f"{what} did not come within {LIMIT:.0f} s")
        time.sleep(0.1)


def fetch(client: Namespace, server: str, patience: float = PATIENCE) -> str | None:
    """Give what a server (`address:port`) answers, None if it does not."""
    url = f"http://{server}/"
    return client.read("python3", "-c", _CLIENT, url, str(patience)).strip() or None


def pings(client: Namespace, address: str) -> bool:
    """Tell whether an address answers a ping."""
    return "1 received" in client.read("ping", "-c1", f"-W{IMPATIENCE}", "-n", address)


def ask_for_address(guest: Namespace, name: str, *, duid: bool = False) -> None:
    """Run a guest's DHCP client; `duid`: it names itself by more than its MAC address."""
    files = ["-lf", f"/run/{name}.leases", "-pf", f"/run/{name}.pid"]
    identity = ["-i"] if duid else []
    client = ["dhclient", "-4", "-1", "-v", *identity, *files, "eth0"]
    guest.run(*client, log=f"{name}.dhclient.log")


def address_of(host: Namespace) -> str:
    """Give the IPv4 address of a guest's card, with its prefix."""
    words = host.read("ip", "-4", "-brief", "address", "show", "dev", "eth0").split()
    return words[2] if len(words) > 2 else ""
