"""How the files of the ifupdowns take effect (ifup(8), ifreload(8))."""

from __future__ import annotations

from vnetc.backends.deployment import LINK, SYSCTL, Action, Deployment

_FILES = ("/etc/network/*", "/etc/vnetc/*", "/etc/wpa_supplicant/*", "/etc/dhcp/*")
_DIRECTORY = "/etc/network/interfaces.d"
_OTHERS = ("/etc/netplan/*.yaml", "/etc/systemd/network/*.network")
BY_HAND = Deployment(
    actions=(
        LINK,
        SYSCTL,
        Action(
            files=_FILES,
            command="ifdown INTERFACE; ifup INTERFACE",
            interrupts="each interface whose stanza changed, with all that goes through it; a "
            "bridge's guests lose their port until they start again",
        ),
    ),
    others=_OTHERS,
    directory=_DIRECTORY,
)
BY_RELOAD = Deployment(
    actions=(
        LINK,
        SYSCTL,
        Action(files=_FILES, command="ifreload -a", interrupts="interfaces whose stanza changed"),
    ),
    others=_OTHERS,
    directory=_DIRECTORY,
)
