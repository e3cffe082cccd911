"""How the files of netplan take effect (netplan-apply(8))."""

from __future__ import annotations

from vnetc.backends.deployment import Action, with_networkd

DEPLOYMENT = with_networkd(
    Action(
        files=("/etc/netplan/*", "/etc/systemd/network/*"),
        command="netplan apply",
        interrupts="interfaces whose settings changed; devices that no file has any more go",
    ),
    others=(
        "/etc/netplan/00-installer-config.yaml",
        "/etc/netplan/50-cloud-init.yaml",
        "/etc/netplan/*.yaml",
    ),
)
