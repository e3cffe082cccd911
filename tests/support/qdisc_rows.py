"""A document for each row of queueing disciplines, made of two values of each option."""

from __future__ import annotations

from collections.abc import Iterator

Rows = Iterator[tuple[str, tuple[str, str, str]]]

_PACKETS = {"limit": ("100", "200")}
_CODEL = {
    **_PACKETS,
    "target": ("15ms", "20ms"),
    "interval": ("150ms", "200ms"),
    "ecn": ("true", "false"),
    "ce-threshold": ("3ms", "100us"),
}
# kind -> option -> two values
_OPTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "bfifo": {"limit": ("10k", "1m")},
    "cake": {
        "bandwidth": ("100mbit", "1gbit"),
        "autorate-ingress": ("true", "false"),
        "overhead": ("18", "-4"),
        "mpu": ("64", "84"),
        "compensation": ("atm", "ptm"),
        "raw": ("true", "false"),
        "flow-isolation": ("dual-srchost", "flowblind"),
        "nat": ("true", "false"),
        "priority-queue": ("besteffort", "diffserv8"),
        "fwmark": ("15", "240"),
        "wash": ("true", "false"),
        "split-gso": ("true", "false"),
        "rtt": ("50ms", "100ms"),
        "ack-filter": ("aggressive", "false"),
    },
    "codel": _CODEL,
    "ets": {
        "bands": ("4", "5"),
        "strict": ("1", "2"),
        "quanta": ("[1500]", "[3k, 1500]"),
        "priomap": ("[1, 0]", "[0, 1]"),
    },
    "fq": {
        **_PACKETS,
        "flow-limit": ("50", "60"),
        "quantum": ("3000", "4k"),
        "initial-quantum": ("20000", "16k"),
        "maxrate": ("50mbit", "800bit"),
        "buckets": ("512", "2048"),
        "orphan-mask": ("511", "2047"),
        "pacing": ("true", "false"),
        "ce-threshold": ("3ms", "5ms"),
    },
    "fq_codel": {
        **_CODEL,
        "memory-limit": ("8m", "16m"),
        "flows": ("512", "2048"),
        "quantum": ("300", "3000"),
    },
    "fq_pie": _PACKETS,
    "gred": {"vqs": ("4", "5"), "default": ("1", "2"), "grio": ("true", "false")},
    "hhf": _PACKETS,
    "htb": {"default": ('"1:1"', '"1:2"'), "r2q": ("20", "30")},
    "netem": {
        "delay": ("25ms", "30ms"),
        "jitter": ("5ms", "100us"),
        **_PACKETS,
        "loss": ("1%", "0.5%"),
        "duplicate": ("2%", "100%"),
    },
    "pfifo": _PACKETS,
    "pfifo_head_drop": _PACKETS,
    "pie": _PACKETS,
    "sfb": _PACKETS,
    "sfq": {"perturb": ("10s", "20s")},
    "tbf": {
        "rate": ("8mbit", "9mbit"),
        "burst": ("16k", "5000"),
        "limit": ("30000", "64k"),
        "latency": ("50ms", "70ms"),
        "mpu": ("64", "84"),
        "peakrate": ("12mbit", "13mbit"),
        "mtu": ("2000", "3000"),
    },
}
_CLASSES: dict[str, dict[str, tuple[str, str]]] = {
    "drr": {"quantum": ("1500", "3k")},
    "htb": {
        "rate": ("10mbit", "20mbit"),
        "parent": ('"1:1"', '"1:2"'),
        "ceil": ("30mbit", "40mbit"),
        "prio": ("1", "2"),
        "quantum": ("1500", "3k"),
        "mtu": ("2000", "3000"),
        "overhead": ("14", "18"),
        "burst": ("20k", "30k"),
        "cburst": ("20k", "30k"),
    },
    "qfq": {"weight": ("5", "7"), "maxpkt": ("2000", "3000")},
}
# What else has to be said for one of the options, the option itself not among it.
_BESIDE = {
    "ets": {"bands": "8"},
    "gred": {"vqs": "8", "default": "0"},
    "netem": {"delay": "10ms"},
    "tbf": {"rate": "1mbit", "burst": "10k", "limit": "20k"},
    "tbf.latency": {"rate": "1mbit", "burst": "10k"},
    "tbf.peakrate": {"rate": "1mbit", "burst": "10k", "limit": "20k", "mtu": "2000"},
    "tbf.mtu": {"rate": "1mbit", "burst": "10k", "limit": "20k", "peakrate": "2mbit"},
    "htb": {"handle": '"1:"', "classes": '[{id: "1:1", rate: 8bit}, {id: "1:2", rate: 8bit}]'},
}
_ETH = "interfaces: {eth0: {qdiscs: [%s]}}"
_PLACED = 'interfaces: {eth0: {qdiscs: [{kind: drr, handle: "1:", classes: [{id: "1:1"}, {id: "1:2"}]}, {kind: pfifo, @}]}}'


def _document(said: dict[str, str]) -> str:
    return _ETH % ("{" + ", ".join(f"{key}: {value}" for key, value in said.items()) + ", @}")


def _rows() -> Rows:
    yield "interface.qdiscs", ("interfaces: {eth0: {@}}", "qdiscs: [{kind: pie}]", "qdiscs: []")
    yield "qdisc.kind", (_ETH % "{@}", "kind: pie", "kind: codel")
    yield "qdisc.parent", (_PLACED, 'parent: "1:1"', 'parent: "1:2"')
    yield "qdisc.handle", (_ETH % "{kind: pie, @}", 'handle: "1:"', 'handle: "7fff:"')
    for kind, options in _OPTIONS.items():
        for key, values in options.items():
            beside = _BESIDE.get(f"{kind}.{key}", _BESIDE.get(kind, {}))
            said = {"kind": kind, **{k: v for k, v in beside.items() if k != key}}
            one, other = (f"{key}: {value}" for value in values)
            yield f"qdisc-{kind.replace('_', '-')}.{key}", (_document(said), one, other)
    for kind, options in _CLASSES.items():
        needs = "rate: 8bit, " if kind == "htb" else ""
        document = _ETH % f'{{kind: {kind}, handle: "1:", @}}'
        yield (
            f"qdisc-{kind}.classes",
            (document, f'classes: [{{{needs}id: "1:1"}}]', f'classes: [{{{needs}id: "1:2"}}]'),
        )
        item = document.replace("@", f"classes: [{{{needs}@}}]")
        yield f"class-{kind}.id", (item, 'id: "1:1"', 'id: "1:2"')
        for key, values in options.items():
            others = ', {id: "1:1", rate: 8bit}, {id: "1:2", rate: 8bit}' if key == "parent" else ""
            needed = "" if key == "rate" else needs
            classes = f'classes: [{{{needed}id: "1:3", @}}{others}]'
            one, other = (f"{key}: {value}" for value in values)
            yield f"class-{kind}.{key}", (document.replace("@", classes), one, other)


QDISC_VALUES: dict[str, tuple[str, str, str]] = dict(_rows())
