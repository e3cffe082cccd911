"""How the files of netplan take effect (netplan-apply(8))."""

from __future__ import annotations

from vnetc.backends.deployment import (
    DHCP,
    FIREWALL,
    LINK,
    SYSCTL,
    UNITS,
    WPA,
    Action,
    Deployment,
)

DEPLOYMENT = Deployment(
    actions=(
        UNITS,
        LINK,
        SYSCTL,
        FIREWALL,
        WPA,
        Action(
            files=("/etc/netplan/*", "/etc/systemd/network/*"),
            command="netplan apply",
            interrupts="interfaces whose settings changed; devices that no file has any more go",
        ),
        Action(
            files=("/etc/systemd/networkd.conf.d/*",),
            command="reboot",
            interrupts="all: systemd-networkd reads networkd.conf(5) only when it starts",
        ),
        DHCP,
    ),
    others=(
        "/etc/netplan/00-installer-config.yaml",
        "/etc/netplan/50-cloud-init.yaml",
        "/etc/netplan/*.yaml",
    ),
)
