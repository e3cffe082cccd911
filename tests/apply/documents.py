"""Documents that apply goes from and to, for tests of what comes in between."""

from __future__ import annotations

from typing import Any


def host(networks: dict[str, Any] | None = None, **interfaces: Any) -> dict[str, Any]:
    return {"version": 1, "interfaces": interfaces, "networks": networks or {}}


ROUTES = [{"to": "default", "via": "203.0.113.1"}]
PLACE = {"addresses": ["203.0.113.2/24", "2001:db8::2/64"], "routes": ROUTES}
VMS = {
    "mode": "nat",
    "subnet": "192.168.122.0/24",
    "dhcp": {"range": "192.168.122.100 - 192.168.122.200"},
}
_VXLAN = {"type": "vxlan", "id": 7, "local": "203.0.113.2", "remote": "203.0.113.9"}
CARD = host(eth0=PLACE)
BRIDGE = host(eth0={}, br0={"type": "bridge", "ports": ["eth0"], "ageing-time": "60s", **PLACE})
NAT = host({"vms": VMS}, eth0=PLACE)
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "address to a bridge": (CARD, BRIDGE),
    "address from a bridge": (BRIDGE, CARD),
    "network comes": (CARD, NAT),
    "network changes": (
        NAT,
        host({"vms": {**VMS, "subnet": "192.168.9.0/24", "dhcp": {}}}, eth0=PLACE),
    ),
    "network goes": (NAT, CARD),
    "devices made anew": (
        host(
            eth0=PLACE,
            vx0=_VXLAN,
            br1={"type": "bridge", "ports": ["vx0", "v0"], "addresses": ["10.1.0.1/24"]},
            v0={"type": "veth", "peer": "v1"},
            v1={"type": "veth", "peer": "v0", "addresses": ["10.2.0.1/24"]},
        ),
        host(
            eth0=PLACE,
            vx0={**_VXLAN, "id": 8},
            br1={"type": "bridge", "ports": ["vx0"], "addresses": ["10.1.0.1/25"], "stp": True},
            v0={"type": "macvlan", "link": "eth1"},
            eth1={},
        ),
    ),
    "rules, routes, neighbours": (
        host(
            eth0={
                **PLACE,
                "routing-policy": [{"priority": 100, "from": "10.0.0.0/8", "table": 100}],
                "neighbors": [{"address": "203.0.113.7", "macaddress": "52:54:00:00:00:07"}],
            }
        ),
        host(
            eth0={
                "addresses": ["203.0.113.3/24", "2001:db8::3/64"],
                "routes": [
                    {"to": "default", "via": "203.0.113.254", "metric": 10},
                    {"to": "10.0.0.0/8", "via": "203.0.113.9", "table": 100},
                    {"to": "2001:db8:9::/48", "via": "2001:db8::9"},
                ],
                "routing-policy": [{"priority": 90, "from": "10.0.0.0/9", "table": 100}],
                "neighbors": [{"address": "203.0.113.8", "macaddress": "52:54:00:00:00:08"}],
                "mtu": 1400,
                "sysctl": {"ipv4": {"rp_filter": 2}},
            }
        ),
    ),
}
