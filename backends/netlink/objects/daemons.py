"""Daemons of the host: dnsmasq for networks of guests, DHCP clients, and the resolver.

The edge. All of them outlive vnetc. What they do is read from the processes and from files that
they or vnetc left below /run, so that a daemon that something else started with the same words is
as good as one of vnetc's own.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Mapping

from vnetc.backends.netlink.objects import services
from vnetc.backends.netlink.objects.calls import (
    MACHINE,
    Machine,
    ProgramFailed,
    call,
    end,
    has,
    look_at,
    processes,
    run,
    runs,
)
from vnetc.backends.netlink.objects.fingerprints import fingerprint
from vnetc.backends.netlink.objects.services import CLIENTS, NETWORKD, Files, Process
from vnetc.backends.netlink.state import Attributes, Key, State, Value
from vnetc.backends.netlink.store import remove as remove_file
from vnetc.backends.netlink.store import replace_file
from vnetc.backends.services.dnsmasq import dnsmasq_path, dnsmasq_pidfile
from vnetc.model.host import DhcpServer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    Wants: TypeAlias = Mapping[Key, Attributes]


def text_of(path: str) -> str | None:
    """Give what is in a file, None if there is none that may be read."""
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="surrogateescape")
    except OSError:
        return None


# --- dnsmasq --------------------------------------------------------------------------------------


def _dnsmasq(config: str, pidfile: str) -> Process | None:
    """Give the dnsmasq that has a configuration: the one a pid file names, or whichever there is."""
    number = (text_of(pidfile) or "").strip()
    named = look_at(int(number)) if number.isdigit() else None
    for process in (named,) if _has(named, config) else processes():
        if _has(process, config):
            return process
    return None


def _has(process: Process | None, config: str) -> bool:
    if process is None or process.name != "dnsmasq":
        return False
    return f"--conf-file={config}" in process.words


def _modified(path: str) -> int:
    return os.stat(path).st_mtime_ns


def read_dnsmasq(keys: Iterable[Key], wants: Wants) -> State:
    """Read what runs; `content` is None if its configuration has changed since it started.

    dnsmasq writes its pid file after it has read its configuration, and keeps both for good.
    """
    found: State = {}
    for key in keys:
        server = DhcpServer(name=key[1], path=(), bridge="", subnet=None, address=None)
        said = wants.get(key, {})
        config = str(said.get("config", dnsmasq_path(server)))
        pidfile = str(said.get("pidfile", dnsmasq_pidfile(server)))
        if _dnsmasq(config, pidfile) is None:
            continue
        text = text_of(config)
        try:
            current = text is not None and _modified(config) <= _modified(pidfile)
        except OSError:
            current = False
        content = fingerprint(text) if text is not None and current else None
        found[key] = {"config": config, "pidfile": pidfile, "content": content}
    return found


def run_dnsmasq(before: Attributes | None, after: Attributes | None, machine: Machine) -> None:
    """Start, restart or stop the dnsmasq of a network."""
    for said in (before, after):
        if said is not None:
            process = _dnsmasq(str(said["config"]), str(said["pidfile"]))
            if process is not None:
                end(process)
    if after is not None:
        text = text_of(str(after["config"])) or ""
        for line in text.splitlines():
            if line.startswith("dhcp-leasefile="):
                os.makedirs(os.path.dirname(line.partition("=")[2]), exist_ok=True)
        run(["dnsmasq", f"--conf-file={after['config']}"], machine=machine)


# --- DHCP clients ---------------------------------------------------------------------------------


def dhcp_client(machine: Machine = MACHINE) -> str | None:
    """Name the DHCP client that the host has: systemd-networkd where it runs, else what is there."""
    if runs(NETWORKD) and has("networkctl", machine):
        return NETWORKD
    return next((name for name in CLIENTS if has(name, machine)), None)


def dhcp_manager() -> Process | None:
    """Give the dhcpcd of all devices, if there is one."""
    return next(filter(services.is_manager, processes()), None)


def _files(device: str, machine: Machine) -> Files:
    run_folder = machine.places.run
    leases = machine.leases if os.path.isdir(machine.leases) else run_folder
    return Files(
        f"{run_folder}/dhcp-{device}.pid",
        f"{leases}/dhclient.{device}.leases",
        f"{run_folder}/udhcpc",
    )


def read_dhcp(keys: Iterable[Key], wants: Wants, machine: Machine) -> State:
    """Read which devices a client asks for, and what it was told.

    What a client does not read, it does as wanted: `networkd` is for systemd-networkd alone, which
    on its part does with IPv6 what its file says.
    """
    found: State = {}
    running = [*processes()]
    by_networkd = any(process.name == NETWORKD[:15] for process in running)
    manager = next(filter(services.is_manager, running), None)
    for key in keys:
        said = wants.get(key, {})
        unread: dict[str, Value] = {"networkd": said.get("networkd")}
        for process in running:
            client = services.client_of(process, key[1])
            if client is not None and (told := services.read_client(process))["ipv4"]:
                told |= _untold(process, key[1], machine)
                found[key] = {**unread, **told, "client": client}
        if key not in found and manager is not None:
            # which devices it asks for its configuration decides: those that have got a lease
            told = services.read_client(manager)
            if told["ipv4"] and (leased := _read_leased(key[1], machine)):
                found[key] = {**unread, **told, **leased, "client": services.MANAGER}
        if key not in found and by_networkd:
            told = _read_networkd(key[1], said, machine)
            if told:
                found[key] = told
    return found


def _untold(process: Process, device: str, machine: Machine) -> dict[str, Value]:
    """Read what was told to a client that does not show it: from a note, else from its routes."""
    if not services.title(process):
        return {}
    text = text_of(services.note_path(machine.places.run, device)) or ""
    noted = services.read_note(text, process)
    return _read_leased(device, machine) if noted is None else noted


def _read_leased(device: str, machine: Machine) -> dict[str, Value]:
    words = ["ip", "-4", "route", "show", "dev", device, "proto", "dhcp"]
    return services.read_routes(call(words, machine=machine).output)


def _read_networkd(device: str, said: Attributes, machine: Machine) -> dict[str, Value]:
    own = text_of(machine.path(services.network_path(device)))
    if own is not None:
        if own == said.get("networkd"):
            return {**said, "client": NETWORKD}
        return {"ipv4": True, "networkd": own, "client": NETWORKD}
    try:
        number = socket.if_nametoindex(device)
    except OSError:
        return {}
    link = text_of(machine.path(f"/run/systemd/netif/links/{number}")) or ""
    file = next((line[13:] for line in link.splitlines() if line.startswith("NETWORK_FILE=")), "")
    told = services.read_network_file(text_of(machine.path(file)) or "") if file else {}
    unread = {name: said.get(name) for name in ("networkd", "ipv6")}
    return {**unread, **told, "client": NETWORKD} if told else {}


def run_dhcp(
    device: str, before: Attributes | None, after: Attributes | None, machine: Machine
) -> None:
    """Start, restart or stop the DHCP client of a device."""
    files = _files(device, machine)
    os.makedirs(machine.places.run, exist_ok=True)
    path = machine.path(services.network_path(device))
    if before is not None:
        if before.get("client") == services.MANAGER:
            raise ProgramFailed(services.MANAGED)
        if before.get("client") == NETWORKD and after is None:
            remove_file(path)
            run(["networkctl", "reload"], machine=machine)
        for process in processes():
            client = services.client_of(process, device)
            if client is not None and services.read_client(process)["ipv4"]:
                _stop_client(client, process, device, files, machine)
        remove_file(services.note_path(machine.places.run, device))
    if after is None:
        return
    client = dhcp_client(machine)
    if client is None:
        raise ProgramFailed("there is no DHCP client")
    if client == "dhcpcd" and dhcp_manager() is not None:
        raise ProgramFailed(services.MANAGED)
    if client == NETWORKD:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        replace_file(path, str(after["networkd"]).encode(), 0o644)
        run(["networkctl", "reload"], machine=machine)
        return
    if client == "udhcpc":
        replace_file(files.script, services.UDHCPC_SCRIPT.encode(), 0o755)
    words = CLIENTS[client].start(device, after, files)
    metric = services.metric_of(after)
    run(words, machine=machine, environment={"IF_METRIC": metric} if metric else {})
    for process in processes():
        if metric and services.title(process)[:1] == (device,):
            text = services.note(process, after)
            replace_file(services.note_path(machine.places.run, device), text.encode(), 0o644)


def _stop_client(
    client: str, process: Process, device: str, files: Files, machine: Machine
) -> None:
    """Have a client give its address back and end; it may be one that something else started."""
    kind = CLIENTS[client]
    end(process, kind.signal, [p for p in processes() if services.is_helper(p, process)])
    if kind.stop is not None:
        words = kind.stop(device, services.files_of_client(process, files))
        call(words, machine=machine)  # it is over also if the server does not answer
    # also of a lease that a rollback put back and that this one has not taken over yet
    for line in services.clear(device, services.read_client(process).get("route-metric")):
        call(line, machine=machine)  # there may be nothing of that sort
    if kind.stop is not None:
        for record in services.client_records(device):
            if any(text_of(machine.path(f"{folder}/{record}")) is not None for folder in _RECORDS):
                call(["resolvconf", "-d", record], machine=machine)


# --- the resolver ---------------------------------------------------------------------------------

# Debian's, openresolv's, openresolv's of Debian testing
_RECORDS = tuple(f"/run/resolvconf/{name}" for name in ("interface", "interfaces", "keys"))


def resolver(machine: Machine = MACHINE) -> str | None:
    """Name the program that tells the host's resolver of DNS servers, None if there is none."""
    if has("resolvectl", machine) and runs("systemd-resolved"):
        return "resolvectl"
    return "resolvconf" if has("resolvconf", machine) else None


def read_resolver(keys: Iterable[Key], machine: Machine) -> State:
    """Read what the resolver was told about devices."""
    program = resolver(machine)
    found: State = {}
    for key in keys:
        told: dict[str, Value] = {}
        if program == "resolvectl":
            results = [call(["resolvectl", w, key[1]], machine=machine) for w in ("dns", "domain")]
            if not any(result.code for result in results):
                servers, search = (services.read_resolvectl(r.output) for r in results)
                told = {"servers": servers, "search": search}
        elif program == "resolvconf":
            record = services.resolvconf_record(key[1])
            for folder in _RECORDS:
                text = text_of(machine.path(f"{folder}/{record}"))
                if text is not None:
                    told = services.read_resolvconf(text)
        if any(told.values()):
            found[key] = told
    return found


def run_resolver(device: str, after: Attributes | None, machine: Machine) -> None:
    """Tell the resolver of the DNS servers of a device, or to forget them."""
    program = resolver(machine)
    if program == "resolvectl":
        if after is None:
            call(["resolvectl", "revert", device], machine=machine)  # the device may be gone
            return
        for words in services.resolvectl(device, after):
            run(words, machine=machine)
    elif program == "resolvconf":
        record = services.resolvconf_record(device)
        if after is None:
            run(["resolvconf", "-d", record], machine=machine)
        else:
            run(["resolvconf", "-a", record], services.resolvconf_text(after), machine)
    elif after is not None:
        raise ProgramFailed("there is neither systemd-resolved nor resolvconf")
