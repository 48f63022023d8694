# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
What is no capture, is cut, damaged or odd: no crash, no hang, the right exit status, an error that names the
file, and never an alteration that did not happen.
"""
import gzip
import json
import os
import random
import shutil
import tempfile

import harness
import rewrite

# The same conversation where the edit can't be seen, and where it can; small, so every cut of it is read.
PLAIN, EDITED = "request-guid.cli.pcap", "request-guid.srv.pcap"
SAYS_ALTERED = {101, 102, 109}
FLIPS = 400
SEED = 20261122


def own(name):
    return os.path.join(harness.OWN, name)


def slurp(path):
    with open(path, "rb") as f:
        return f.read()


def put(folder, name, data):
    path = os.path.join(folder, name)
    with open(path, "wb") as f:
        f.write(data)
    return path


def flows_but_file(result):
    return [{k: v for k, v in flow.items() if k != "file"} for flow in result.flows]


def refused(result, what, words):
    """Complaints if this was not a clean refusal: exit 2, a summary all the same, words on stderr."""
    out = []
    if result.rc != 2 or result.bad_json or result.summary is None:
        out.append("%s: exit %d, summary %s" % (what, result.rc, result.summary))
    for w in words:
        if w not in result.err:
            out.append("%s: no '%s' in: %s" % (what, w, result.err.strip()))
    return out


def no_captures(tap, tmp):
    cases = [("text.pcap", b"this is no capture at all\n" * 20, "is not a capture"),
             ("zeros.pcap", bytes(4096), "is not a capture"),
             ("noise.pcap", random.Random(SEED).randbytes(5000), "is not a capture"),
             ("empty.pcap", b"", "is empty"),
             ("empty.pcap.gz", gzip.compress(b""), "is empty"),
             ("head.pcap", slurp(own(PLAIN))[:11], "cut short in its file header"),
             ("wifi.pcap", harness.pcap_bytes(105, []), "link type 105 (IEEE802_11"),
             ("wifi.pcapng", rewrite.pcapng([(105, [(1, 0, 60, bytes(60))])]), "link type 105 (IEEE802_11"),
             ("head.pcapng", rewrite.pcapng([])[:11], "cut short in its file header"),
             ("section.pcapng", rewrite.pcapng([]), "is not a capture")]
    for name, data, words in cases:
        path = put(tmp, name, data)
        tap.none("%s: refused" % name, refused(harness.read(path), name, [path, words]))
    path = os.path.join(tmp, "nowhere.pcap")
    tap.none("missing file: refused", refused(harness.read(path), "missing", [path, "No such file"]))
    tap.none("directory: refused", refused(harness.read(tmp), "directory", [tmp, "directory"]))


def two_files(tap, tmp):
    bad = put(tmp, "bad.pcap", b"nothing")
    out = []
    for args in ([bad, own(EDITED)], [own(EDITED), bad]):
        r = harness.read("--vantage", "server", *args)
        out += refused(r, str(args), [bad])
        if r.rules() != {101} or (r.summary or {}).get("findings") != {"101": 1}:
            out.append("%s: findings %s" % (args, r.summary))
    r = harness.read(own(EDITED), own(PLAIN))
    if (r.rc, r.summary["files"], r.summary["flows"]) != (1, 2, 2) or \
            [f["file"] for f in r.flows] != [own(EDITED), own(PLAIN)]:
        out.append("two good ones: exit %d, %s" % (r.rc, r.summary))
    tap.none("two files, one of them bad: the other is read, exit 2", out)


def cuts(tap, tmp):
    for name, allowed in ((PLAIN, set()), (EDITED, SAYS_ALTERED)):
        raw = slurp(own(name))
        link, packets = harness.pcap_read(own(name))
        ends = {len(harness.pcap_bytes(link, packets[:n])): n for n in range(len(packets) + 1)}
        whole = harness.read("--vantage", "server", own(name))

        def one(n):
            r = harness.read("--vantage", "server", "-", data=raw[:n])
            want = (0, 1) if n in ends else (2,)
            if r.crashed() or r.bad_json or r.summary is None or r.rc not in want:
                return ["cut at %d: exit %d, expected %s: %s" % (n, r.rc, want, r.err.strip())]
            if r.rules() & SAYS_ALTERED - allowed:
                return ["cut at %d: %s" % (n, r.rules())]
            whole_packets = max(ends[e] for e in ends if e <= n) if n >= min(ends) else 0
            if r.summary["packets"] != whole_packets:
                return ["cut at %d: %d packets, not %d" % (n, r.summary["packets"], whole_packets)]
            return []

        complaints = harness.all_of(one, range(len(raw)))
        # A cut in the very last packet: all that came before it is told.
        r = harness.read("--vantage", "server", put(tmp, "cut.pcap", raw[:-1]))
        if r.rules() != whole.rules() or "is cut short in packet %d" % len(packets) not in r.err:
            complaints.append("cut in the last packet: %s %s" % (r.rules(), r.err))
        tap.none("%s cut at each of %d bytes" % (name, len(raw)), complaints)


def containers(tap, tmp):
    """The same packets in another wrapping give the same flows."""
    path = own(EDITED)
    raw, want = slurp(path), flows_but_file(harness.read(path))
    link, packets = harness.pcap_read(path)
    packed = gzip.compress(raw)
    ways = {"gz": packed, "two gzip members": gzip.compress(raw[:500]) + gzip.compress(raw[500:]),
            "pcapng": rewrite.pcapng([(link, packets)]),
            "pcapng.gz": gzip.compress(rewrite.pcapng([(link, packets)])),
            "pcapng, two alike interfaces": rewrite.pcapng([(link, packets), (link, [])]),
            "nanosecond pcap": harness.pcap_bytes(link, packets),
            "big-endian pcap": rewrite.big_endian(link, packets)}
    for name, data in ways.items():
        p = put(tmp, "c.bin", data)
        got = [flows_but_file(harness.read(p)), flows_but_file(harness.read("-", data=data))]
        tap.ok("%s: as the plain file, also from standard input" % name, got == [want, want],
               "%s\n%s" % (json.dumps(got[0])[:1500], json.dumps(want)[:1500]))
    r = harness.read(put(tmp, "cut.pcap.gz", packed[:-200]))
    tap.none("gzip that is cut: exit 2", refused(r, "cut.gz", ["cut short"]))
    broken = bytearray(packed)
    broken[len(broken) // 2] ^= 0xff
    r = harness.read(put(tmp, "broken.pcap.gz", bytes(broken)))
    tap.none("gzip that is damaged: exit 2", refused(r, "broken.gz", ["broken.pcap.gz"]))
    ways = rewrite.interfaces(link, packets)
    for name, data in ways.items():
        got = flows_but_file(harness.read("-", data=data))
        tap.ok("pcapng, %s: as the plain file" % name, got == want, json.dumps(got)[:1500])
    alien = rewrite.pcapng([(link, packets), (105, [(1, 0, 60, bytes(60))])])
    r = harness.read(put(tmp, "alien.pcapng", alien))
    tap.none("pcapng with an interface that can't be read: exit 2", refused(r, "alien", ["has packets of link type 105"]))
    tap.ok("... and what can be is read", flows_but_file(r) == want, r.out[:1500])


def links(tap, tmp):
    """The same conversation on every link type, tags and ports changed."""
    link, packets = harness.pcap_read(own(EDITED))
    want = flows_but_file(harness.read(own(EDITED)))
    for name, number, change in rewrite.LINKS:
        data = harness.pcap_bytes(number, [change(p) for p in packets])
        got = flows_but_file(harness.read(put(tmp, "link.pcap", data)))
        tap.ok("link type %s" % name, got == want, json.dumps(got)[:1500])
    for name, tags, number in (("one tag", [10], 1), ("two tags", [20, 10], 1), ("tag in cooked v1", [7], 113)):
        change = rewrite.cooked if number == 113 else lambda p: p
        data = harness.pcap_bytes(number, [change(rewrite.tagged(p, tags)) for p in packets])
        got = flows_but_file(harness.read(put(tmp, "vlan.pcap", data)))
        tap.ok("VLAN: %s" % name, got == [dict(f, vlan=tags) for f in want], json.dumps(got)[:1500])
    odd = put(tmp, "port.pcap", harness.pcap_bytes(1, [rewrite.moved(p, 445, 4450) for p in packets]))
    without, with_port = harness.read(odd), harness.read("--port", "4449", "--port", "4450", odd)
    tap.ok("--port adds a port", not without.flows and without.rc == 0 and with_port.rules() == {101}
           and with_port.flows[0]["server_port"] == 4450, with_port.out)


def time_and_order(tap, tmp):
    def one(path):
        name, out = os.path.basename(path), []
        link, packets = harness.pcap_read(path)
        half = len(packets) // 2
        ways = {"clock goes back an hour": [rewrite.later(p, -3600 if i >= half else 0)
                                            for i, p in enumerate(packets)],
                "no times at all": [(0, 0) + p[2:] for p in packets],
                # What the server sent was stamped by another card, whose clock is off.
                "server's clock behind": [rewrite.stamped(p, -2000000 * rewrite.is_from_server(p)) for p in packets],
                "server's clock ahead": [rewrite.stamped(p, 2000000 * rewrite.is_from_server(p)) for p in packets]}
        want = harness.read(path).rules()
        for way, changed in ways.items():
            r = harness.read("-", data=harness.pcap_bytes(link, changed))
            # What falls into the step is lost as time, so that a timeout (106) may not be reached.
            if r.crashed() or not want - {106} <= r.rules() <= want:
                out.append("%s, %s: %s, not %s" % (name, way, r.rules(), want))
        return out

    tap.none("a clock that steps back, or stands, or two that differ: the same findings",
             harness.all_of(one, harness.all_captures()))
    # A (port 1000) stays open while B's port 2000 is used twice: the flows still come as they began.
    link, packets = harness.pcap_read(own(EDITED))
    a = [rewrite.client_port(rewrite.later(p, 0), 1000) for p in packets]
    b = [rewrite.client_port(rewrite.later(p, 1), 2000) for p in packets]
    c = [rewrite.client_port(rewrite.later(p, 2), 2000, isn=77777) for p in packets]
    mixed = a[:8] + b + c + [rewrite.later(p, 3) for p in a[8:]]
    r = harness.read("-", data=harness.pcap_bytes(link, mixed))
    tap.same("reused ports: flows in order of their first packet", [f["client_port"] for f in r.flows],
             [1000, 2000, 2000])


def lossy(tap, tmp):
    """An untouched conversation of which one packet was not captured, or one direction: nothing happened."""
    def one(job):
        name, size, lost = job
        link, packets = harness.pcap_read(own(name))
        packets = [part for p in packets for part in rewrite.segments(p, size, None)] if size else packets
        # The client goes on behind VALIDATE, and then there is time for each timeout.
        packets = [rewrite.later(p, 20 * (i > 0.75 * len(packets))) for i, p in enumerate(packets)]
        left = [p for i, p in enumerate(packets)
                if (i != lost if lost >= 0 else rewrite.is_from_server(p) == (lost == -1))]
        r = harness.read("-", data=harness.pcap_bytes(link, left))
        if r.crashed() or r.rules() - {105} or r.rc:
            return ["%s (%s), without %d: exit %d, %s" % (name, size, lost, r.rc, r.rules())]
        return []

    jobs = []
    for name in ("untouched-3.0.2.srv.pcap", "untouched-3.0.2.cli.pcap"):
        for size in (None, 60):
            link, packets = harness.pcap_read(own(name))
            n = sum(len(rewrite.segments(p, size, None)) if size else 1 for p in packets)
            jobs += [(name, size, lost) for lost in range(-2, n)]
    tap.none("%d ways to lose a packet, or a direction: no finding" % len(jobs), harness.all_of(one, jobs))


def snaplens(tap, tmp):
    def one(job):
        path, snap = job
        name = os.path.basename(path)
        link, packets = harness.pcap_read(path)
        full = harness.read(path).rules()
        r = harness.read("-", data=harness.pcap_bytes(link, packets, snap))
        cut = [f for f in r.flows if f["observed"] != "full"]
        out = []
        if r.crashed() or r.bad_json or r.rc == 2:
            out.append("%s at %d: exit %d %s" % (name, snap, r.rc, r.err))
        # Where the request is cut and its answer is not, the answer is still a refusal (ksmbd's: 111 for 101).
        if (r.rules() - full) & (SAYS_ALTERED | {103, 110} | (set() if 101 in full else {111})):
            out.append("%s at %d: %s, not %s" % (name, snap, r.rules(), full))
        # Where not even the beginning of a message is left (IPv6), there are no flows to say it of.
        told = r.summary["not_observed"]["truncated"] if r.flows else "snapshot length" in r.err
        if snap == 96 and (not told or len(cut) != len(r.flows)):
            out.append("%s at %d: %s" % (name, snap, r.summary))
        return out

    for snap in (54, 66, 70, 96, 136, 160, 200):
        tap.none("%d bytes of each packet: no false claim%s" % (snap, ", and not observed" if snap == 96 else ""),
                 harness.all_of(one, [(p, snap) for p in harness.all_captures()]))


def flips(tap, tmp):
    paths = harness.all_captures()
    rng = random.Random(SEED)
    jobs = []
    for i in range(FLIPS):
        raw = bytearray(slurp(rng.choice(paths)))
        for _ in range(rng.choice((1, 1, 3, 20))):
            raw[rng.randrange(len(raw))] ^= 1 << rng.randrange(8)
        jobs.append((i, bytes(raw)))

    def one(job):
        r = harness.read("-", data=job[1])
        if r.crashed() or r.bad_json or r.summary is None:
            put(tempfile.gettempdir(), "negwatch-flip-%d.pcap" % job[0], job[1])
            return ["flip %d (kept in %s): exit %d %s" % (job[0], tempfile.gettempdir(), r.rc, r.err[-600:])]
        return []

    tap.none("%d captures with flipped bits: no crash, no hang" % FLIPS, harness.all_of(one, jobs))


def usage(tap):
    cases = [(["--nonsense", "x"], "--nonsense"), (["--port", "0", "x"], "--port 0"), (["--port", "x", "x"], "--port x"),
             (["--port", "70000", "x"], "70000"), (["--vantage", "moon", "x"], "moon"), (["--port"], "--port"),
             ([], "FILE")]
    out = []
    for args, words in cases:
        r = harness.read(*args)
        if r.rc != 2 or r.out or words not in r.err:
            out.append("%s: exit %d, %r, %r" % (args, r.rc, r.out, r.err))
    tap.none("wrong usage: exit 2, the word on stderr, nothing on stdout", out)
    r = harness.run("read", "--help")
    tap.ok("--help: exit 0, 80 columns", r.rc == 0 and "--vantage" in r.out
           and max(map(len, r.out.splitlines())) <= 80, r.out)
    r = harness.run("read", "--all", *harness.all_captures())
    wide = [line for line in r.out.splitlines() if len(line) > 80 and not line.endswith(".pcap")]
    tap.ok("the report for people: 80 columns, and both values of what differs",
           r.rc == 1 and not wide and "NEGOTIATE 2.0.2 2.1 3.0\n" in r.out, "\n".join(wide))


def check(tap):
    if not os.path.exists(own(EDITED)) or not os.path.exists(own(PLAIN)):
        tap.skip("robustness", "no captures in %s" % harness.OWN)
        return
    tmp = tempfile.mkdtemp(prefix="negwatch-capture-")
    try:
        no_captures(tap, tmp)
        two_files(tap, tmp)
        containers(tap, tmp)
        links(tap, tmp)
        time_and_order(tap, tmp)
        lossy(tap, tmp)
        usage(tap)
        snaplens(tap, tmp)
        cuts(tap, tmp)
        flips(tap, tmp)
    finally:
        shutil.rmtree(tmp)
