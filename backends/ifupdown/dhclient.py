"""The hooks of dhclient-script(8), which make it do with an answer what the document says.

By itself Debian's script lets the server's MTU win over the document's, takes its domain as a
search domain, and gives routes of RFC 3442 no metric. It reads the hooks in its own shell: the
first file before it acts, the second one after.
"""

from __future__ import annotations

from vnetc.backends.base import File
from vnetc.backends.formats import header
from vnetc.model import Host, Interface

ENTER = "/etc/dhcp/dhclient-enter-hooks.d/vnetc"
EXIT = "/etc/dhcp/dhclient-exit-hooks.d/vnetc"

_DOMAIN = """\
    # no domain of an answer is searched
    unset new_domain_name new_domain_search
"""

_METRIC = """\
    case $reason in
    BOUND|RENEW|REBIND|REBOOT)
        # routes are set by vnetc in dhclient-exit-hooks.d
        vnetc_routers=$new_routers
        vnetc_routes=$new_rfc3442_classless_static_routes
        unset new_routers new_rfc3442_classless_static_routes
        ;;
    esac
"""

_MTU = """\
    # the MTU is that of /etc/network/interfaces
    unset new_interface_mtu
"""


_ROUTES = """\
# appended, since another interface may have a route of the same metric
vnetc_append() {
    ip -4 route append "$@" dev "$interface" proto dhcp \\
        ${IF_METRIC:+metric "$IF_METRIC"} 2>/dev/null
}

vnetc_route() {
    if [ "$2" = 0.0.0.0 ]; then
        vnetc_append "$1" scope link
        return
    fi
    if [ "$new_subnet_mask" = 255.255.255.255 ]; then
        vnetc_append "$2" scope link
    fi
    vnetc_append "$1" via "$2"
}

# RFC 3442: of each route the prefix length, as many octets as it covers, and the router
vnetc_classless() {
    while [ $# -gt 4 ]; do
        vnetc_length=$1
        vnetc_to=
        shift
        for vnetc_bits in 0 8 16 24; do
            if [ "$vnetc_length" -gt $vnetc_bits ]; then
                vnetc_to=$vnetc_to.$1
                shift
            else
                vnetc_to=$vnetc_to.0
            fi
        done
        [ $# -ge 4 ] || return 0
        vnetc_route "${vnetc_to#.}/$vnetc_length" "$1.$2.$3.$4"
        shift 4
    done
}

if [ -n "$vnetc_routes" ]; then
    vnetc_classless $vnetc_routes
elif [ -n "$vnetc_routers" ]; then
    vnetc_route default "${vnetc_routers%% *}"
fi
# a route that is there already is no failure
true
"""


def write_hooks(host: Host, *, metrics: bool) -> list[File]:
    """Write the hooks for what interfaces say; dhclient's other interfaces stay as they are.

    `metrics`: also for the metrics of routes. The option `metric` of interfaces(5) needs none, but
    routes of RFC 3442 do not get it.
    """
    asking = [i for i in host.interfaces if i.dhcp4]
    ordered = [i for i in asking if metrics and i.dhcp4_overrides.route_metric is not None]
    domains = [i for i in asking if _hides_domains(i)]
    mtus = [i for i in asking if i.mtu is not None]
    enter = _case(domains, _DOMAIN) + _case(mtus, _MTU) + _case(ordered, _METRIC)
    arms = "".join(
        f'"{i.name}")\n    IF_METRIC={i.dhcp4_overrides.route_metric}\n    ;;\n' for i in ordered
    )
    enter += f"case $interface in\n{arms}esac\n" if arms else ""
    files = [File(ENTER, header(host.name) + enter)] if enter else []
    return [*files, File(EXIT, header(host.name) + _ROUTES)] if ordered else files


def is_hooked(interface: Interface) -> bool:
    """Tell whether a document says of a lease what only a hook can see to."""
    ordered = interface.dhcp4_overrides.route_metric is not None
    return interface.dhcp4 and (_hides_domains(interface) or interface.mtu is not None or ordered)


def _hides_domains(interface: Interface) -> bool:
    return interface.dhcp4_overrides.use_domains is False


def _case(interfaces: list[Interface], commands: str) -> str:
    """Do something for some interfaces; quoted, since `esac` is a name too."""
    if not interfaces:
        return ""
    names = "|".join(f'"{i.name}"' for i in interfaces)
    return f"case $interface in\n{names})\n{commands}    ;;\nesac\n"
