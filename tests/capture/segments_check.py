# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Real conversations, cut into other segments than they had, repeated and out of order: the same messages, the
same differences, the same findings. (Every position in made-up conversations: tests/unit/test_stream.c.)
"""
import os
import random

import harness
import rewrite

SEED = 7
# 75: one byte less than what tells an IOCTL's control code. None: any
SIZES = (1, 2, 4, 7, 75, 100, None)


def in_order(rng, parts):
    return parts


def twice(rng, parts):
    return [p for p in parts for _ in range(2)]


def swapped(rng, parts):
    parts = list(parts)
    for i in range(0, len(parts) - 1, 2):
        parts[i], parts[i + 1] = parts[i + 1], parts[i]
    return parts


def requests_swapped(rng, parts):
    """What the client sends is reordered, and its answers come whole: they are understood only by who has
    put the request together (an error answer has no control code)."""
    return swapped(rng, parts)


def backwards(rng, parts):
    return parts[::-1]


def shuffled(rng, parts):
    return rng.sample(parts, len(parts))


# Left out: what says where and when, which the cutting changes; the wording, which names times; and resets, as
# one that is repeated counts twice.
WHERE = ("frame", "file", "text", "delay_ms", "start", "resets")


def what(obj):
    if isinstance(obj, dict):
        return {k: what(v) for k, v in obj.items() if k not in WHERE}
    return [what(v) for v in obj] if isinstance(obj, list) else obj


def check(tap):
    paths = harness.all_captures()
    if not paths:
        tap.skip("segments", "no captures")
    for order in (in_order, twice, swapped, requests_swapped, backwards, shuffled):
        def one(path):
            rng = random.Random("%d %s" % (SEED, os.path.basename(path)))
            vantage = "server" if ".srv." in path else "client"
            link, packets = harness.pcap_read(path)
            want = what(harness.read("--vantage", vantage, path).flows)
            out = []
            for size in SIZES:
                cut = []
                for p in packets:
                    whole = order is requests_swapped and rewrite.from_port(p, 445)
                    cut += [p] if whole else order(rng, rewrite.segments(p, size, rng))
                r = harness.read("--vantage", vantage, "-", data=harness.pcap_bytes(link, cut))
                if r.crashed() or what(r.flows) != want:
                    out.append("%s in segments of %s: exit %d %s\n%s" % (os.path.basename(path), size or "any size",
                                                                       r.rc, r.err, harness.unlike(what(r.flows), want)))
            return out

        tap.none("%d captures in segments of 1, 2, 4, 7, 75, 100 and any bytes, %s"
                 % (len(paths), order.__name__.replace("_", " ")), harness.all_of(one, paths))
