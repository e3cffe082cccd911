"""Scenarios: hosts around the host under test that talk, and what must come of it.

A scenario is data; tests/lab/traffic/README.md says how to write one. `HOST_KEYS` and `VERBS` are
all that it may say, and `problems` finds what is not in them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from .sandbox import ENVIRONMENT, GUESTS, LIMIT, LabError, Namespace, Sandbox
from .sockets import PROTOCOLS, Client, Servers

Said: TypeAlias = Mapping[str, Any]

PATIENCE = LIMIT / 3  # seconds for what must come
# What must not come is waited for so much longer than the slowest answer that did come, since a
# machine that is slow must not look like one that is silent; and for half a second at least.
IMPATIENCE, LONGER = 0.5, 5.0

HOST, WIRE = "host", "wire"
_OF_GUESTS = {"PATH": f"{GUESTS}:{ENVIRONMENT['PATH']}"}
HOST_PORTS = [80]  # where the host under test answers


class World:
    """The hosts of a scenario. Those behind network cards are there before the host boots."""

    def __init__(self, box: Sandbox, scenario: Said) -> None:
        """Plug in what is behind the network cards. Raises `LabError`, also for a bad scenario."""
        if wrong := problems(scenario):
            raise LabError("\n".join(("the scenario is wrong:", *wrong)))
        self.box = box
        self.said: Mapping[str, Said] = scenario["hosts"]
        self.steps: Sequence[Said] = scenario["steps"]
        self.hosts: dict[str, Namespace] = {HOST: box, WIRE: box.wire}
        self.servers = Servers()
        self.slowest = 0.0
        for name, said in self.said.items():
            if "card" in said:
                self.hosts[name] = self._behind_card(name, said)
        for name in self.hosts.keys() & self.said.keys():
            self._configure(name)

    def play(self) -> list[str]:
        """Add the guests and go through the steps; give a line for the first that went wrong.

        Those after it are not tried: they build on it, and each would cost all of one's patience.
        """
        for name, said in self.said.items():
            if "bridge" in said:
                self.hosts[name] = self._guest(name, said)
                self._configure(name)
        with self.servers:
            for name, said in {HOST: {"serves": HOST_PORTS}, **self.said}.items():
                for port in said.get("serves", ()):
                    self.servers.add(name, self.hosts[name], port)
            self._ask_for_addresses()
            for number, step in enumerate(self.steps, 1):
                verb = next(verb for verb in VERBS if verb in step)
                if wrong := VERBS[verb].play(self, step):
                    return [f"step {number}, {verb}: {wrong}"]
        return []

    def address_of(self, name: str) -> str:
        """Give the IPv4 address of a host's card."""
        shown = self.hosts[name].read("ip", "-4", "-brief", "address", "show", "scope", "global")
        found = re.search(r"([0-9.]+)/", shown)
        return found[1] if found else "no address"

    def fill(self, text: str) -> str:
        """Put addresses in the place of `{name}`."""
        return PLACE.sub(lambda found: self.address_of(found[1]), text)

    def client(self, step: Said, source: str = "") -> Client:
        """Give what asks in a step."""
        return Client(
            host=self.hosts[step["from"]],
            protocol=step.get("protocol", "tcp"),
            source=source,
            mark=step.get("mark", 0),
            device=step.get("device", ""),
        )

    @property
    def impatience(self) -> float:
        """How many seconds to wait for what must not come."""
        return max(IMPATIENCE, LONGER * self.slowest)

    def _behind_card(self, name: str, said: Said) -> Namespace:
        """Add a host that has the other end of a card's cable, or a part of it, as `eth0`."""
        namespace = self.box.namespace(name)
        card = moved = said["card"]
        for kind, option in PARTS.items():
            if kind in said:
                moved = f"on-{name}"
                self.box.wire.ip(
                    f"link add link {card} name {moved} type {kind} {option} {said[kind]}"
                )
        self.box.wire.ip(f"link set dev {moved} netns {name}")
        namespace.ip(f"link set dev {moved} name eth0", "link set dev eth0 up")
        return namespace

    def _guest(self, name: str, said: Said) -> Namespace:
        """Add a guest; `vlan`: its port is an access port of that VLAN, as hypervisors make them."""
        guest = self.box.guest(name, said["bridge"], said["macaddress"])
        if "vlan" in said:
            access = ["dev", f"tap-{name}", "vid", str(said["vlan"]), "pvid", "untagged"]
            self.box.run("bridge", "vlan", "add", *access, log="steps.log")
        return guest

    def _configure(self, name: str) -> None:
        said = self.said[name]
        lines = []
        for address in said.get("addresses", ()):
            device = "" if " dev " in address else " dev eth0"
            lines.append(f"address add {address}{device}" + " nodad" * (":" in address))
        lines += [f"route add {route}" for route in said.get("routes", ())]
        if lines:
            self.hosts[name].ip(*lines)

    def _ask_for_addresses(self) -> None:
        """Run the guests' DHCP clients; `duid`: it names itself by more than its MAC address."""
        clients = {}
        for name, said in self.said.items():
            if "dhcp" in said:
                files = ["-lf", f"/run/{name}.leases", "-pf", f"/run/{name}.pid"]
                identity = ["-i"] if said["dhcp"] == "duid" else []
                client = ["dhclient", "-4", "-1", "-v", *identity, *files, "eth0"]
                clients[name] = self.hosts[name].start(
                    *client, log=f"{name}.dhclient.log", env=_OF_GUESTS
                )
        await_(
            lambda: all(client.poll() is not None for client in clients.values()),
            f"a lease for {', '.join(clients)}",
        )
        if failed := [name for name, client in clients.items() if client.returncode]:
            raise LabError(f"no lease for {', '.join(failed)}")


# Parts of a cable: the kind of an interface of it, and the option that tells one from another.
PARTS = {"vlan": "id", "macvlan": "mode"}


def await_(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds. Raises `LabError` that names `what` did not come."""
    end = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > end:
            raise LabError(f"{what} did not come within {LIMIT:.0f} s")
        time.sleep(0.1)


# --- steps --------------------------------------------------------------------------------------


def _fetch(world: World, step: Said) -> str:
    """Ask a server; `answer: none`: none may come."""
    to, wanted = world.fill(step["fetch"]), world.fill(step["answer"])
    client = world.client(step, world.fill(step.get("as", "")))
    if wanted == "none":
        got = client.ask(endpoint(to), world.impatience)
    else:
        got, seconds = client.ask_until(endpoint(to), PATIENCE)
        world.slowest = max(world.slowest, seconds)
    return "" if (got or "none") == wanted else f"{step['from']} -> {to}: `{got}`, not `{wanted}`"


def _send(world: World, step: Said) -> str:
    """Send datagrams to some servers from some addresses; who hears them, and as from whom?

    Those that must be heard tell that those sent before them had their time.
    """
    text = repr(step).encode()
    wanted = sorted(
        (name, world.fill(source)) for name, heard in step["heard"].items() for source in heard
    )
    sources = [world.fill(source) for source in step.get("as", [""])]
    targets = [endpoint(world.fill(to)) for to in _listed(step["send"])]
    start = time.monotonic()
    for source in sources:
        client = replace(world.client(step, source), protocol="udp")
        for target in targets:
            client.tell(target, text)

    def got() -> list[tuple[str, str]]:
        return sorted(world.servers.heard.get(text, ()))

    while len(got()) < len(wanted) and time.monotonic() < start + PATIENCE:
        time.sleep(0.05)
    world.slowest = max(world.slowest, time.monotonic() - start)
    time.sleep(world.impatience)  # for what is heard twice, or by others
    return "" if got() == wanted else f"heard were {got()}, not {wanted}"


def _ping(world: World, step: Said) -> str:
    """Send an echo request, again and again if it must be answered."""
    to, wanted = world.fill(step["ping"]), step["answer"]
    patience = PATIENCE if wanted else world.impatience
    end = time.monotonic() + patience
    while True:
        start = time.monotonic()
        command = ["ping", "-n", "-c1", f"-W{min(patience, world.impatience):.1f}", to]
        got = " 1 received" in world.hosts[step["from"]].read(*command)
        if got or time.monotonic() > end:
            break
    if got:
        world.slowest = max(world.slowest, time.monotonic() - start)
    return "" if got == wanted else f"{step['from']} -> {to}: {'an' if got else 'no'} answer"


def _run(world: World, step: Said) -> str:
    """Run a command of sh(1); what it must say may come late, and it must not say the others then."""
    command = ["sh", "-c", world.fill(step["run"])]
    says, lacks = (
        [world.fill(text) for text in _listed(step.get(word, ()))] for word in ("says", "lacks")
    )
    host = world.hosts[step["on"]]
    if not says and not lacks:
        host.run(*command, log="steps.log")
        return ""
    end = time.monotonic() + PATIENCE
    while True:
        got = host.read(*command)
        missing = [text for text in says if text not in got]
        if not missing:
            break
        if time.monotonic() > end:
            return f"`{command[2]}` on {step['on']} does not say `{missing[0]}` but:\n{got}"
        time.sleep(0.2)
    if unwanted := [text for text in lacks if text in got]:
        return f"`{command[2]}` on {step['on']} says `{unwanted[0]}`:\n{got}"
    return ""


def endpoint(text: str) -> tuple[str, int]:
    """Take `address:port` or `[address]:port` apart."""
    address, _, port = text.rpartition(":")
    return address.strip("[]"), int(port)


def _listed(said: str | Sequence[str]) -> Sequence[str]:
    return [said] if isinstance(said, str) else said


# --- what a scenario may say --------------------------------------------------------------------

PLACE = re.compile(r"\{([a-z0-9-]+)\}")
Shape: TypeAlias = Callable[[Any, Collection[str]], bool]


def a_text(value: Any, hosts: Collection[str]) -> bool:
    """Tell whether a value is a text whose `{name}`s are hosts."""
    return isinstance(value, str) and set(PLACE.findall(value)) <= set(hosts)


def a_list_of_texts(value: Any, hosts: Collection[str]) -> bool:
    """Tell whether a value is a list of such texts."""
    return isinstance(value, list) and all(a_text(item, hosts) for item in value)


def a_text_or_a_list(value: Any, hosts: Collection[str]) -> bool:
    """Tell whether a value is one such text or several."""
    return a_text(value, hosts) or a_list_of_texts(value, hosts)


def an_endpoint(value: Any, hosts: Collection[str]) -> bool:
    """Tell whether a value is an address and a port."""
    return a_text(value, hosts) and re.fullmatch(r"(\[[0-9a-f:]+\]|[^:]+):\d+", value) is not None


def an_endpoint_or_a_list(value: Any, hosts: Collection[str]) -> bool:
    """Tell whether a value is one such pair or several."""
    several = value if isinstance(value, list) else [value]
    return bool(several) and all(an_endpoint(item, hosts) for item in several)


def a_host(value: Any, hosts: Collection[str]) -> bool:
    """Tell whether a value is the name of a host."""
    return value in hosts


def sources_of_hosts(value: Any, hosts: Collection[str]) -> bool:
    """Tell whether a value maps names of hosts to lists of addresses, one at least."""
    return (
        isinstance(value, dict)
        and value.keys() <= set(hosts)
        and all(heard and a_list_of_texts(heard, hosts) for heard in value.values())
        and bool(value)
    )


def true_or_false(value: Any, _: Collection[str]) -> bool:
    """Tell whether a value is a boolean."""
    return isinstance(value, bool)


def a_number(value: Any, _: Collection[str]) -> bool:
    """Tell whether a value is a number that counts or names something."""
    return type(value) is int and value > 0


def a_list_of_ports(value: Any, hosts: Collection[str]) -> bool:
    """Tell whether a value is a list of ports."""
    return isinstance(value, list) and all(a_number(item, hosts) for item in value)


def one_of(*values: Any) -> Shape:
    """Make the shape of a value that is one of some."""

    def shape(value: Any, _: Collection[str]) -> bool:
        return value in values

    shape.__name__ = f"one of {', '.join(map(str, values))}"
    return shape


@dataclass(frozen=True)
class Keys:
    """The keys of a mapping: those it must have and those it may have."""

    must: Mapping[str, Shape]
    may: Mapping[str, Shape] = field(default_factory=dict)

    def problems(self, said: Said, hosts: Collection[str]) -> Iterator[str]:
        """Say what is wrong with a mapping."""
        known = {**self.must, **self.may}
        for key, value in said.items():
            if key not in known:
                yield f"no key `{key}` here, only {', '.join(known)}"
            elif not known[key](value, hosts):
                yield f"`{key}` must be {known[key].__name__.replace('_', ' ')}, not {value!r}"
        yield from (f"`{key}` is missing" for key in self.must if key not in said)


@dataclass(frozen=True)
class Verb:
    """A kind of step: what plays it and gives what went wrong, and its keys."""

    play: Callable[[World, Said], str]
    keys: Keys


VERBS: Mapping[str, Verb] = {
    "fetch": Verb(
        _fetch,
        Keys(
            {"fetch": an_endpoint, "from": a_host, "answer": a_text},
            {
                "as": a_text,
                "mark": a_number,
                "device": a_text,
                "protocol": one_of(*sorted(PROTOCOLS)),
            },
        ),
    ),
    "send": Verb(
        _send,
        Keys(
            {"send": an_endpoint_or_a_list, "from": a_host, "heard": sources_of_hosts},
            {"as": a_list_of_texts},
        ),
    ),
    "ping": Verb(_ping, Keys({"ping": a_text, "from": a_host, "answer": true_or_false})),
    "run": Verb(
        _run,
        Keys(
            {"run": a_text, "on": a_host},
            {"says": a_text_or_a_list, "lacks": a_text_or_a_list},
        ),
    ),
}

_ANY_HOST = {"addresses": a_list_of_texts, "routes": a_list_of_texts, "serves": a_list_of_ports}
# the key that tells where a host is -> the keys of such hosts
HOST_KEYS: Mapping[str, Keys] = {
    "card": Keys(
        {"card": a_text},
        {**_ANY_HOST, "vlan": a_number, "macvlan": one_of("bridge", "private", "vepa")},
    ),
    "bridge": Keys(
        {"bridge": a_text, "macaddress": a_text},
        {**_ANY_HOST, "vlan": a_number, "dhcp": one_of(True, "duid")},
    ),
}
SCENARIO_KEYS = ("case", "proves", "hosts", "steps")
# A link is called `tap-NAME`, and the kernel takes 15 characters.
_NAME = re.compile(r"[a-z][a-z0-9-]{0,10}")


def problems(scenario: Said) -> list[str]:
    """Say what is wrong with the shape of a scenario: a typing error must not be a step less."""
    found = [f"no key `{key}` in a scenario" for key in scenario if key not in SCENARIO_KEYS]
    found += [f"`{key}` is missing" for key in SCENARIO_KEYS if key not in scenario]
    if found:
        return found
    names = {HOST, WIRE, *scenario["hosts"]}
    for name, said in scenario["hosts"].items():
        found += [f"{name}: {wrong}" for wrong in _host_problems(name, said, names)]
    if not scenario["steps"]:
        found.append("without steps it shows nothing")
    timed = False
    for number, step in enumerate(scenario["steps"], 1):
        negative = step.get("answer") in ("none", False)
        found += [f"step {number}: {wrong}" for wrong in _step_problems(step, names)]
        if negative and not timed:
            found.append(f"step {number}: nothing that came has told yet how slow the machine is")
        timed = timed or not (negative or "run" in step)
    return found


def _host_problems(name: str, said: Said, names: Collection[str]) -> Iterator[str]:
    if name == HOST or not _NAME.fullmatch(name):
        yield "not a name for a host"
        return
    kinds = [kind for kind in HOST_KEYS if kind in said]
    if name == WIRE:
        yield from Keys({}, _ANY_HOST).problems(said, names)
    elif len(kinds) == 1:
        yield from HOST_KEYS[kinds[0]].problems(said, names)
    else:
        yield f"must have one of the keys {', '.join(HOST_KEYS)}"


def _step_problems(step: Said, names: Collection[str]) -> Iterator[str]:
    verbs = [verb for verb in VERBS if verb in step]
    if len(verbs) != 1:
        yield f"must have one of the verbs {', '.join(VERBS)}"
        return
    yield from VERBS[verbs[0]].keys.problems(step, names)
    if "lacks" in step and "says" not in step:
        yield "what lacks something must say something else, which tells when to look"
