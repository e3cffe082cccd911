"""The hook of dhclient-script(8), which makes it do with an answer what the document says.

By itself Debian's script lets the server's MTU win over the document's, takes its domain as a
search domain, and gives routes of RFC 3442 no metric. It reads the hook in its own shell, before it acts.
"""

from __future__ import annotations

from vnetc.backends.formats import header
from vnetc.backends.spelling import dotted
from vnetc.backends.target import File
from vnetc.model.host import Host, Interface

ENTER = "/etc/dhcp/dhclient-enter-hooks.d/vnetc"

_DOMAIN = """\
    # no domain of an answer is searched
    unset new_domain_name new_domain_search
"""

_MTU = """\
    # the MTU is that of /etc/network/interfaces
    unset new_interface_mtu
"""

# The environment of dhclient-script is dhclient's work: IF_METRIC, which it reads for default routes, is not
# passed on to it by ifupdown2 and ifupdown-ng, and its hook for RFC 3442 reads none.
_METRIC = """\
# routes get the metric; appended, since another interface may have a route of the same
if [ -n "$vnetc_metric" ]; then
    unset IF_METRIC
    ip() {
        case $* in
        "-4 route add "*)
            shift 3
            command ip -4 route append "$@" proto dhcp metric "$vnetc_metric"
            ;;
        *)
            command ip "$@"
            ;;
        esac
    }
fi
"""


def write_hooks(host: Host, *, metrics: bool) -> list[File]:
    """Write the hook for what interfaces say; dhclient's other interfaces stay as they are.

    `metrics`: also for the metrics of routes. The option `metric` of interfaces(5) needs none, but
    routes of RFC 3442 do not get it.
    """
    asking = [i for i in host.interfaces if i.dhcp4]
    ordered = [i for i in asking if metrics and i.dhcp4_overrides.route_metric is not None]
    domains = [i for i in asking if _hides_domains(i)]
    mtus = [i for i in asking if i.mtu is not None]
    text = _case(domains, ("dhcp4-overrides", "use-domains"), _DOMAIN)
    text += _case(mtus, ("mtu",), _MTU)
    if ordered:
        arms = "".join(
            _arm([i], f"    vnetc_metric={i.dhcp4_overrides.route_metric}\n") for i in ordered
        )
        text += _keys(ordered, ("dhcp4-overrides", "route-metric"))
        text += f"vnetc_metric=\ncase $interface in\n{arms}esac\n{_METRIC}"
    return [File(ENTER, header(host.name) + text)] if text else []


def is_hooked(interface: Interface) -> bool:
    """Tell whether a document says of a lease what only a hook can see to."""
    ordered = interface.dhcp4_overrides.route_metric is not None
    return interface.dhcp4 and (_hides_domains(interface) or interface.mtu is not None or ordered)


def _hides_domains(interface: Interface) -> bool:
    return interface.dhcp4_overrides.use_domains is False


def _case(interfaces: list[Interface], key: tuple[str, ...], commands: str) -> str:
    """Do something for some interfaces, below the keys that say so."""
    if not interfaces:
        return ""
    return f"{_keys(interfaces, key)}case $interface in\n{_arm(interfaces, commands)}esac\n"


def _keys(interfaces: list[Interface], key: tuple[str, ...]) -> str:
    return "".join(f"# {dotted((*i.path, *key))}\n" for i in interfaces)


def _arm(interfaces: list[Interface], commands: str) -> str:
    """Write a case of interfaces; quoted, since `esac` is a name too."""
    names = "|".join(f'"{i.name}"' for i in interfaces)
    return f"{names})\n{commands}    ;;\n"
