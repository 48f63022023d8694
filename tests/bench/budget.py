# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of the bench: what is measured, in which unit, and what it may be. Rows without a budget are for comparison."""
import collections

# key: as the parts name it; limit: None, or what the figure has to keep to by `sense` ("<=" or ">=")
Row = collections.namedtuple("Row", "key text unit sense limit")


def _packets():
    kinds = (("udp", "packet that is not TCP", 6), ("other", "TCP of another service", 6),
             ("bulk", "bulk segment inside a message", 15), ("bulk-1", "the same, one flow, changing packets", None),
             ("bulk-1024", "the same, 1 Ki flows at random", None), ("bulk-32768", "the same, 32 Ki flows at random", 110),
             ("header", "segment with one message header", 75), ("negotiate", "NEGOTIATE event", 260),
             ("validate", "VALIDATE event", 260), ("fin", "FIN event", 110), ("rst", "RST event", 110))
    for hook in ("xdp", "tc"):
        for name, text, limit in kinds:
            yield Row(f"{hook}.{name}", f"{hook}: {text}, over an empty program", "ns", "<=", limit)


def _bulk():
    for mode, text in (("mtu", "bulk, MTU frames"), ("tso", "bulk, super-packets"), ("out", "bulk leaving, MTU frames")):
        cpu = f"{text}: CPU per GB,"
        if mode != "out":
            yield Row(f"{mode}.xdp.empty", f"{cpu} XDP and tc against empty ones", "x", "<=", 1.05)
        yield Row(f"{mode}.tc.empty", f"{cpu} tc against empty ones", "x", "<=", 1.03)
        yield Row(f"{mode}.tc.none", f"{cpu} tc against nothing", "x", "<=", 1.05)
        if mode == "out":
            continue
        for key, what in (("xdp", "XDP"), ("empty-tc", "empty tc"), ("empty-xdp", "empty XDP"),
                          ("xdp-filter", "xdp-filter"), ("tcpdump", "tcpdump, all"),
                          ("tcpdump-tight", "tcpdump, tight filter"), ("tshark", "tshark, decoding live")):
            yield Row(f"{mode}.{key}.none", f"{cpu} {what} against nothing", "x", "<=", None)


def _samba():
    for verb in ("put", "get"):
        for key, what, limit in (("tc", "ours on tc", None), ("tcpdump", "tcpdump, all", None)):
            yield Row(f"samba.{verb}.{key}", f"smbclient {verb}: CPU, {what} against nothing", "x", "<=", limit)


def _ring():
    policies = (("default", "wakeup as the kernel likes"), ("force", "wakeup for each"), ("none", "a look each ms"),
                ("pending", "wakeup at 256 KiB"))
    for way, text in (("burst", "in bursts"), ("single", "one per system call")):
        for key, policy in policies:
            yield Row(f"ring.{way}.{key}", f"ring alone, events {text}, {policy}", "M/s", ">=", None)


ROWS = [
    *_packets(),
    Row("verifier", "verifier: instructions walked, all programs", "instructions", "<=", 60000),
    Row("load", "loading all programs", "ms", "<=", 250),
    *_bulk(),
    *_samba(),
    Row("storm.rate", "connection storm: connections/s against empty tc programs", "x", ">=", 0.90),
    Row("storm.cpu", "connection storm: CPU per connection against empty tc programs", "x", "<=", None),
    Row("daemon.handshake", "daemon: CPU per handshake of four events", "us", "<=", 10),
    Row("daemon.wakeups", "daemon: wakeups per handshake of four events", "wakeups", "<=", None),
    Row("answer.flows", "daemon: CPU of the dearest page of flows, 64 Ki connections", "ms", "<=", 100),
    Row("daemon.rate", "ring, source and engine: steady events, none lost", "M/s", ">=", 0.5),
    Row("daemon.ceiling", "the highest rate of the ladder, none lost", "M/s", ">=", None),
    *_ring(),
    Row("latency.p50", "last packet to syslog datagram, median", "ms", "<=", 10),
    Row("latency.p99", "last packet to syslog datagram, 99 of 100", "ms", "<=", 50),
    Row("memory", "memory with 64 Ki flows: maps, ring and daemon", "MiB", "<=", 32),
    Row("memory.flows", "of it the table of flows", "MiB", "<=", None),
    Row("memory.maps", "of it other maps", "MiB", "<=", None),
    Row("memory.ring", "of it the ring", "MiB", "<=", None),
    Row("memory.daemon", "of it the daemon itself", "MiB", "<=", None),
    Row("read.handshakes", "read, handshakes: packets/s to those of an empty libpcap loop", "x", ">=", 0.5),
    Row("read.bulk", "read, bulk: packets/s to those of an empty libpcap loop", "x", ">=", 0.8),
    Row("read.json", "read --json, handshakes: to an empty libpcap loop", "x", ">=", None),
    Row("read.tshark", "read, handshakes: packets/s to those of tshark", "x", ">=", 150),
    Row("read.tcpdump", "read, handshakes: packets/s to those of tcpdump -r, tight filter", "x", ">=", None),
    Row("read.memory", "read: memory of four times the file to that of one", "x", "<=", 1.1),
    Row("read.two", "read, two files: wall time to that of both alone", "x", "<=", None),
]
BY_KEY = {row.key: row for row in ROWS}


def used(row, figure):
    """The share of the budget that is used: at most 1 is within it. None without a budget."""
    if row.limit is None:
        return None
    if row.sense == "<=":
        return figure / row.limit
    return row.limit / figure if figure > 0 else float("inf")
