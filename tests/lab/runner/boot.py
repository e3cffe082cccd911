"""Bring a sandbox up with one of the real renderers, as a booting host would.

There is no init system and no udev in a sandbox. What these two do at boot with the files of a
compilation is done here from the files themselves, by systemd's own programs where it has one.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from .sandbox import RESULTS, LabError, Sandbox

Done = Callable[[], bool]


@dataclass(frozen=True)
class File:
    """A file of the host: absolute path, text, permission bits."""

    path: str
    content: str
    mode: int = 0o644
    group: str = "root"


def boot(box: Sandbox, renderer: str, files: Sequence[File]) -> None:
    """Put the files in place, boot, and wait until the network stands still.

    Raises `LabError` if the renderer or a unit fails, or takes too long.
    """
    install(files)
    for file in files:
        if file.group != "root":
            box.run("chgrp", file.group, file.path, log="sandbox.log")
    if not renderer:
        return
    if renderer == "netplan":
        _generate(box)
    udev = _Udev(box)
    udev.rename()
    udev.apply("/net")  # systemd-sysctl.service
    udev.coldplug()
    daemons: list[subprocess.Popen[bytes]] = []
    units = list(_wanted())
    started = {unit.name for unit in units}
    for file in files:
        if file.path.endswith(".service") and Path(file.path).name not in started:
            raise LabError(f"nothing starts {file.path}")
    for unit in units:
        if unit.early:
            daemons += unit.start(box)
    renderer_done = RENDERERS[renderer](box)
    for unit in units:
        if not unit.early:
            daemons += unit.start(box)

    def done() -> bool:
        udev.coldplug()
        for daemon in daemons:
            if daemon.poll() is not None:
                raise LabError(f"{daemon.args!r} ended ({daemon.returncode})")
        return renderer_done()

    settle(box, renderer, done)
    if renderer in AFTERWARDS:
        AFTERWARDS[renderer](box)


def settle(box: Sandbox, what: str, done: Done = lambda: True) -> None:
    """Wait until `done` holds and the network stands still."""
    box.wait(what, lambda: done() and _forwarding())


def install(files: Iterable[File]) -> None:
    """Put the files of a compilation in place."""
    for file in files:
        path = Path(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.content)
        path.chmod(file.mode)


def _forwarding() -> bool:
    """Tell whether no bridge port is on its way to forwarding: STP takes twice the delay."""
    states = Path("/sys/class/net").glob("*/brport/state")
    return all(state.read_text().strip() in ("0", "3") for state in states)  # BR_STATE_*


# --- the renderers ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ifup:
    """A package that has an `ifup`."""

    program: tuple[str, ...]  # what that is in the end: the wrong one would also do something
    options: tuple[tuple[str, ...], ...] = (("-a", "-v"),)  # of the commands of its service


IFUP = {
    "ifupdown": Ifup(
        ("ifup",),
        (("-a", "-v"), ("-a", "-v", "--allow=hotplug")),  # ifup@.service, for each card
    ),
    "ifupdown2": Ifup(("__main__.py",)),
    "ifupdown-ng": Ifup(("ifupdown", "ifupdown-ng")),  # before and since Debian 13
}


def _ifup(box: Sandbox, package: str) -> Done:
    """Do what the package's networking.service does, with options that all of them know."""
    real = Path("/usr/sbin/ifup").resolve().name
    if real not in IFUP[package].program:
        raise LabError(f"`ifup` is {real}, not that of {package}")

    def done() -> bool:
        ended = [process.poll() for process in processes]
        if any(ended):
            raise LabError(f"`ifup -a` failed ({ended})")
        return None not in ended

    processes = [box.start("ifup", *words, log="ifup.log") for words in IFUP[package].options]
    return done


def _generate(box: Sandbox) -> None:
    """Run what systemd runs as a generator, before any unit; `netplan generate` calls it too.

    Since netplan 1.2 it makes units only; netplan-configure.service writes all else.
    """
    configure = "/usr/libexec/netplan/configure"
    if not Path(configure).exists():
        box.run("/usr/libexec/netplan/generate", log="netplan.log")
        return
    places = [f"/run/systemd/generator{when}" for when in ("", ".early", ".late")]
    for place in places:
        Path(place).mkdir(parents=True, exist_ok=True)
    box.run("/usr/lib/systemd/system-generators/netplan", *places, log="netplan.log")
    box.run(configure, log="netplan.log")


def _networkd(box: Sandbox) -> Done:
    """Start systemd-networkd; it configures a link as soon as it sees it."""
    # Read-only /sys is its sign that there is no udev to wait for (systemd.io/CONTAINER_INTERFACE).
    box.run("mount", "-o", "remount,bind,ro", "/sys", log="sandbox.log")
    owner = ["-o", "systemd-network", "-g", "systemd-network"]
    # StateDirectory= of its service
    box.run("install", "-d", *owner, "/var/lib/systemd/network", log="sandbox.log")
    _load_credentials(box, "systemd-networkd.service")
    process = box.start(
        "/lib/systemd/systemd-networkd",
        log="networkd.log",
        env={
            "SYSTEMD_LOG_LEVEL": "debug",
            "SYSTEMD_LOG_TARGET": "console",
            "SYSTEMD_LOG_COLOR": "0",
            # since systemd 256 its DHCP server waits for a word about /var:
            # systemd-networkd-persistent-storage.service
            "SYSTEMD_NETWORK_PERSISTENT_STORAGE_READY": "1",
        },
    )

    def done() -> bool:
        if process.poll() is not None:
            raise LabError(f"systemd-networkd ended ({process.returncode})")
        return all(_configured(link, routed=link in box.advertised) for link in box.links())

    return done


def _load_credentials(box: Sandbox, service: str) -> None:
    """Hand files to a service that runs as systemd-network, as systemd.exec(5) says of them."""
    directory = f"/run/credentials/{service}"
    for drop_in in sorted(Path(f"/etc/systemd/system/{service}.d").glob("*.conf")):
        for option, value in _options(drop_in):
            if option == "LoadCredential":
                name, _, file = value.partition(":")
                mode = ["-D", "-m", "0400", "-o", "systemd-network"]
                box.run("install", *mode, file, f"{directory}/{name}", log="sandbox.log")


def _configured(link: str, *, routed: bool) -> bool:
    """Tell from networkd's own records whether it is done with a link (networkctl needs D-Bus)."""
    try:
        index = Path("/sys/class/net", link, "ifindex").read_text().strip()
        record = Path("/run/systemd/netif/links", index).read_text()
    except FileNotFoundError:
        return False
    entries = dict(line.split("=", 1) for line in record.splitlines() if "=" in line)
    match entries.get("ADMIN_STATE"):
        case "configured" | "unmanaged":
            return True
        case "failed":
            raise LabError(f"systemd-networkd failed to configure `{link}`")
        case "configuring":
            # one that is down and stays so has nothing to wait for
            stays_down = entries.get("ACTIVATION_POLICY") in ("manual", "always-down")
            if stays_down or routed:  # a router that is there will be heard
                return stays_down
            return _lacks_carrier(link) or _lacks_only_a_router(
                link, entries.get("NETWORK_FILE", "")
            )
        case _:
            return False


def _lacks_carrier(link: str) -> bool:
    """Tell whether a link is up and has no carrier: with what is left it waits for one."""
    try:
        return Path("/sys/class/net", link, "carrier").read_text().strip() == "0"
    except OSError:  # it is down, or gone
        return False


def _lacks_only_a_router(link: str, network_file: str) -> bool:
    """Tell whether a link waits for router advertisements alone, which takes it 12 seconds."""
    network = Path(network_file).read_text()
    if re.search(r"^DHCP=(yes|true|ipv4|both)", network, re.MULTILINE | re.IGNORECASE):
        return False
    log = (RESULTS / "networkd.log").read_text(errors="replace")
    waits = re.findall(rf"^{re.escape(link)}: link_check_ready\(\): (.*)$", log, re.MULTILINE)
    # the words of 252, and of 257
    return bool(waits and re.match("dynamic address|.*carrier", waits[-1]))


DOCUMENT = "/etc/vnetc/host.vnet.yaml"
APPLY = f"vnetc apply {DOCUMENT} --yes --probe none"
PLAN = f"vnetc plan {DOCUMENT}"


def _apply(box: Sandbox) -> Done:
    """Let vnetc bring the kernel to where its document says."""
    process = box.start(*shlex.split(APPLY), log="apply.log")

    def done() -> bool:
        if process.poll():
            raise LabError(f"`vnetc apply` failed ({process.returncode})")
        return process.returncode == 0 and leased()

    return done


def leased() -> bool:
    """Tell whether each DHCP client has brought its device a route, which nothing waits for."""
    routed = {line.split()[0] for line in Path("/proc/net/route").read_text().splitlines()}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            program, *words, _ = (process / "cmdline").read_text().split("\0")
        except (OSError, ValueError):  # it has ended, or is the kernel's
            continue
        if program.endswith("dhclient") and "-r" not in words and words[-1] not in routed:
            return False
        match program.split():  # dhcpcd(8) says in a title what it asks for
            case ["dhcpcd:", device, "[ip4]", *_] if device not in routed:
                return False
            case _:
                pass
    return True


def _plan_nothing(box: Sandbox) -> None:
    """See that nothing is left to do once all is done."""
    box.run(*shlex.split(PLAN), log="plan.log")


RENDERERS: dict[str, Callable[[Sandbox], Done]] = {
    **{package: partial(_ifup, package=package) for package in IFUP},
    "netlink": _apply,
    "netplan": _networkd,
    "networkd": _networkd,
}
# What must hold of a renderer when the network stands still.
AFTERWARDS: dict[str, Callable[[Sandbox], None]] = {"netlink": _plan_nothing}


# --- udev ---------------------------------------------------------------------------------------


@dataclass
class _Udev:
    """What udev's rules do with a network device, for one that is there and those that come."""

    box: Sandbox
    seen: set[str] = field(default_factory=lambda: {"lo"})  # 99-systemd.rules leaves it out

    def rename(self) -> None:
        """Apply .link files, systemd.link(5). The builtin does all but the renaming itself."""
        directories = [Path("/", top, "systemd/network") for top in ("etc", "run")]
        if not any(file for d in directories for file in d.glob("*.link")):
            return
        for nic in self.box.cards:
            device = f"/sys/class/net/{nic}"
            report = self.box.read("udevadm", "test-builtin", "net_setup_link", device)
            for name in re.findall(r"^ID_NET_NAME=(\S+)", report, re.MULTILINE)[-1:]:
                self.box.ip(f"link set dev {nic} name {name}")

    def coldplug(self) -> None:
        """Apply the kernel parameters of devices that have appeared, as 99-systemd.rules does."""
        for link in self.box.links():
            if link not in self.seen:
                self.seen.add(link)
                self.apply(*(f"/net/{f}/{part}/{link}" for f in FAMILIES for part in PARTS))

    def apply(self, *prefixes: str) -> None:
        """Apply the sysctl.d files to what begins with one of the prefixes."""
        if any(Path("/etc/sysctl.d").glob("*.conf")):
            program = "/lib/systemd/systemd-sysctl"
            self.box.run(program, *(f"--prefix={p}" for p in prefixes), log="sysctl.log")


FAMILIES = ("ipv4", "ipv6")
PARTS = ("conf", "neigh")


# --- systemd ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Unit:
    """A service of the compilation."""

    name: str
    options: tuple[tuple[str, str], ...]

    def values(self, option: str) -> list[str]:
        return [value for name, value in self.options if name == option]

    def words(self, option: str) -> list[str]:
        return " ".join(self.values(option)).split()

    @property
    def early(self) -> bool:
        """Whether it runs before the network is configured."""
        return not {"network-pre.target", "systemd-networkd.service"}.isdisjoint(
            self.words("Before")
        )

    def start(self, box: Sandbox) -> list[subprocess.Popen[bytes]]:
        """Run its commands; give those that keep running."""
        for option, top in (("StateDirectory", "var/lib"), ("RuntimeDirectory", "run")):
            for directory in self.words(option):
                Path("/", top, directory).mkdir(parents=True, exist_ok=True)
        log = f"{self.name}.log"
        for command in self.values("ExecStartPre"):
            box.run(*shlex.split(command), log=log)
        commands = [shlex.split(command) for command in self.values("ExecStart")]
        if self.values("Type") in (["oneshot"], ["forking"]):
            for argv in commands:
                box.run(*argv, log=log)
            return []
        return [box.start(*argv, log=log) for argv in commands]


def _wanted() -> Iterator[_Unit]:
    """Find the host's own services that a drop-in of another unit wants, in its order."""
    units = Path("/etc/systemd/system")
    wanted = [
        name
        for drop_in in sorted(units.glob("*.d/*.conf"))
        for option, value in _options(drop_in)
        if option == "Wants"
        for name in value.split()
    ]
    for name in dict.fromkeys(wanted):
        yield _Unit(name, tuple(_options(units / name)))


def _options(file: Path) -> Iterator[tuple[str, str]]:
    """Read a unit file, systemd.syntax(7); no option of interest is in two sections."""
    for line in file.read_text().replace("\\\n", " ").splitlines():
        option, equals, value = line.partition("=")
        if equals and not line.startswith(("#", ";")):
            yield option.strip(), value.strip()
