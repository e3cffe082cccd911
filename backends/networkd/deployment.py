"""How the files of systemd-networkd take effect (networkctl(1))."""

from __future__ import annotations

from vnetc.backends.deployment import Action, with_networkd

DEPLOYMENT = with_networkd(
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
    others=(
        "/etc/systemd/network/0[0-4]*",
        "/etc/network/interfaces",
        "/etc/netplan/*.yaml",
    ),
)
