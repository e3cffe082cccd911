"""The metrics of a route, which all are in one attribute: linux/rtnetlink.h."""

from __future__ import annotations

from vnetc.backends.netlink.wire.messages import TEXT, U32, Codec
from vnetc.model.record import Record

SWITCH = Codec(lambda value: U32.pack(int(value)), lambda data: bool(U32.unpack(data)))


class Metric(Record, kw_only=False):
    """A metric of a route: field of the model if it has one, RTAX_…, how it stands there."""

    name: str
    number: int
    word: str
    codec: Codec = U32
    field: str = ""


# What the model does not have is kept as others made it.
METRICS = (
    Metric("mtu", 2, "RTAX_MTU", field="mtu"),
    Metric("advmss", 8, "RTAX_ADVMSS", field="advmss"),
    Metric("congestion-window", 11, "RTAX_INITCWND", field="congestion_window"),
    Metric("initrwnd", 14, "RTAX_INITRWND", field="initrwnd"),
    Metric("hop-limit", 10, "RTAX_HOPLIMIT", field="hop_limit"),
    Metric("congestion-control", 16, "RTAX_CC_ALGO", TEXT, "congestion_control"),
    Metric("retransmission-timeout", 13, "RTAX_RTO_MIN", field="retransmission_timeout"),
    Metric("quick-ack", 15, "RTAX_QUICKACK", SWITCH, "quick_ack"),
    Metric("fast-open-no-cookie", 17, "RTAX_FASTOPEN_NO_COOKIE", SWITCH, "fast_open_no_cookie"),
    Metric("locked", 1, "RTAX_LOCK"),
    Metric("window", 3, "RTAX_WINDOW"),
    Metric("round-trip-time", 4, "RTAX_RTT"),
    Metric("round-trip-variance", 5, "RTAX_RTTVAR"),
    Metric("slow-start-threshold", 6, "RTAX_SSTHRESH"),
    Metric("largest-congestion-window", 7, "RTAX_CWND"),
    Metric("reordering", 9, "RTAX_REORDERING"),
    Metric("features", 12, "RTAX_FEATURES"),
)
METRIC_OF = {metric.number: metric for metric in METRICS}
