# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Several files at a time: the same output, byte for byte, as of each alone and one after the other, on one processor
and on all; complaints on standard error in the same order.
"""
import json
import os
import shutil
import subprocess
import tempfile

import harness

ROUNDS = 3


def run(options, files, processors=None, data=b""):
    """(exit status, stdout, stderr) as bytes"""
    done = subprocess.run([harness.NEGWATCH, "read", *options, *files], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=4 * harness.TIMEOUT, check=False,
                          preexec_fn=(lambda: os.sched_setaffinity(0, processors)) if processors else None)
    return done.returncode, done.stdout, done.stderr


def body(out):
    """Without the summary, which is one line of JSON, or what is behind the last empty line."""
    return out[:out.rindex(b"\n", 0, -1) + 1] if b"\n" in out[:-1] and out.startswith(b"{") else \
        out[:out.rfind(b"\n\n") + 2] if b"\n\n" in out else b""


def alone(options, files):
    """What reading each alone comes to: (highest status, flows, complaints, [summaries])"""
    one = dict(zip(files, harness.all_of(lambda f: [run(options, [f])], files)))
    return (max(one[f][0] for f in files), b"".join(body(one[f][1]) for f in files),
            b"".join(one[f][2] for f in files), [one[f][1] for f in files])


def summed(outs):
    """Of several summaries in JSON the sums that one has to have."""
    all_of = [json.loads(out.splitlines()[-1]) for out in outs]
    return {key: sum(s[key] for s in all_of) for key in ("files", "packets", "flows")}


def compare(options, files, want):
    status, flows, said, outs = want
    out = []
    for processors in [None] * ROUNDS + [{min(os.sched_getaffinity(0))}]:
        got = run(options, files, processors)
        if (got[0], body(got[1]), got[2]) != (status, flows, said):
            out.append(f"{options}, processors {processors or 'all'}: status {got[0]}, not {status}; "
                       f"{len(got[1])} bytes, {len(flows)} without a summary; {got[2][-300:]!r}, not {said[-300:]!r}")
        if "--json" in options and not out:
            last = json.loads(got[1].splitlines()[-1])
            if {key: last[key] for key in ("files", "packets", "flows")} != summed(outs):
                out.append(f"summary {last}, not {summed(outs)}")
    return out


def check(tap):
    small = harness.all_captures() + harness.captures(harness.PUBLIC)
    if len(small) < 3:
        tap.skip("several files", f"no captures in {harness.OWN}")
        return
    tmp = tempfile.mkdtemp(prefix="negwatch-several-")
    try:
        bad = os.path.join(tmp, "bad.pcap")
        with open(bad, "wb") as file:
            file.write(b"nothing\n" * 20)
        cut = os.path.join(tmp, "cut.pcap")
        with open(small[0], "rb") as whole, open(cut, "wb") as file:
            file.write(whole.read()[:-7])
        files = small[:3] + [bad, os.path.join(tmp, "missing.pcap"), cut, tmp] + small[3:]
        for options in ([], ["--json"], ["--all"]):
            for order in (files, files[::-1]):
                tap.none(f"{len(order)} files{' ' if options else ''}{' '.join(options)}"
                         f"{', the other way round' if order is not files else ''}: as each alone",
                         compare(options, order, alone(options, order)))
        with open(small[1], "rb") as file:
            data = file.read()
        got = run(["--json"], [small[0], "-", small[2], "-"], data=data)
        names = [json.loads(line).get("file") for line in got[1].splitlines()[:-1]]
        tap.ok("standard input has its turn, and is empty the second time",
               "-" in names and names == sorted(names, key=[small[0], "-", small[2]].index) and got[0] == 2 and
               got[2].count(b"standard input") == 1 and b"empty" in got[2], f"{got[0]} {names} {got[2]}")
    finally:
        shutil.rmtree(tmp)
