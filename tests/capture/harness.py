# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What all capture tests share: TAP output, running `negwatch read`, and little pcap files made by hand."""
import concurrent.futures
import json
import os
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SHARED = os.environ.get("NEGWATCH_SHARED", os.path.join(os.path.dirname(TOP), "shared"))
sys.path.append(os.path.join(TOP, "scripts"))

from lab import schema  # noqa: E402

NEGWATCH = os.environ.get("NEGWATCH", os.path.join(TOP, "build", "negwatch"))
PUBLIC = os.path.join(SHARED, "captures", "public")
LAB = os.path.join(SHARED, "captures", "lab")
# The project's own, a selection of the same kind, for where ../shared is not.
OWN = os.path.join(TOP, "tests", "captures")
ORACLE = os.path.join(SHARED, "tools", "oracle.py")
# A run that takes longer hangs: the slowest capture needs a fraction of a second, ten times that under ASan.
TIMEOUT = 60


# What does not fit scripts/schema, of all objects that any test read; and how many there were.
unfit, objects = set(), [0]


class Tap:
    """Counts results and prints them as TAP; the plan comes last."""

    def __init__(self):
        self.n = self.failed = 0

    def ok(self, name, good, why=""):
        self.n += 1
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.n, name), flush=True)
        if not good:
            for line in str(why).splitlines()[:40]:
                print("# " + line, flush=True)

    def same(self, name, got, want):
        """Each of the differences between two lists of (what, value), or all is well."""
        self.ok(name, got == want, "expected %s\ngot      %s" % (want, got))

    def none(self, name, complaints):
        self.ok(name, not complaints, "\n".join(complaints))

    def skip(self, name, why):
        self.n += 1
        print("ok %d - %s # SKIP %s" % (self.n, name, why), flush=True)

    def done(self):
        print("1..%d" % self.n)
        return 1 if self.failed else 0


def kind_of(obj):
    """What the schema calls a line of read or locate."""
    if obj.get("type") == "summary":
        return "located_summary" if "places" in obj else "summary"
    return "located" if obj.get("type") == "connection" else "flow"


class Result:
    """What one run of `negwatch read` or `negwatch locate` gave."""

    def __init__(self, rc, out, err):
        self.rc, self.out, self.err = rc, out, err
        self.bad_json = None
        self.flows, self.summary = [], None
        for line in out.splitlines():
            try:
                obj = json.loads(line)
            except ValueError as e:
                self.bad_json = "%s: %r" % (e, line[:200])
                return
            objects[0] += 1
            unfit.update(schema.complaints(kind_of(obj), obj))
            if obj.get("type") == "summary":
                self.summary = obj
            else:
                self.flows.append(obj)

    def rules(self):
        """The set of rules that any flow met."""
        return {f["rule"] for flow in self.flows for f in flow["findings"]}

    def crashed(self):
        """Not an exit of its own: a signal, a sanitizer's abort, a timeout."""
        return self.rc not in (0, 1, 2) or "Sanitizer" in self.err or "runtime error" in self.err


def read(*args, data=None):
    """Run `negwatch read --json`; data: bytes for standard input."""
    return run("read", "--json", *args, data=data)


def run(*args, data=None):
    try:
        p = subprocess.run([NEGWATCH] + list(args), input=data, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=TIMEOUT,
                           stdin=None if data is not None else subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return Result(-1, "", "no end after %d s" % TIMEOUT)
    return Result(p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace"))


def captures(folder):
    """Paths of the captures in a folder, in order."""
    if not os.path.isdir(folder):
        return []
    return sorted(os.path.join(folder, f) for f in os.listdir(folder)
                  if f.endswith((".pcap", ".pcapng", ".cap", ".gz")))


def all_captures():
    """The small ones, of both kinds."""
    return captures(LAB) + captures(OWN)


def all_of(fn, items):
    """fn over items, as many at a time as there are processors; the complaints of all."""
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return [c for got in pool.map(fn, items) for c in got]


def unlike(got, want):
    """Where two lists of flows part, for a person to read."""
    if len(got) != len(want):
        return "%d flows, not %d" % (len(got), len(want))
    return "\n".join("  %s: %s, not %s" % (k, json.dumps(g.get(k))[:600], json.dumps(w.get(k))[:600])
                     for g, w in zip(got, want) for k in sorted(set(g) | set(w)) if g.get(k) != w.get(k))


# ---- classic pcap, little endian: enough to rewrite captures ----

GLOBAL = struct.Struct("<IHHiIII")
RECORD = struct.Struct("<IIII")
MICRO, NANO = 0xA1B2C3D4, 0xA1B23C4D


def pcap_read(path):
    """(link type, [(seconds, nanoseconds, length on the wire, bytes), ...])"""
    with open(path, "rb") as f:
        raw = f.read()
    magic, _, _, _, _, _, link = GLOBAL.unpack_from(raw)
    assert magic in (MICRO, NANO), path
    at, packets = GLOBAL.size, []
    while at < len(raw):
        sec, frac, cap, length = RECORD.unpack_from(raw, at)
        at += RECORD.size
        packets.append((sec, frac if magic == NANO else frac * 1000, length, raw[at:at + cap]))
        at += cap
    return link, packets


def pcap_bytes(link, packets, snaplen=262144):
    out = [GLOBAL.pack(NANO, 2, 4, 0, 0, snaplen, link)]
    for sec, nsec, length, data in packets:
        out.append(RECORD.pack(sec, nsec, len(data[:snaplen]), length) + data[:snaplen])
    return b"".join(out)
