"""What to do on a host with files that are new there, in order, and what each step interrupts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vnetc.model.record import Record


class Action(Record):
    """A step of a deployment: it is due if one of the files that it is for changes.

    `files` are paths, each with a `*` for any text, or none. In `command`, NAME stands for what the
    first `*` that fits stands for: then the step is taken for each.
    """

    files: Sequence[str]
    command: str
    interrupts: str


class Step(Record):
    """A step that is due: a command, and what it interrupts."""

    command: str
    interrupts: str


class Deployment(Record):
    """How the files of a target take effect.

    `others` are files of other programs, which would speak too; glob patterns. So would those of
    `directory`, if a file names it.
    """

    actions: Sequence[Action]
    others: Sequence[str] = ()
    directory: str = ""


NOTHING = "nothing"
# What all targets share: files of udev and sysctl, and on those with systemd of units.
UNITS = Action(
    files=("/etc/systemd/system/*",), command="systemctl daemon-reload", interrupts=NOTHING
)
SYSCTL = Action(
    files=("/etc/sysctl.d/60-vnetc.conf",),
    command="sysctl -p /etc/sysctl.d/60-vnetc.conf",
    interrupts=NOTHING,
)
LINK = Action(
    files=("/etc/systemd/network/*.link",),
    command="update-initramfs -u",
    interrupts="nothing; cards have their new names and settings after the next boot",
)
FIREWALL = Action(
    files=("/etc/vnetc/*.nft",),
    command="systemctl reload-or-restart vnetc-firewall-NAME.service",
    interrupts="nothing: the rules are replaced at once",
)
WPA = Action(
    files=(
        "/etc/wpa_supplicant/wpa_supplicant-wired-*.conf",
        "/etc/wpa_supplicant/wpa_supplicant-*.conf",
    ),
    command="systemctl restart vnetc-wpa-NAME.service",
    interrupts="NAME, until it has been let in again",
)
DHCP = Action(
    files=("/etc/vnetc/*.dnsmasq.conf",),
    command="systemctl restart vnetc-dnsmasq-NAME.service",
    interrupts="for a moment DHCP and DNS of the guests of NAME",
)
NETWORKD = Action(
    files=("/etc/systemd/networkd.conf.d/*",),
    command="reboot",
    interrupts="all: systemd-networkd reads networkd.conf(5) only when it starts",
)


def with_networkd(take: Action, others: Sequence[str]) -> Deployment:
    """Give the deployment of a target that systemd-networkd is behind; `take` has it read its files."""
    actions = (UNITS, LINK, SYSCTL, FIREWALL, WPA, take, NETWORKD, DHCP)
    return Deployment(actions=actions, others=others)


def steps(deployment: Deployment, paths: Iterable[str]) -> list[Step]:
    """List the steps that are due when the files at these paths are new, others or gone."""
    changed = list(paths)
    found: dict[Step, None] = {}
    for action in deployment.actions:
        for path in changed:
            name = next((n for n in (_fit(g, path) for g in action.files) if n is not None), None)
            if name is not None:
                step = Step(
                    command=action.command.replace("NAME", name),
                    interrupts=action.interrupts.replace("NAME", name),
                )
                found[step] = None
    return list(found)


def _fit(pattern: str, path: str) -> str | None:
    """Give what the `*` of a pattern stands for in a path, None if the path is another one.

    By hand: to compile regular expressions would take longer than all else that is done here.
    """
    before, star, after = pattern.partition("*")
    if not star:
        return "" if path == pattern else None
    fits = path.startswith(before) and path[len(before) :].endswith(after)
    return path[len(before) : len(path) - len(after)] if fits else None
