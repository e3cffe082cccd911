"""The running kernel: read all of its state, and take steps.

The edge. Netlink requests of successive steps are gathered and sent together: only what needs the
number of a device that was made a moment before, or is no netlink at all, ends a batch.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import chain

from vnetc.backends.netlink.classes import CLASSES, MODULES
from vnetc.backends.netlink.links import devices as links
from vnetc.backends.netlink.objects import (
    addresses,
    programs,
    routes,
    rules,
    sysctls,
    tuntap,
    wireguard,
)
from vnetc.backends.netlink.objects.calls import MACHINE, Machine, ProgramFailed
from vnetc.backends.netlink.planner.steps import Step
from vnetc.backends.netlink.state import Attributes, Key, State, Wanted
from vnetc.backends.netlink.wire.messages import Message
from vnetc.backends.netlink.wire.socket import BATCH, GENERIC, Netlink

# What is to be removed may have gone with something else already, and what is to be made may still
# be there: the state that is read afterwards tells whether all is well.
_GONE = frozenset({errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EADDRNOTAVAIL, errno.ENXIO})
_CARRIER = 2.0  # seconds that a carrier may take to be seen, LW_INTERVAL of link_watch.c is one
_DETECTION = 5.0  # seconds that duplicate address detection may take
_WIREGUARD = frozenset({"wireguard", "wireguard-peer"})


class StepFailed(Exception):
    """A step that the kernel or a program refused; `text` are its own words."""

    def __init__(self, step: Step, number: int, errno: int, text: str) -> None:
        """Keep what failed, which step of the plan it was (from 0), and why."""
        super().__init__(text)
        self.step = step
        self.number = number
        self.errno = errno
        self.text = text


class Kernel:
    """The kernel as it is in the network namespace of this process.

    `keys` are secrets by their fingerprints: those of the document, and those that were read.
    """

    def __init__(
        self, keys: Mapping[str, bytes] | None = None, *, machine: Machine = MACHINE
    ) -> None:
        """Open the sockets. Raises `OSError`."""
        self.netlink = Netlink()
        self.machine = machine
        self.keys = dict(keys or {})
        self.index: dict[str, int] = {}
        self._generic: Netlink | None = None
        self._family = 0

    def close(self) -> None:
        """Close the sockets."""
        self.netlink.close()
        if self._generic is not None:
            self._generic.close()

    # --- reading ----------------------------------------------------------------------------------

    def read(
        self,
        wanted: Sequence[Wanted],
        owned: Collection[Key],
        remembered: Mapping[Key, Attributes] | None = None,
    ) -> State:
        """Read all that netlink tells, and of the rest what is wanted or owned.

        Raises `OSError`, `DumpInterrupted`, `ProgramFailed`.
        """
        keys = {item.key for item in wanted} | set(owned)
        bodies = self.netlink.dump(*links.DUMP)
        names = links.names(bodies)
        state: State = dict(links.read(bodies, names))
        self.index = {name: number for number, name in names.items()}
        devices = dict(state)
        for item in CLASSES:
            if item.is_needed(keys, devices):
                found = [body for dump in item.dumps for body in self._dump(*dump)]
                state.update(item.read(found, names, devices))
        for key, attributes in devices.items():
            if attributes["kind"] == "wireguard":
                state |= self._read_wireguard(key[1], names)
        asked = {item.key for item in wanted}
        keys |= sysctls.promoting(_changing(state, asked))
        state |= sysctls.read(sysctls.names(keys))
        state |= programs.read(wanted, owned, remembered, self.machine)
        return state

    def _dump(self, type: int, body: bytes) -> list[bytes]:
        try:
            return self.netlink.dump(type, body)
        except OSError as error:
            if error.errno == errno.EOPNOTSUPP:  # a kernel without bridges, or without IPv6
                return []
            raise

    def _read_wireguard(self, name: str, names: Mapping[int, str]) -> State:
        request = wireguard.dump(name, self.family())
        bodies = self.generic().dump(request.type, request.body)
        self.keys |= wireguard.secrets(bodies)
        return dict(wireguard.read(bodies, names))

    def generic(self) -> Netlink:
        """Give the socket of generic netlink. Raises `OSError`."""
        if self._generic is None:
            self._generic = Netlink(GENERIC)
        return self._generic

    def family(self) -> int:
        """Give the number of the family; the kernel loads the module. Raises `OSError`."""
        if not self._family:
            (answer,) = self.generic().send([wireguard.ask_family()])
            if answer.errno:
                raise OSError(answer.errno, "this kernel has no WireGuard")
            self._family = wireguard.family_of(answer.reply)
        return self._family

    # --- steps ------------------------------------------------------------------------------------

    def execute(
        self,
        steps: Sequence[Step],
        after: Callable[[int], None] | None = None,
        batch: int = BATCH,
    ) -> None:
        """Take steps in their order. Raises `StepFailed` at the first that fails, `OSError`.

        `after` is called when a step has been taken, with its number; steps that go together are
        only then taken one by one.
        """
        run = _Run(self, steps, 1 if after is not None else batch)
        for number, step in enumerate(steps):
            run.take(number, step)
            if after is not None:
                run.flush()
                after(number)
        run.flush()

    def number_devices(self) -> None:
        """Read the numbers of all devices."""
        names = links.names(self.netlink.dump(*links.DUMP))
        self.index = {name: number for number, name in names.items()}


def _changing(state: State, wanted: Collection[Key]) -> set[str]:
    """Name the devices that may lose the first of several addresses."""
    found: set[str] = set()
    seen: set[str] = set()
    for key, attributes in state.items():
        if key[0] == "address" and ":" not in key[2] and attributes["origin"] != "kernel":
            if key[1] in seen or key not in wanted:
                found.add(key[1])
            seen.add(key[1])
    new = {key[1] for key in wanted if key[0] == "address" and key not in state}
    return found | (new & seen)


class _Run:
    """Steps under way: those that wait to be sent."""

    def __init__(self, kernel: Kernel, steps: Sequence[Step], batch: int) -> None:
        self.kernel = kernel
        self.steps = steps
        self.batch = batch
        self.waiting: list[Message] = []
        self.numbers: list[int] = []  # of the steps that the waiting messages are of

    def take(self, number: int, step: Step) -> None:
        """Take a step, or let its messages wait for others."""
        name = step.key[0]
        try:
            if name == "link":
                self.take_link(number, step)
            elif name in MODULES:
                self.await_source(step)
                self.send(number, step, self.encode)
            elif name in _WIREGUARD:
                self.flush()
                self.set_wireguard(number, step)
            else:
                self.flush()
                self.run(step)
        except KeyError as error:  # a device, or a secret, that is not there
            raise StepFailed(step, number, errno.ENODEV, f"there is no {error.args[0]}") from None
        except LookupError as error:
            raise StepFailed(step, number, 0, str(error.args[0])) from None
        except ProgramFailed as error:
            raise StepFailed(step, number, 0, str(error)) from None
        except OSError as error:
            raise StepFailed(step, number, error.errno or 0, "") from None

    # --- links ------------------------------------------------------------------------------------

    def take_link(self, number: int, step: Step) -> None:
        index = self.kernel.index
        if step.action in "!-":
            if step.action == "!" and step.key[1] in index:
                self.flush()
            if step.before is not None and (step.action == "-" or step.key[1] in index):
                self.send(number, step, lambda s: links.remove(s.key, s.before or {}, index))
            for key in (step.key, *step.falls):
                if key[0] == "link":
                    self.flush()
                    index.pop(key[1], None)
            if step.action == "-":
                return
        if step.action == "~":
            if (step.before or {}).get("up") and "address-generation" in step.changes:
                self.generate_addresses(step)
            self.send(number, step, self.encode)
        elif step.after is not None and links.is_made_by_ioctl(step.after):
            self.flush()
            tuntap.create(step.key[1], step.after)
            # its maker has closed it: until that is seen a bridge takes it for a port with a carrier
            self.await_link(links.is_known_dead, step.key[1])
            self.kernel.number_devices()
            self.send(number, step, self.encode_settings)
        else:
            self.send(number, step, self.encode)

    def generate_addresses(self, step: Step) -> None:
        """Have a device that is up make its addresses, which it does not when netlink says so.

        addrconf_sysctl_addr_gen_mode makes them, inet6_set_link_af does not.
        """
        self.flush()
        mode = (step.after or {})["address-generation"]
        sysctls.write(("sysctl", f"net/ipv6/conf/{step.key[1]}/addr_gen_mode"), str(mode))

    # --- netlink ----------------------------------------------------------------------------------

    def encode(self, step: Step) -> list[Message]:
        module, index = MODULES[step.key[0]], self.kernel.index
        if step.after is None:
            if step.key[0] == "rule":
                return rules.remove(step.key, step.before or {}, index, step.hidden)
            messages = module.remove(step.key, step.before or {}, index)
        elif step.anew:
            messages = addresses.make_anew(step.anew, index)
        elif step.action == "~" and step.before is not None:
            messages = module.change(step.key, step.before, step.after, index)
        else:
            messages = module.create(step.key, step.after, index)
        if not step.holds:
            return messages
        holding = [addresses.create(*twin, index) for twin in step.holds if step.action != "+"]
        freeing = [addresses.remove(*twin, index) for twin in step.holds if step.action != "-"]
        return [*chain(*holding), *messages, *chain(*freeing)]

    def encode_settings(self, step: Step) -> list[Message]:
        """Set what all devices have of one that an ioctl has made."""
        said = {name: value for name, value in (step.after or {}).items() if "." not in name}
        usual = links.defaults(str(said["kind"]), said)
        return links.change(step.key, {"kind": said["kind"], **usual}, said, self.kernel.index)

    def send(self, number: int, step: Step, encode: Callable[[Step], list[Message]]) -> None:
        """Let the messages of a step wait; one about a device just made needs its number first."""
        try:
            messages = encode(step)
        except KeyError:
            self.flush()
            self.kernel.number_devices()
            messages = encode(step)
        if len(self.waiting) + len(messages) > self.batch:  # what is one step goes together
            self.flush()
        self.waiting += messages
        self.numbers += [number] * len(messages)
        if len(self.waiting) >= self.batch:
            self.flush()

    def flush(self) -> None:
        waiting, numbers = self.waiting, self.numbers
        self.waiting, self.numbers = [], []
        if not waiting:
            return
        answers = self.kernel.netlink.send(waiting, batch=self.batch)
        for answer, number in zip(answers, numbers, strict=False):
            step = self.steps[number]
            if answer.errno and not _is_harmless(step, answer.errno):
                raise StepFailed(step, number, answer.errno, answer.text)
        if len(answers) < len(waiting):  # a harmless failure ended the sending
            self.waiting, self.numbers = waiting[len(answers) :], numbers[len(answers) :]
            self.flush()

    def await_source(self, step: Step) -> None:
        """Wait until an IPv6 address can be a route's source (ip6_route_info_create).

        Or until the device of an object for nexthops has a carrier (rtm_to_nh_config).
        """
        if step.key[0] == "nexthop" and step.after is not None and step.after["dev"] is not None:
            self.flush()
            self.await_link(links.is_running, str(step.after["dev"]))
        if step.key[0] != "route" or step.after is None:
            return
        source = routes.awaits(step.key, step.after)
        if source is None:
            return
        self.flush()
        end = time.monotonic() + _DETECTION
        while time.monotonic() < end and self.is_tentative(source):
            time.sleep(0.05)

    def await_carrier(self, key: Key) -> None:
        """Wait for a device that was just brought up: until then the kernel sets its IPv6 MTU anew.

        addrconf_notify does so when the link watcher says that there is a carrier; without a cable
        there never is.
        """
        parts = key[1].split("/")
        if parts[:3] == ["net", "ipv6", "conf"] and parts[-1] == "mtu":
            self.await_link(links.is_running, parts[3])

    def await_link(self, holds: Callable[[Sequence[bytes], str], bool], name: str) -> None:
        """Wait for the link watcher to see what has become of a device, but not for ever."""
        end = time.monotonic() + _CARRIER
        while time.monotonic() < end:
            if holds(self.kernel.netlink.dump(*links.DUMP), name):
                return
            time.sleep(0.02)

    def is_tentative(self, source: str) -> bool:
        bodies = [body for dump in addresses.DUMPS for body in self.kernel.netlink.dump(*dump)]
        return addresses.is_tentative(bodies, source)

    def set_wireguard(self, number: int, step: Step) -> None:
        kernel = self.kernel
        family = kernel.family()
        if step.key[1] not in kernel.index:
            kernel.number_devices()
        if step.after is None:
            messages = wireguard.remove(step.key, step.before or {}, kernel.index, family=family)
        elif step.action == "~" and step.before is not None:
            messages = wireguard.change(
                step.key, step.before, step.after, kernel.index, family=family, keys=kernel.keys
            )
        else:
            messages = wireguard.create(
                step.key, step.after, kernel.index, family=family, keys=kernel.keys
            )
        for answer in kernel.generic().send(messages):
            if answer.errno and not _is_harmless(step, answer.errno):
                raise StepFailed(step, number, answer.errno, answer.text)

    # --- the rest ---------------------------------------------------------------------------------

    def run(self, step: Step) -> None:
        if step.key[0] == "sysctl":
            value = sysctls.default(step.key) if step.after is None else step.after["value"]
            if value is not None:
                self.await_carrier(step.key)
                try:
                    sysctls.write(step.key, str(value))
                except FileNotFoundError:
                    if step.action != "-":  # else it went with the device, or its IPv6
                        raise
        else:
            programs.run(step, self.kernel.keys, self.kernel.machine)


def _is_harmless(step: Step, number: int) -> bool:
    if step.action == "-":
        return number in _GONE
    return step.action == "+" and number == errno.EEXIST and step.key[0] != "link"
