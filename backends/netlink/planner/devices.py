"""Steps for network devices: made, changed, made anew, brought up and down, removed."""

from __future__ import annotations

from vnetc.backends.netlink.links import defaults as newborn
from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.links.changes import CARDS
from vnetc.backends.netlink.planner.order import Phase
from vnetc.backends.netlink.planner.planning import UNNAMED, Planning
from vnetc.backends.netlink.planner.relations import (
    MEMBERSHIP,
    NO_MASTER,
    depth_in,
    devices_of,
    is_own,
    master_of,
    port_of,
    without_master,
)
from vnetc.backends.netlink.planner.steps import OBSERVED, Step, differing
from vnetc.backends.netlink.state import Attributes, Key, Value, Wanted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnetc.backends.netlink.planner.steps import Impact

_MASTERS = frozenset({"bridge", "bond", "vrf"})


class DevicePlanning(Planning):
    """Plans devices."""

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

    def _is_emptied(self, name: str) -> bool:
        """Tell whether a device must let go of its members for a change."""
        now = self.now.get(("link", name))
        return now is not None and bool(_with_impact(now, self._full(self.links[name]), "empty"))

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
            alone = {**without_master(attributes), "up": False}
            self._change(member, Phase.LOWER, attributes, {**attributes, **NO_MASTER, "up": False})
            if key[1] in self.links:
                self.lowered.add(key[1])
                self.now[key] = alone
            else:  # of others, and given back to them
                self._change(member, Phase.MASTER, alone, {**alone, **master_of(attributes)})

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
        new: Attributes = {"up": False, **NO_MASTER}
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
            -depth_in(self.state, peer),
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
            if not fallen.isdisjoint(devices_of(key, attributes))
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
            for key in [k for k in self.now if k[0] in MEMBERSHIP and port_of(k) == name]:
                if not is_own(key, self.now[key]):
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
            -depth_in(self.state, name),
            Step(
                action="-",
                key=key,
                before=now,
                after=None,
                impact="disruptive",
                reason=UNNAMED,
                falls=self._falls_with(name),
            ),
        )


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


def _ends_elsewhere(full: Attributes) -> bool:
    """Tell whether a device is one end of a cable whose other end is in another namespace."""
    return full["kind"] == "veth" and full.get("peer") is None
