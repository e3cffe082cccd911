"""What is not netlink: objects that tc(8), nft(8), ethtool(8) and daemons make, and files.

The edge. `read` gives the state of these classes, `run` takes one step of theirs, and `preflight`
finds what cannot be done before anything is changed. Secrets and names of the document are looked
up here as well: nothing of the document is read from the machine elsewhere.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

from vnetc.backends.netlink.objects import cards, daemons, qdiscs, services, wireguard
from vnetc.backends.netlink.objects.calls import MACHINE, Machine, Problem, ProgramFailed, call, has
from vnetc.backends.netlink.objects.calls import run as _run
from vnetc.backends.netlink.objects.fingerprints import Remembered, recall
from vnetc.backends.netlink.state import Attributes, Key, State, Value, Wanted
from vnetc.backends.netlink.store import remove as remove_file
from vnetc.backends.netlink.store import replace_file
from vnetc.model.cards import Secret
from vnetc.model.data import is_list, is_mapping
from vnetc.model.host import Host
from vnetc.model.kinds import Ethernet
from vnetc.model.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Step(Protocol):
        """What `run` needs of a step of a plan."""

        @property
        def key(self) -> Key:
            """The object that it is about."""
            ...

        @property
        def before(self) -> Attributes | None:
            """What it is."""
            ...

        @property
        def after(self) -> Attributes | None:
            """What it is to be, None if it goes."""
            ...


CLASSES = frozenset({"qdisc", "card", "nft", "dnsmasq", "dhcp", "resolver", "file"})


# --- reading --------------------------------------------------------------------------------------


class _Query(Record, kw_only=False):
    """What is to be read: keys of one class, those of them that are wanted, what is remembered."""

    keys: Sequence[Key]
    wanted: Sequence[Wanted]
    remembered: Remembered
    machine: Machine

    @property
    def wants(self) -> dict[Key, Attributes]:
        """The attributes that are wanted."""
        return {item.key: item.attributes for item in self.wanted}


def read(
    wanted: Sequence[Wanted],
    owned: Collection[Key],
    remembered: Remembered | None = None,
    machine: Machine = MACHINE,
) -> State:
    """Read the objects of these classes that a document names, or vnetc made. Raises `ProgramFailed`.

    `remembered` is what the ledger knows (`fingerprints.remember`): with it an object that still is
    what vnetc made of it has the words in its attributes that it was made with.
    """
    known = remembered or {}
    found: State = {}
    for name, reader in _READERS.items():
        asked = [item for item in wanted if item.key[0] == name]
        keys = [
            *dict.fromkeys([*(item.key for item in asked), *(k for k in owned if k[0] == name)])
        ]
        if keys:
            found |= reader(_Query(keys, asked, known, machine))
    return recall(found, known)


def _read_qdiscs(query: _Query) -> State:
    relevant = qdiscs.relevant(query.wanted, query.keys, query.remembered)
    if not has("tc", query.machine):
        return {}
    listing = _run(["tc", "-d", "qdisc", "show"], machine=query.machine)
    classes: list[str] = []
    for device in qdiscs.with_classes(listing) & relevant.keys():
        lines = _run(["tc", "-d", "class", "show", "dev", device], machine=query.machine)
        classes += [f"{device} {line}" for line in lines.splitlines()]
    observed = qdiscs.observe(listing, "\n".join(classes))
    return dict(qdiscs.read(observed, relevant))


def _read_tables(query: _Query) -> State:
    found: State = {}
    for key in query.keys:
        if has("nft", query.machine):
            words = ["nft", "-s", "list", "table", "inet", key[1]]
            result = call(words, machine=query.machine)
            if result.code == 0:
                found[key] = services.read_table(key[1], result.output)
    return found


def _read_files(query: _Query) -> State:
    found: State = {}
    for key in query.keys:
        path = query.machine.path(key[1])
        text = daemons.text_of(path)
        if text is not None:
            found[key] = {"content": text, "mode": os.stat(path).st_mode & 0o7777}
    return found


def _read_cards(query: _Query) -> State:
    found: State = {}
    if has("ethtool", query.machine):
        for key in query.keys:
            values, _ = read_card(key[1], query.wants.get(key), query.machine)
            if values:
                found[key] = values
    return found


def read_card(
    name: str, wanted: Attributes | None, machine: Machine = MACHINE
) -> tuple[dict[str, Value], frozenset[str]]:
    """Read the settings of a card, and which of them its driver never changes.

    Only what is needed to tell about those that are wanted; all if None are.
    """
    found: dict[str, Value] = {}
    fixed: set[str] = set()

    def take(tool: cards.Tool, values: Mapping[str, str]) -> None:
        for setting, value, is_fixed in cards.read(tool, values):
            if wanted is None or setting in wanted:
                found[setting] = value
                if is_fixed:
                    fixed.add(setting)

    printed: dict[str, Mapping[str, str]] = {}
    for tool in cards.TOOLS:
        names = {setting.name for setting in tool.settings}
        if cards.PASSWORD in (wanted or {}) and "ethernet.wakeonlan" in names:
            names.add(cards.PASSWORD)
        if wanted is not None and names.isdisjoint(wanted):
            continue
        if tool.show not in printed:
            words = ["ethtool", *([tool.show] if tool.show else []), name]
            printed[tool.show] = cards.printed(call(words, machine=machine).output)
        take(tool, printed[tool.show])
        password = cards.read_password(printed[tool.show])
        if password is not None and "ethernet.wakeonlan" in names:
            found[cards.PASSWORD] = password
    if wanted is None or not {*(s.name for s in cards.LINK.settings)}.isdisjoint(wanted):
        take(cards.LINK, {word: str(value) for word, value in _link(name, machine).items()})
    if wanted is None or any(word.startswith("virtual-function") for word in wanted):
        found |= _read_functions(name, wanted, machine)
    return found, frozenset(fixed)


def _link(name: str, machine: Machine) -> dict[str, Any]:
    import json

    result = call(["ip", "-j", "-d", "link", "show", "dev", name], machine=machine)
    links: object = json.loads(result.output) if result.code == 0 else []
    return links[0] if is_list(links) and links and is_mapping(links[0]) else {}


def _read_functions(name: str, wanted: Attributes | None, machine: Machine) -> dict[str, Value]:
    found: dict[str, Value] = {}
    number = daemons.text_of(_functions_file(name, machine) or "")
    if number is not None:
        found[cards.COUNT] = int(number)
    for word, value in cards.read_functions(_link(name, machine)):
        if wanted is None or word in wanted:
            found[word] = value
    return found


def _functions_file(name: str, machine: Machine) -> str | None:
    """Give the file with the number of a card's functions, by its place on the bus.

    Not by its name: /sys/class/net has the devices of another namespace than this process's.
    """
    place = cards.printed(call(["ethtool", "-i", name], machine=machine).output).get("bus-info")
    return machine.path(f"/sys/bus/pci/devices/{place}/sriov_numvfs") if place else None


_READERS: Mapping[str, Callable[[_Query], State]] = {
    "file": _read_files,
    "qdisc": _read_qdiscs,
    "nft": _read_tables,
    "card": _read_cards,
    "dnsmasq": lambda query: daemons.read_dnsmasq(query.keys, query.wants),
    "dhcp": lambda query: daemons.read_dhcp(query.keys, query.wants, query.machine),
    "resolver": lambda query: daemons.read_resolver(query.keys, query.machine),
}


# --- steps ----------------------------------------------------------------------------------------


def run(step: Step, keys: Mapping[str, bytes] | None = None, machine: Machine = MACHINE) -> None:
    """Take a step of these classes. `keys` are passwords by their fingerprints.

    Raises `ProgramFailed` with the program's own words.
    """
    try:
        match step.key[0]:
            case "file":
                _run_file(step, machine)
            case "nft":
                _run_table(step, machine)
            case "qdisc":
                _run_qdisc(step, machine)
            case "card":
                _run_card(step, keys or {}, machine)
            case "dnsmasq":
                daemons.run_dnsmasq(step.before, step.after, machine)
            case "dhcp":
                daemons.run_dhcp(step.key[1], step.before, step.after, machine)
            case "resolver":
                daemons.run_resolver(step.key[1], step.after, machine)
            case other:
                raise ValueError(f"not a class of programs: {other}")
    except OSError as error:
        raise ProgramFailed(f"{error.filename or step.key[1]}: {error.strerror}") from None


def _run_file(step: Step, machine: Machine) -> None:
    path = machine.path(step.key[1])
    if step.after is None:
        remove_file(path)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    mode = step.after["mode"]
    assert isinstance(mode, int)
    content = str(step.after["content"]).encode(errors="surrogateescape")
    replace_file(path, content, mode)


def _run_table(step: Step, machine: Machine) -> None:
    if step.after is not None:
        _run(["nft", "-f", "-"], str(step.after["text"]), machine)
        return
    # `delete` alone fails if something flushed all tables meanwhile
    head = f"table inet {step.key[1]}"
    _run(["nft", "-f", "-"], f"{head}\ndelete {head}\n", machine)


def _run_qdisc(step: Step, machine: Machine) -> None:
    device = step.key[1]
    commands = None if step.after is None else step.after.get("commands")
    if step.after is not None and commands is None:
        raise ProgramFailed(f"nobody knows the words that the disciplines of {device} were made by")
    parts = qdiscs.parts(commands)
    before = step.before or {}
    if step.after is None:
        parts = frozenset(p for p in (qdiscs.ROOT, qdiscs.RECEIVE) if before.get(p) is not None)
    listing = call(["tc", "qdisc", "show", "dev", device], machine=machine)
    if step.after is None and listing.code != 0:
        return  # they went with their device
    lines = [*qdiscs.removals(device, listing.output, parts), *qdiscs.words(commands)]
    if lines:
        _run(["tc", "-batch", "-"], qdiscs.batch(lines), machine)


def _run_card(step: Step, keys: Mapping[str, bytes], machine: Machine) -> None:
    if step.after is None:
        return  # a card is not unmade; what it was before is the planner's to ask for
    before = step.before or {}
    count = step.after.get(cards.COUNT)
    if count is not None and count != before.get(cards.COUNT):
        path = _functions_file(step.key[1], machine)
        if path is None:
            raise ProgramFailed(f"{step.key[1]} has no virtual functions")
        # the kernel takes another number only after 0 (sriov_numvfs_store)
        for number in ("0", str(count)):
            with open(path, "w", encoding="ascii") as file:
                file.write(number)
    for words in cards.commands(step.key[1], before, step.after, keys):
        _run(words, machine=machine)


# --- what cannot be done --------------------------------------------------------------------------


def preflight(wanted: Iterable[Wanted], machine: Machine = MACHINE) -> list[Problem]:
    """Find what cannot be done, of those objects that are to be made or changed."""
    items = [*wanted]
    found = [*_missing(items, machine)]
    if found:
        return found
    for item in items:
        check = _CHECKS.get(item.key[0])
        if check is not None:
            found += check(item, machine)
    return found


def possible(
    wanted: Sequence[Wanted], machine: Machine = MACHINE
) -> tuple[list[Wanted], list[Problem]]:
    """Leave out what programs do that this host does not have; say what that is.

    But not a firewall: the network would be open.
    """
    names = {item.key[0] for item in wanted} - {"nft"}
    lacking = {name for name in names if _lacking(name, machine)}
    left = [item for item in wanted if item.key[0] in lacking]
    return [item for item in wanted if item.key[0] not in lacking], [*_missing(left, machine)]


def _missing(wanted: Iterable[Wanted], machine: Machine) -> Iterator[Problem]:
    said: set[str] = set()
    for item in wanted:
        text = _lacking(item.key[0], machine)
        if text and text not in said:
            said.add(text)
            yield Problem(item.path, text, "VN607", _WAYS_OUT.get(text, ""))


# what is there and in the way is not to be installed
_WAYS_OUT = {
    services.MANAGED: "stop it, or leave DHCP to it with `--allow VN607`",
}


def _lacking(name: str, machine: Machine) -> str:
    """Say which program is missing for a class of objects, nothing if none is."""
    if name in services.PROGRAMS:
        program, package = services.PROGRAMS[name]
        return "" if has(program, machine) else f"there is no `{program}` (Debian: {package})"
    if name == "dhcp" and daemons.dhcp_client(machine) is None:
        clients = ", ".join((services.NETWORKD, *services.CLIENTS))
        return f"there is no DHCP client: one of {clients}"
    if name == "dhcp" and daemons.dhcp_client(machine) == "dhcpcd" and daemons.dhcp_manager():
        return services.MANAGED
    if name == "resolver" and daemons.resolver(machine) is None:
        return "there is neither systemd-resolved nor resolvconf to tell of DNS servers"
    return ""


def _check_table(item: Wanted, machine: Machine) -> Iterator[Problem]:
    try:
        _run(["nft", "-c", "-f", "-"], str(item.attributes["text"]), machine)
    except ProgramFailed as error:
        yield Problem(item.path, error.text)


def _check_qdisc(item: Wanted, machine: Machine) -> Iterator[Problem]:
    """Try the commands on the `lo` of a namespace that ends with the program (unshare(1))."""
    lines = [
        ["lo" if word == item.key[1] else word for word in line]
        for line in qdiscs.words(item.attributes.get("commands"))
    ]
    if not has("unshare", machine) or any(not qdiscs.NOT_ON_LOOPBACK.isdisjoint(x) for x in lines):
        return
    try:
        # of 65536 bytes, the MTU of `lo`, not every discipline can make packets' sizes
        script = "ip link set dev lo mtu 1500 && exec tc -batch -"
        _run(["unshare", "--net", "sh", "-c", script], qdiscs.batch(lines), machine)
    except ProgramFailed as error:
        yield Problem(item.path, error.text.removeprefix("unshare --net: "))


def _check_card(item: Wanted, machine: Machine) -> Iterator[Problem]:
    if not _link(item.key[1], machine):
        return  # that there is no such card is said elsewhere
    found, fixed = read_card(item.key[1], item.attributes, machine)
    for name, reason in cards.refuse(item.attributes, found, fixed):
        yield Problem(item.places.get(name, item.path), f"`{name.split('.')[-1]}`: {reason}")


_CHECKS: Mapping[str, Callable[[Wanted, Machine], Iterator[Problem]]] = {
    "nft": _check_table,
    "qdisc": _check_qdisc,
    "card": _check_card,
}


# --- what the document leaves to the machine ------------------------------------------------------


def read_secrets(
    host: Host, machine: Machine = MACHINE
) -> tuple[dict[Secret, bytes], list[Problem]]:
    """Read the keys and passwords of a host, from the document or their files."""
    found: dict[Secret, bytes] = {}
    problems: list[Problem] = []
    for secrets, decode in (
        (wireguard.secrets_of(host), wireguard.decode_key),
        (cards.secrets_of(host), cards.decode_password),
    ):
        for secret in secrets:
            try:
                found[secret] = decode(_secret(secret, machine))
            except OSError as error:
                problems.append(Problem(secret.path, f"{secret.file}: {error.strerror}"))
            except ValueError:
                # never what is in it
                what = "the text" if secret.file is None else secret.file
                problems.append(Problem(secret.path, f"{what} is no key"))
    return found, problems


_LONGEST_SECRET = 4096  # characters: what is longer is no key, and /dev/zero has no end


def _secret(secret: Secret, machine: Machine) -> str:
    if secret.file is None:
        return secret.text or ""
    with open(machine.path(secret.file), encoding="ascii") as file:
        return file.read(_LONGEST_SECRET)


def keyring(material: Mapping[Secret, bytes]) -> dict[str, bytes]:
    """Give all keys and passwords by their fingerprints."""
    return wireguard.keyring(material.values()) | cards.keyring(material.values())


def look_up(wanted: Iterable[Wanted]) -> tuple[dict[tuple[str, int], list[str]], list[Problem]]:
    """Look up the addresses of WireGuard's endpoints, by host and port as the document has them."""
    from vnetc.backends.spelling import endpoint

    found: dict[tuple[str, int], list[str]] = {}
    problems: list[Problem] = []
    for item in wanted:
        for host, port in wireguard.hosts([item]):
            try:
                answers = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
            except (OSError, UnicodeError) as error:
                reason = getattr(error, "strerror", None) or "not a name"
                problems.append(Problem(item.path, f"`{host}`: {reason}"))
                continue
            found[host, port] = [endpoint((_address(answer[4]), port)) for answer in answers]
    return found, problems


def _address(place: tuple[Any, ...]) -> str:
    address = str(place[0]).partition("%")[0]
    scope = place[3] if len(place) == 4 else 0
    return f"{address}%{scope}" if scope else address


def check_names(host: Host, machine: Machine = MACHINE) -> list[Problem]:
    """Find network cards that have another name than the one that the document means."""
    matching = [
        i for i in host.interfaces if isinstance(i.kind, Ethernet) and i.kind.match is not None
    ]
    if not matching:
        return []
    problems: list[Problem] = []
    for interface, other in cards.misnamed(host, read_cards(machine)):
        text = f"`{interface.name}` is not the card that `match` says"
        if other:
            text = f"the card that `match` says is `{other}` now, and `{interface.name}` only after a boot"
        problems.append(Problem((*interface.path, "match"), text))
    return problems


def read_cards(machine: Machine = MACHINE) -> list[cards.Facts]:
    """Read what network cards are found by, and devices that look like some."""
    import json

    links: object = json.loads(_run(["ip", "-j", "-d", "link", "show"], machine=machine))
    found: list[cards.Facts] = []
    for link in links if is_list(links) else ():
        if not is_mapping(link) or link.get("link_type") != "ether":
            continue
        name = str(link["ifname"])
        about = cards.printed(call(["ethtool", "-i", name], machine=machine).output)
        udev = daemons.text_of(machine.path(f"/run/udev/data/n{link['ifindex']}")) or ""
        path = next((x[10:] for x in udev.splitlines() if x.startswith("E:ID_PATH=")), "")
        mac = str(link.get("permaddr") or link.get("address") or "")
        is_virtual = "linkinfo" in link  # what the kernel makes itself has a kind
        found.append(cards.Facts(name, mac, about.get("driver", ""), path, is_virtual))
    return found
