"""How the files of systemd-networkd take effect (networkctl(1), networkd.conf(5))."""

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
            files=(
                "/etc/systemd/network/*.network",
                "/etc/systemd/network/*.netdev",
                "/etc/systemd/network/*.conf",
            ),
            command="networkctl reload",
            interrupts="interfaces whose .network file changed; a device that is there keeps what "
            "its .netdev file said until it is made anew",
        ),
        Action(
            files=("/etc/systemd/networkd.conf.d/*",),
            command="reboot",
            interrupts="all: systemd-networkd reads networkd.conf(5) only when it starts",
        ),
        DHCP,
    ),
    others=(
        "/etc/systemd/network/0[0-4]*",
        "/etc/network/interfaces",
        "/etc/netplan/*.yaml",
    ),
)
