"""From the state of a kernel to the one a document wants: typed steps in the order they are taken.

A pure function of what is there, what is wanted and what is ours. It keeps a copy of the state and
plays in it what each decision does to the rest: a device that must be made anew takes with it what
stands on it, one that must go down loses its routes and its IPv6 addresses. The difference between
that and what is wanted are the steps, so whatever falls is made again, also what others had put
there. What is neither wanted nor ours is left alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from vnetc.backends.netlink import addresses, links, newborn, routes, rules
from vnetc.backends.netlink.classes import is_foreign
from vnetc.backends.netlink.link_changes import CARDS, NO_ADDRESS
from vnetc.backends.netlink.link_words import IPV6_MINIMUM_MTU
from vnetc.backends.netlink.objects import PROTOCOL, Attributes, Key, State, Value, Wanted
from vnetc.backends.netlink.order import Phase, phase_of
from vnetc.backends.netlink.steps import OBSERVED, Plan, Step, differing
from vnetc.diagnostics import Diagnostic, diagnostic
from vnetc.model import DEFAULT_MTU
from vnetc.record import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.netlink.steps import Action, Impact
    from vnetc.diagnostics import Path


def plan(
    state: State,
    wanted: Sequence[Wanted],
    owned: Collection[Key],
    *,
    before: Mapping[Key, Attributes] | None = None,
    adopt: bool = False,
    prune: bool = False,
) -> Plan:
    """Plan the steps from `state` to what is wanted.

    `owned` are the objects that vnetc made; `before` is what cards and kernel parameters were when
    vnetc first changed them, and what they become again when no document speaks of them. `adopt`:
    take over what the document names and others have made, even if it must be made anew. `prune`:
    also remove the addresses, routes and neighbours of the document's devices that it does not name.
    """
    return _Planner(state, wanted, owned, before or {}, adopt, prune).plan()


def restore(state: State, snapshot: State, touched: Collection[Key]) -> Plan:
    """Plan the way back to a snapshot, for the objects touched and all on their devices."""
    scope = _scope(snapshot, touched)
    wanted = [Wanted(key, _settable(snapshot[key]), ()) for key in snapshot if key in scope]
    made = {key for key in touched if key not in snapshot}
    return _Planner(state, wanted, made, {}, True, False, exact=True).plan()


def reaches(snapshot: State, touched: Collection[Key], steps: Iterable[Step]) -> bool:
    """Tell whether `restore` would undo these steps too."""
    scope = _scope(snapshot, touched) | set(touched)
    return all(
        key in scope or (step.action == "-" and key not in snapshot)  # gone is what it is to be
        for step in steps
        for key in (step.key, *step.falls)
    )


def _scope(snapshot: State, touched: Collection[Key]) -> set[Key]:
    devices = {device for key in touched for device in _devices(key, snapshot.get(key) or {})}
    return {
        key
        for key, attributes in snapshot.items()
        if key in touched or not devices.isdisjoint(_devices(key, attributes))
    }


def _settable(attributes: Attributes) -> Attributes:
    return {name: value for name, value in attributes.items() if name != "ifindex"}


def _devices(key: Key, attributes: Attributes) -> tuple[str, ...]:
    """Name the devices that an object cannot be without."""
    match key[0]:
        case "link":
            return (key[1],)
        case "route":
            return routes.devices(attributes)
        case "sysctl":
            parts = key[1].split("/")
            return (parts[3],) if len(parts) == 5 else ()
        case "rule" | "nft" | "dnsmasq" | "file":
            return ()
        case _:
            return (key[1],)


class _Planner:
    def __init__(
        self,
        state: State,
        wanted: Sequence[Wanted],
        owned: Collection[Key],
        before: Mapping[Key, Attributes],
        adopt: bool,
        prune: bool,
        *,
        exact: bool = False,
    ) -> None:
        self.state = state
        self.now: dict[Key, Attributes] = {**state}
        self.owned = owned
        self.before = before
        self.adopt = adopt
        self.prune = prune
        self.exact = exact
        self.wanted: dict[Key, Wanted] = {item.key: item for item in wanted}
        if not links.has_ipv6(state):
            self.wanted = {key: _without_ipv6(item) for key, item in self.wanted.items()}
        for key, attributes in before.items():
            if key not in self.wanted and key in state:
                kind: Attributes = {"kind": state[key]["kind"]} if key[0] == "link" else {}
                self.wanted[key] = Wanted(key, {**kind, **attributes}, ())
        self.links = {key[1]: item for key, item in self.wanted.items() if key[0] == "link"}
        self.fulls: dict[Key, Attributes] = {}  # what devices are to have, also what is not stated
        self.made: set[str] = set()
        self.found: list[tuple[Phase, int, Step]] = []
        self.problems: list[Diagnostic] = []
        self.depths: dict[str, int] = {}
        self.lowered: set[str] = set()  # devices that are down for a change
        self.fallen: frozenset[str] = frozenset()  # devices that go before the new ones are made
        self.late: frozenset[str] = frozenset()  # devices that go at the end
        self.held: dict[str, State] = {}  # the addresses of devices, as steps go on
        self.broadcasts: dict[str, list[Key]] | None = None  # addresses by theirs
        self.promoted: set[Key] = set()
        self.again: dict[Key, Attributes] = {}  # addresses that the kernel takes along with others
        self.upper: dict[str, list[str]] = {}  # what goes with a device
        for key, attributes in state.items():
            if key[0] == "link":
                for below in (attributes.get("link"), attributes.get("peer")):
                    if isinstance(below, str):
                        self.upper.setdefault(below, []).append(key[1])

        if small := self._too_small_for_ipv6():
            self._forget_ipv6(small)

    def _too_small_for_ipv6(self) -> set[str]:
        """Name the devices whose MTU has the kernel forget IPv6 on them (addrconf_notify).

        Also bridges, which have the least MTU of their ports unless their own was set
        (br_mtu_auto_adjust).
        """
        small: set[str] = set()
        following: list[str] = []
        for name, item in self.links.items():
            now = self.state.get(item.key, {}).get("mtu")
            stated = "mtu" in item.attributes or "mtu" in self.before.get(item.key, ())
            follows = item.attributes["kind"] == "bridge" and not stated
            if follows and (not _is_too_small(now) or self._has_small_port(name)):
                following.append(name)
                continue
            if not _is_too_small(item.attributes.get("mtu", now)):
                continue
            # what is there may get back the MTU that it had before
            if _is_too_small(self._full(item).get("mtu", now)):
                small.add(name)
        masters = {str(self.links[name].attributes.get("master")) for name in small}
        return small.union(name for name in following if name in masters)

    def _has_small_port(self, name: str) -> bool:
        return any(
            found.get("master") == name and _is_too_small(found.get("mtu"))
            for key, found in self.state.items()
            if key[0] == "link"
        )

    def _forget_ipv6(self, small: Collection[str]) -> None:
        for key, item in [*self.wanted.items()]:
            if not any(name in small for name in _devices(key, {})):
                continue
            if key[0] == "link":
                self.wanted[key] = self.links[key[1]] = _without_ipv6(item)
                self.fulls.pop(key, None)
            elif key[0] == "sysctl" and key[1].startswith("net/ipv6/"):
                del self.wanted[key]

    # --- the whole --------------------------------------------------------------------------------

    def plan(self) -> Plan:
        anew = self._anew()
        gone = [
            key[1]
            for key in self.owned
            if key[0] == "link" and key in self.state and key not in self.wanted
            if self.state[key]["kind"] not in CARDS
        ]
        early = [name for name in gone if self._is_in_the_way(name)]
        self.fallen = self._stacked([*anew, *early])
        self.late = self._stacked(gone) - self.fallen
        self._spare_others()
        lost = self._lose()
        lowered = [
            name for name in self.links if name not in self.fallen and self._is_lowered(name)
        ]
        for name in lowered:
            self._lower(self.links[name])
        for name in sorted(self.links, key=self._depth):
            self._link(name)
        self._give_back()
        for key in lost:
            if key not in self.wanted and key[0] != "link" and self._stays(key):
                self.wanted[key] = Wanted(key, _settable(self.state[key]), self._path_of(key))
        self._forward()
        for key, attributes in self.now.items():
            if key[0] == "address":
                self.held.setdefault(key[1], {})[key] = {**attributes}
        for key, item in self.wanted.items():
            if key[0] != "link":
                self._object(item)
        self._removals()
        for name in gone:
            if name not in anew:
                self._unlink(name)
        self.found.sort(key=lambda entry: entry[:2])
        return Plan(steps=tuple(step for *_, step in self.found), problems=tuple(self.problems))

    def _add(self, phase: Phase, order: int, step: Step) -> None:
        self.found.append((phase, order, step))

    def _path_of(self, key: Key) -> Path:
        """Give the place of the device that has something of others restored on it."""
        item = self.links.get(key[1]) if len(key) > 1 else None
        return () if item is None else item.path

    # --- what falls -------------------------------------------------------------------------------

    def _full(self, item: Wanted) -> Attributes:
        """Add to what is stated what the kernel gives a new device, or what a card had before."""
        lease: Key = ("dhcp", item.key[1])
        if "mtu" not in item.attributes and lease in self.owned and lease not in self.wanted:
            # a lease may have changed it (dhclient-script(8)), and nobody knows what it was
            item = replace(
                item, attributes={**item.attributes, "mtu": self._usual_mtu(item.key[1])}
            )
        full = self.fulls.get(item.key)
        if full is None:
            full = self.fulls[item.key] = self._filled(item)
        return full

    def _filled(self, item: Wanted) -> Attributes:
        if item.key in self.before:
            return {**self.before[item.key], **item.attributes}
        if item.key in self.owned or self.adopt:
            kind = str(item.attributes["kind"])
            return {**links.defaults(kind, item.attributes), **item.attributes}
        return item.attributes

    def _usual_mtu(self, name: str) -> int:
        """Give the MTU of a device that is told none: a bridge has the least of its ports'."""
        ports = [
            found.get("mtu", DEFAULT_MTU)
            for key, found in {
                **self.state,
                **{i.key: i.attributes for i in self.links.values()},
            }.items()
            if key[0] == "link" and found.get("master") == name
        ]
        return min((mtu for mtu in ports if isinstance(mtu, int)), default=DEFAULT_MTU)

    def _anew(self) -> list[str]:
        """List the devices that are there and can only become what is wanted by being made anew."""
        found: list[str] = []
        for name, item in self.links.items():
            now = self.now.get(item.key)
            if now is None or item.attributes["kind"] in CARDS:
                continue
            full = self._full(item)
            other_kind = now["kind"] != full["kind"]
            immutable = [] if other_kind else _with_impact(now, full, "recreate")
            if not (other_kind or immutable):
                continue
            found.append(name)
            if item.key not in self.owned and not self.adopt:
                what = f"is a {now['kind']}" if other_kind else f"cannot change `{immutable[0]}`"
                self._refuse(
                    "VN606",
                    f"`{name}` {what} and was not made by vnetc, so it is not made anew",
                    item,
                    immutable[0] if immutable else "",
                    "remove it yourself, or take it over with `--adopt`",
                )
        return found

    def _refuse(self, code: str, message: str, item: Wanted, name: str, help: str) -> None:
        path = item.places.get(name, item.path)
        self.problems.append(diagnostic(code, message, path, "key", help=help))

    def _spare_others(self) -> None:
        """Refuse what would take a device of others along."""
        for name in sorted((self.fallen | self.late) - set(self.links)):
            key = ("link", name)
            if key not in self.owned and not self.exact:
                self.problems.append(
                    diagnostic(
                        "VN606",
                        f"`{name}`, which vnetc did not make, would go with the device it is on",
                        (),
                        help="remove it yourself first",
                    )
                )

    def _stacked(self, names: Iterable[str]) -> frozenset[str]:
        """Add to devices what is made on them, and the other ends of cables."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self.upper.get(name, [])
        return frozenset(found)

    def _lose(self) -> list[Key]:
        """Take out of the state what falls with devices, or because they go down for a moment."""
        down = {name for name in self.links if name not in self.fallen and self._goes_down(name)}
        lost: list[Key] = []
        for key, attributes in self.state.items():
            devices = _devices(key, attributes)
            if not self.fallen.isdisjoint(devices) or (
                not down.isdisjoint(devices) and _dies_when_down(key)
            ):
                lost.append(key)
                if key[0] in _PROGRAMS and key in self.owned:  # it would go on with no device
                    self._remove(key, Phase.STOP, "it goes with its device")
                del self.now[key]
        for key, found in self.now.items():
            if key[0] == "link" and found.get("master") in self.fallen:
                left = _without_master(found)
                # __bond_release_one closes what was a member
                closed = found.get("master-kind") == "bond"
                self.now[key] = {**left, "up": False} if closed else left
        for key in [k for k in self.now if k[0] in _MEMBERSHIP]:
            if self.now.get(("link", _port(key)), {}).get("master") is None and not _is_own(
                key, self.now[key]
            ):
                del self.now[key]
        return lost

    def _goes_down(self, name: str) -> bool:
        """Tell whether a device will be down, for a moment at least, or is so by the kernel's doing."""
        now = self.now.get(("link", name))
        if now is None or not now.get("up"):
            return False
        leaves = now.get("master") in self.fallen and now.get("master-kind") in ("bond", "vrf")
        return leaves or self._full(self.links[name]).get("up") is False or self._is_lowered(name)

    def _is_lowered(self, name: str) -> bool:
        """Tell whether a device must be down for a change."""
        item = self.links[name]
        now = self.now.get(item.key)
        if now is None or not now.get("up"):
            return False
        full = self._full(item)
        return bool(_with_impact(now, full, "down", "empty"))

    def _stays(self, key: Key) -> bool:
        """Tell whether something lost is of others, settable, and its device still wanted."""
        if key in self.owned or is_ours(key, self.state[key]) or is_foreign(key, self.state[key]):
            return False
        if key[0] in ("sysctl", "vlan", "qdisc"):
            return False
        devices = _devices(key, self.state[key])
        return all(name in self.links for name in devices if name in self.fallen) and all(
            self.links[name].attributes.get("up", True) for name in devices if name in self.links
        )

    def _give_back(self) -> None:
        """Put ports of others back into a bridge or bond that was made anew."""
        for key, attributes in self.state.items():
            master = attributes.get("master")
            if key[0] != "link" or key[1] in self.links or key[1] in self.fallen | self.late:
                continue
            if master in self.fallen and master in self.links:
                now = self.now[key]
                again = {n: v for n, v in attributes.items() if links.phase(n) == "port"}
                item = Wanted(key, attributes, self.links[str(master)].path)
                kind = self.links[str(master)].attributes["kind"]
                if kind not in _MASTERS:
                    self._refuse(
                        "VN606",
                        f"`{key[1]}`, which vnetc did not make, cannot be in `{master}` any more: "
                        f"that is to be a {kind}",
                        self.links[str(master)],
                        "",
                        "take it out of there first",
                    )
                    continue
                member: Attributes = {**now, "master": master, "master-kind": kind}
                self._change(item, Phase.MASTER, now, member)
                if again and kind == attributes.get("master-kind"):
                    self._change(item, Phase.PORT, member, {**member, **again})

    # --- devices ----------------------------------------------------------------------------------

    def _depth(self, name: str) -> int:
        """Count the devices below one that are wanted too; the checks have refused cycles."""
        known = self.depths.get(name)
        if known is not None:
            return known
        self.depths[name] = 0
        below = self.links[name].attributes.get("link")
        if isinstance(below, str) and below in self.links:
            self.depths[name] = 1 + self._depth(below)
        return self.depths[name]

    def _link(self, name: str) -> None:
        item = self.links[name]
        full = self._full(item)
        now: Attributes | None = self.now.get(item.key)
        if now is None:
            if full["kind"] in CARDS or _ends_elsewhere(full):
                self._refuse(
                    "VN614",
                    f"there is no network card `{name}`",
                    item,
                    "",
                    "plug it in, or take it out of the document",
                )
                return
            now = self._make(item, name in self.fallen)
        elif name in self.lowered:
            full = {"up": True, **full}
        frees = False
        if full.get("master", now.get("master")) != now.get("master"):
            frees = now.get("master-kind") == "bond"
            now = {**now, **self._as_port(item, full)}
        # what a bond frees gets back the MTU that it had before, whatever that was
        now = {**now, "mtu": None} if frees else self._raise(item, full, now)
        if not differing(item.key, full, now):
            self.now[item.key] = now
            return
        said = _by_phase(full)
        for phase in (Phase.DEVICE, Phase.MASTER, Phase.PORT, Phase.UP):
            new = said[phase]
            if differing(item.key, new, now):
                late = frees and phase is Phase.DEVICE
                self._change(item, Phase.PORT if late else phase, now, {**now, **new})
                now = {**now, **new}
                if phase is Phase.MASTER and new.get("master-kind") == "bond":
                    now = {**now, "up": True}  # bond_enslave opens it
        self.now[item.key] = now

    def _raise(self, item: Wanted, full: Attributes, now: Attributes) -> Attributes:
        """Give a device a larger MTU before others are made on it: theirs is at most its own."""
        old, new = now.get("mtu"), full.get("mtu")
        if not isinstance(old, int) or not isinstance(new, int) or old >= new:
            return now
        if item.key not in self.state or item.key[1] in self.lowered | self.fallen:
            return now
        self._change(item, Phase.RAISE, now, {**now, "mtu": new})
        return {**now, "mtu": new}

    def _lower(self, item: Wanted) -> None:
        """Take a device down for a change that it only takes then, and off its members if need be."""
        now = self.now[item.key]
        self.lowered.add(item.key[1])
        self._change(item, Phase.LOWER, now, {**now, "up": False})
        self.now[item.key] = {**now, "up": False}
        if not _with_impact(now, self._full(item), "empty"):
            return
        for key, attributes in [*self.now.items()]:
            if key[0] != "link" or attributes.get("master") != item.key[1]:
                continue
            member = self.links.get(key[1], Wanted(key, attributes, item.path))
            alone = {**_without_master(attributes), "up": False}
            self._change(member, Phase.LOWER, attributes, {**attributes, **_NO_MASTER, "up": False})
            if key[1] in self.links:
                self.lowered.add(key[1])
                self.now[key] = alone
            else:  # of others, and given back to them
                self._change(member, Phase.MASTER, alone, {**alone, **_master_of(attributes)})

    def _make(self, item: Wanted, was_there: bool) -> Attributes:
        """Make a device; a cable has both its ends at once."""
        attributes = item.attributes
        name, kind = item.key[1], str(attributes["kind"])
        depth = self._depth(name)
        made: dict[str, Value] = {n: v for n, v in attributes.items() if links.phase(n) == "device"}
        peer = attributes.get("peer")
        self.made.add(name)
        reason = ""
        if was_there:
            reason = self._why_anew(item)
        if isinstance(peer, str) and peer in self.fallen and ("link", peer) not in self.now:
            self._clear(peer, name)
        self._add(
            Phase.CREATE,
            depth,
            Step(
                action="!" if was_there else "+",
                key=item.key,
                before=self.state.get(item.key) if was_there else None,
                after=newborn.without_generation(attributes, made, self.state),
                path=item.path,
                places=item.places,
                impact="disruptive" if was_there else "seamless",
                reason=reason,
                falls=self._falls_with(name) if was_there else (),
            ),
        )
        new: Attributes = {"up": False, **_NO_MASTER}
        if kind == "veth" and isinstance(peer, str):
            other: Key = ("link", peer)
            if other not in self.now:
                twin = links.defaults(kind, {"peer": name})
                self.now[other] = {**twin, **new, "kind": kind, "peer": name, "link": None}
        default = attributes.get("bridge.default-pvid", 1)
        if attributes.get("bridge.vlan-filtering") and default:  # br_vlan_init
            own: Key = ("vlan", name, str(default))
            self.now[own] = {"pvid": True, "untagged": True, "self": True}
        return {**links.defaults(kind, attributes), **new, **made}

    def _clear(self, peer: str, name: str) -> None:
        """Remove what has the name of a cable's other end, which is made along with the first."""
        if self.state[("link", peer)].get("peer") == name:
            return  # it goes with that
        self._add(
            Phase.EARLY,
            -_depth_in(self.state, peer),
            Step(
                action="-",
                key=("link", peer),
                before=self.state[("link", peer)],
                after=None,
                path=self.links[peer].path,
                impact="disruptive",
                reason=f"`{name}` brings a new one",
                falls=self._falls_with(peer),
            ),
        )

    def _why_anew(self, item: Wanted) -> str:
        old, full = self.state[item.key], self._full(item)
        if old["kind"] != full["kind"]:
            return f"it is a {old['kind']} now"
        names = _with_impact(old, full, "recreate")
        return f"`{names[0]}` is set only once" if names else "it goes with what it is on"

    def _falls_with(self, name: str) -> tuple[Key, ...]:
        """List what is lost with a device: also what leads through it, and its ports' membership."""
        fallen = self._stacked([name])
        return tuple(
            key
            for key, attributes in self.state.items()
            if not fallen.isdisjoint(_devices(key, attributes))
            or attributes.get("master") in fallen
        )

    def _as_port(self, item: Wanted, full: Attributes) -> Attributes:
        """Say what a device is as a new port, before anything is set; note its default VLAN."""
        master = self.links.get(str(full.get("master")))
        self._leave(item.key[1])
        old: Attributes = dict.fromkeys(
            (n for n in self.now.get(item.key, {}) if links.phase(n) == "port"), None
        )
        if master is None or master.attributes["kind"] != "bridge":
            return old
        if master.attributes.get("bridge.vlan-filtering"):
            default = master.attributes.get("bridge.default-pvid", 1)
            if default:
                key: Key = ("vlan", item.key[1], str(default))
                self.now[key] = {"pvid": True, "untagged": True, "self": False}
        return {**old, **links.port_defaults()}

    def _leave(self, name: str) -> None:
        """Forget what a port has of its bridge: it stays behind (nbp_vlan_flush, br_fdb_delete_by_port)."""
        if self.state.get(("link", name), {}).get("master-kind") == "bridge":
            for key in [k for k in self.now if k[0] in _MEMBERSHIP and _port(k) == name]:
                if not _is_own(key, self.now[key]):
                    del self.now[key]

    def _change(self, item: Wanted, phase: Phase, now: Attributes, new: Attributes) -> None:
        names = differing(item.key, new, now)
        impact: Impact = "seamless"
        exists = item.key in self.state and item.key in self.now
        if exists and now.get("up") and any(links.impact(n, now, new) != "live" for n in names):
            impact = "brief"
        if exists and self.state[item.key].get("up") and phase in (Phase.LOWER, Phase.MASTER):
            impact = "brief"
        if phase is Phase.UP and not new["up"]:
            phase, impact = Phase.DOWN, "disruptive"
        self._add(
            phase,
            self.depths.get(item.key[1], 0),
            Step(
                action="~",
                key=item.key,
                before=now,
                after=new,
                path=item.path,
                places=item.places,
                impact=impact,
            ),
        )

    def _is_in_the_way(self, name: str) -> bool:
        """Tell whether a device must go before a new one can be made: a VLAN of the same number."""
        identity = links.identity(self.state["link", name])
        return identity is not None and any(
            links.identity(item.attributes) == identity for item in self.links.values()
        )

    def _unlink(self, name: str) -> None:
        """Remove a device of ours that nobody wants, before or after the new ones are made."""
        key: Key = ("link", name)
        now = self.state[key]
        peer = now.get("peer")
        if isinstance(peer, str) and peer < name and peer in self.fallen | self.late:
            return  # the other end takes it along
        self._add(
            Phase.EARLY if name in self.fallen else Phase.UNLINK,
            -_depth_in(self.state, name),
            Step(
                action="-",
                key=key,
                before=now,
                after=None,
                impact="disruptive",
                reason=_UNNAMED,
                falls=self._falls_with(name),
            ),
        )

    # --- all else ---------------------------------------------------------------------------------

    def _object(self, item: Wanted) -> None:
        key, now = item.key, self.now.get(item.key)
        if now is not None and not differing(key, item.attributes, now, exact=self.exact):
            return
        if key[0] == "sysctl" and self._is_born_with(item):
            return
        action: Action = "+" if now is None else "~"
        impact: Impact = "seamless"
        if key[0] == "address":
            impact = self._address(item, now)
        if key[0] == "card" and now is not None:
            from vnetc.backends.netlink import cards

            impact = cards.impact(now, item.attributes)
        self._add(
            phase_of(key),
            routes.order(item.attributes) if key[0] == "route" else 0,
            Step(
                action=action,
                key=key,
                before=now,
                after=item.attributes if now is None else {**now, **item.attributes},
                path=item.path,
                places=item.places,
                impact=impact,
            ),
        )

    def _forward(self) -> None:
        """Follow what forwarding for the whole host does to that of devices (inet_forward_change)."""
        for key, start in _HOST_WIDE.items():
            item, now = self.wanted.get(key), self.now.get(key)
            if item is None or now is None or not differing(key, item.attributes, now):
                continue
            for other in self.now:
                of_device = other[0] == "sysctl" and other[1].startswith(start) and other != key
                if of_device and other[1].endswith("/forwarding"):
                    self.now[other] = item.attributes

    def _is_born_with(self, item: Wanted) -> bool:
        """Tell whether a device that is made has a kernel parameter as wanted from the start."""
        name = next(iter(_devices(item.key, item.attributes)), None)
        if name not in self.made:
            return False
        value = item.attributes["value"]
        return newborn.has_parameter(self.links[name].attributes, item.key, value, self.state)

    def _address(self, item: Wanted, now: Attributes | None) -> Impact:
        """Follow what a new or changed address does to others of its device."""
        key = item.key
        if now is None:
            shadows = self._shadows(key)
            for other in [*addresses.conflicts(key, self.held.get(key[1], {})), *shadows]:
                if other not in self.wanted and other in self.now:
                    self._remove(other, Phase.CONFLICT, f"`{key[2]}` takes its place")
                    del self.now[other]
            self._hold(key, item.attributes)
            return "seamless"
        impact = addresses.impact(key, now, item.attributes)
        if impact != "seamless":  # it is removed and made anew
            self._let_go(key)
            self._hold(key, item.attributes)
        return impact

    def _shadows(self, key: Key) -> list[Key]:
        """List addresses that go and have this one for a broadcast address, on whichever device.

        As long as they are there the kernel makes no route of it (fib_valid_prefsrc).
        """
        if self.broadcasts is None:
            self.broadcasts = {}
            for other, found in self.state.items():
                if other[0] == "address" and isinstance(found.get("broadcast"), str):
                    self.broadcasts.setdefault(str(found["broadcast"]), []).append(other)
        own = key[2].partition("/")[0]
        return [
            other
            for other in self.broadcasts.get(own, [])
            if other in self.now and self._is_removed(other, self.now[other])
        ]

    def _remove(self, key: Key, phase: Phase, reason: str) -> None:
        """Remove an object; the kernel may take others along, or instead."""
        attributes = self.now[key]
        falls = self._let_go(key) if key[0] == "address" else []
        hidden: tuple[tuple[Key, Attributes], ...] = ()
        if key[0] == "rule":
            own = {k: v for k, v in self.state.items() if k[0] == "rule"}
            hidden = tuple(
                (k, own[k])
                for k in rules.hides(key, own)
                if k in self.wanted or not self._is_removed(k, own[k])  # else it went before
            )
        self._add(
            phase,
            0,
            Step(
                action="-",
                key=key,
                before=attributes,
                after=None,
                impact="disruptive" if key[0] in ("address", "nft", "dnsmasq") else "seamless",
                reason=reason,
                falls=tuple(falls),
                hidden=hidden,
            ),
        )

    def _let_go(self, key: Key) -> list[Key]:
        """Take an address from those of its device; note which the kernel takes along."""
        held = self.held.get(key[1], {})
        falls = addresses.falls_with(key, held)
        held.pop(key, None)
        if falls and self._promotes(key[1]):
            held[falls[0]] = {**held[falls[0]], "secondary": False}
            return []
        for other in falls:
            self.again[other] = held.pop(other)
        return falls

    def _promotes(self, name: str) -> bool:
        """Have the kernel keep the other addresses of a subnet when the first one goes.

        Without, a device is without any for a moment, and loses its routes (fib_inetaddr_event).
        """
        key: Key = ("sysctl", f"net/ipv4/conf/{name}/promote_secondaries")
        old = self.state.get(key)
        if old is None:
            return False
        if key not in self.promoted:
            self.promoted.add(key)
            new: Attributes = {"value": "1"}
            why = "for as long as addresses change"
            for phase, before, after in ((Phase.SYSCTL, old, new), (Phase.LAST, new, old)):
                step = Step(action="~", key=key, before=before, after=after, reason=why)
                if old != new:
                    self._add(phase, 0, step)
        return True

    def _hold(self, key: Key, attributes: Attributes) -> None:
        """Add an address to those of its device, as the kernel does."""
        held = self.held.setdefault(key[1], {})
        held[key] = {**attributes, "secondary": addresses.becomes_secondary(key, held)}

    def _removals(self) -> None:
        """Remove what is ours and not wanted, and give back what the kernel takes along."""
        removed: set[Key] = set()
        for key, attributes in self.now.items():
            if key in self.wanted or key[0] == "link" or not self._is_removed(key, attributes):
                continue
            removed.add(key)
            reason = _MOVED if self._is_moved(key) else _UNNAMED
            self._remove(key, phase_of(key, removal=True), reason)
        for key, attributes in self.again.items():
            if key in removed:
                continue
            wanted = self.wanted.get(key, Wanted(key, attributes, ()))
            self._add(
                Phase.AGAIN,
                0,
                Step(
                    action="+",
                    key=key,
                    before=None,
                    after={**_settable(attributes), **wanted.attributes},
                    path=wanted.path,
                    impact="brief",
                    reason="the kernel removes it with the first address of its subnet",
                ),
            )

    def _is_removed(self, key: Key, attributes: Attributes) -> bool:
        if key[0] not in _PROGRAMS and not self.late.isdisjoint(_devices(key, attributes)):
            return False  # it goes with its device
        if key in self.owned:
            return True
        if self._is_moved(key):
            return True
        if is_foreign(key, attributes):
            return self._is_forbidden(key, attributes)
        if self.exact:
            return False
        if is_ours(key, attributes):
            return True
        devices = _devices(key, attributes)
        named = bool(devices) and all(name in self.links for name in devices)
        if key[0] == "vlan":  # what a filtering bridge of the document lets through, it says itself
            return named and self._filters(key[1])
        return self.prune and named and key[0] in ("address", "route", "neighbor", "rule")

    def _is_moved(self, key: Key) -> bool:
        """Tell whether an address of a port is one that the document has on another device.

        Whoever put it there: the host would answer at the bridge and send through the port.
        """
        if self.exact or key[0] != "address" or key[1] not in self.links:
            return False
        port = self.links[key[1]].attributes.get("master-kind") in ("bridge", "bond")
        return port and key[2].partition("/")[0] in self.stated

    @cached_property
    def stated(self) -> frozenset[str]:
        """The addresses of the document, without their subnets; link-local ones mean no host."""
        found = {key[2].partition("/")[0] for key in self.wanted if key[0] == "address"}
        return frozenset(address for address in found if not address.startswith("fe80:"))

    def _is_forbidden(self, key: Key, attributes: Attributes) -> bool:
        """Tell whether the kernel made something by itself that the document says it shall not."""
        device = key[1] if key[0] == "address" else attributes.get("dev")
        item = self.links.get(str(device))
        if item is None or (key[0] == "address" and ":" not in key[2]):
            return False
        if key[0] == "address" and attributes["origin"] == "kernel":
            links_none = item.attributes.get("address-generation") == NO_ADDRESS
            return links_none and key[2].startswith("fe80:")
        accepts = self.wanted.get(("sysctl", f"net/ipv6/conf/{device}/accept_ra"))
        if accepts is None or accepts.attributes["value"] != "0":
            return False
        return attributes.get("proto") == _ADVERTISED[key[0]] or (
            key[0] == "address" and bool(attributes.get("manage-temporary"))
        )

    def _filters(self, name: str) -> bool:
        item = self.links[name]
        master = item.attributes.get("master")
        bridge = item if master is None else self.links.get(str(master))
        return bridge is not None and bool(bridge.attributes.get("bridge.vlan-filtering"))


def is_ours(key: Key, attributes: Attributes) -> bool:
    """Tell whether an object has the mark that only vnetc makes."""
    return attributes.get("proto") == PROTOCOL


def _with_impact(now: Attributes, full: Attributes, *impacts: links.Impact) -> list[str]:
    return [
        name
        for name in links.differing(now, full)
        if name not in OBSERVED and links.impact(name, now, full) in impacts
    ]


def _by_phase(full: Attributes) -> dict[Phase, dict[str, Value]]:
    """Sort the attributes of a device by when they are set."""
    found: dict[Phase, dict[str, Value]] = {phase: {} for phase in _LINK_PHASES.values()}
    for name, value in full.items():
        found[_LINK_PHASES[links.phase(name)]][name] = value
    return found


_LINK_PHASES = {
    "device": Phase.DEVICE,
    "master": Phase.MASTER,
    "port": Phase.PORT,
    "up": Phase.UP,
}


def _dies_when_down(key: Key) -> bool:
    """Tell whether an object of a device goes when that goes down (fib_sync_down_dev, addrconf_ifdown)."""
    return key[0] in ("route", "neighbor") or (key[0] == "address" and ":" in key[2])


_MASTERS = frozenset({"bridge", "bond", "vrf"})


def _is_too_small(mtu: Value) -> bool:
    return isinstance(mtu, int) and mtu < IPV6_MINIMUM_MTU


def _ends_elsewhere(full: Attributes) -> bool:
    """Tell whether a device is one end of a cable whose other end is in another namespace."""
    return full["kind"] == "veth" and full.get("peer") is None


def _without_ipv6(item: Wanted) -> Wanted:
    """Leave out what a kernel without IPv6 does not know of a device."""
    if item.key[0] != "link":
        return item
    names = item.attributes.keys() - {"address-generation", "address-token"}
    return replace(item, attributes={name: item.attributes[name] for name in names})


# what a port has of its bridge
_MEMBERSHIP = frozenset({"vlan", "fdb", "mdb"})


def _port(key: Key) -> str:
    return key[2] if key[0] == "mdb" else key[1]


def _is_own(key: Key, attributes: Attributes) -> bool:
    """Tell whether something is of the device itself, bridge or not."""
    return bool(attributes.get("self")) or (key[0] == "fdb" and key[3] == "self")


# what a program does for a device, and does not end with it
_PROGRAMS = frozenset({"dhcp", "resolver"})
_HOST_WIDE: Mapping[Key, str] = {
    ("sysctl", "net/ipv4/ip_forward"): "net/ipv4/conf/",
    ("sysctl", "net/ipv6/conf/all/forwarding"): "net/ipv6/conf/",
}
# IFAPROT_KERNEL_RA, RTPROT_RA: of router advertisements
_ADVERTISED = {"address": 2, "route": 9}
_NO_MASTER: Attributes = {"master": None, "master-kind": None}


def _without_master(attributes: Attributes) -> Attributes:
    rest = {name: value for name, value in attributes.items() if links.phase(name) != "port"}
    return {**rest, **_NO_MASTER}


def _master_of(attributes: Attributes) -> Attributes:
    return {name: attributes[name] for name in _NO_MASTER if name in attributes}


def _depth_in(state: State, name: str) -> int:
    depth = 0
    seen: set[str] = set()
    while name not in seen:
        seen.add(name)
        below = state.get(("link", name), {}).get("link")
        if not isinstance(below, str):
            break
        name, depth = below, depth + 1
    return depth


_UNNAMED = "the document does not name it any more"
_MOVED = "the document has it on another device"
