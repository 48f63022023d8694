# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the programs cost by themselves: packets, the verifier, loading, the ring, and events up to the engine."""
import json
import os
import subprocess

from lab import net
from setups import BUILD

EVERY = 500000            # events per second that have to be borne
LADDER = (750000, 1000000, 1500000, 2000000)


def run(name, *arguments):
    """The JSON lines that a program of the bench prints."""
    done = subprocess.run([os.path.join(BUILD, name), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise net.LabError(f"{name} {' '.join(map(str, arguments))}: {done.stderr.strip() or done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def packets(report, effort):
    for line in run("bench_packets", effort.program_rounds):
        report.add(line["row"], line["ours"] - line["base"], line["base"], line["ours"])


def load(report, effort):
    each = {}
    for line in run("bench_load", effort.load_rounds):
        if line["row"].startswith("verifier."):
            each[line["row"].partition(".")[2]] = line["ours"]
        else:
            report.add(line["row"], line["ours"], each=each if line["row"] == "verifier" else None)


def ring(report, effort):
    for line in run("bench_ring", effort.ring_ms):
        report.add(line["row"], line["ours"], producer_ns=line["producer_ns"], reader_ns=line["reader_ns"],
                   share_lost=line["lost"])


def sustain(report, effort):
    """A rate is borne if it was reached and nothing was lost."""
    line = run("bench_sustain", EVERY, effort.sustain_s)[0]
    report.add("daemon.rate", line["ours"], seconds=line["seconds"], lost=line["lost"], reader_ns=line["reader_ns"])
    best = line["ours"] if not line["lost"] else 0
    for rate in LADDER:
        line = run("bench_sustain", rate, effort.ladder_s)[0]
        if line["lost"] or line["ours"] < 0.95 * line["wanted"]:
            break
        best = line["ours"]
    report.add("daemon.ceiling", best, reader_ns=line["reader_ns"])
