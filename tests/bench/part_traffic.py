# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real sockets over veth: bulk transfers and connection storms beside nothing, empty programs, ours, and other tools."""
import json
import os
import statistics
import subprocess

import pair
from lab import net
from setups import BUILD, SETUPS, Missing

OTHERS = ("xdp-filter", "tcpdump", "tcpdump-tight", "tshark")
BUDGETED = ("none", "empty-tc", "tc", "empty-xdp", "xdp")


class Traffic:
    """One pair of namespaces and what was measured in it: of each setup a list, one value for each round."""

    def __init__(self, network, report, mode, outward=False):
        self.network, self.report, self.mode = network, report, mode
        self.namespace, self.dev = (network.client, network.client_dev) if outward else (network.server, network.server_dev)
        self.seen = {}

    def _peer(self, what, milliseconds):
        done = subprocess.run([os.path.join(BUILD, "bench_peer"), what, self.network.client.path, self.network.server.path,
                               str(milliseconds)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise net.LabError(f"bench_peer {what}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def once(self, setup, what, milliseconds):
        """Returns what bench_peer says, its CPU time with the tool's."""
        watcher = SETUPS[setup](self.network, self.namespace, self.dev)
        try:
            before = watcher.cpu()
            said = self._peer(what, milliseconds)
            said["tool_s"] = watcher.cpu() - before
            said["cpu_s"] += said["tool_s"]
        finally:
            watcher.close()
        return said

    def rounds(self, setups, count, what, milliseconds):
        """Setups take turns, so that a slow moment of the machine meets all of them."""
        setups = list(setups)
        self.once("none", what, milliseconds)  # warms up
        for number in range(count):
            for setup in setups[::-1 if number % 2 else 1]:
                try:
                    self.seen.setdefault(setup, []).append(self.once(setup, what, milliseconds))
                except Missing as why:
                    self.report.skip(f"{self.mode} {setup}", why)
                    setups.remove(setup)
                except net.LabError as why:
                    if setup not in OTHERS:
                        raise
                    self.report.skip(f"{self.mode} {setup}", why)
                    setups.remove(setup)

    def ratio(self, setup, base, value):
        """Median of the ratios within a round, and the medians of both sides."""
        pairs = [(value(ours), value(theirs)) for ours, theirs in zip(self.seen.get(setup, ()), self.seen.get(base, ()))]
        if not pairs:
            return None
        return (statistics.median(ours / theirs for ours, theirs in pairs),
                statistics.median(theirs for _, theirs in pairs), statistics.median(ours for ours, _ in pairs))

    def add(self, key, setup, base, value, **more):
        found = self.ratio(setup, base, value)
        if found:
            self.report.add(key, *found, rounds=len(self.seen[setup]), **more)


def per_gb(said):
    return said["cpu_s"] / said["gb"]


def _bulk(network, report, effort, mode):
    outward = mode == "out"
    network.super_packets(mode == "tso")
    here = Traffic(network, report, mode, outward)
    here.rounds(BUDGETED[:3] if outward else BUDGETED, effort.bulk_rounds, "bulk", effort.bulk_ms)
    here.add(f"{mode}.tc.empty", "tc", "empty-tc", per_gb)
    here.add(f"{mode}.tc.none", "tc", "none", per_gb)
    if outward:
        return
    here.add(f"{mode}.xdp.empty", "xdp", "empty-xdp", per_gb)
    for setup in ("xdp", "empty-tc", "empty-xdp"):
        here.add(f"{mode}.{setup}.none", setup, "none", per_gb)
    if not effort.other_rounds:
        return
    others = Traffic(network, report, mode)
    others.rounds(("none", *OTHERS), effort.other_rounds, "bulk", effort.bulk_ms)
    for setup in OTHERS:
        seen = others.seen.get(setup)
        own = statistics.median(said["tool_s"] / said["gb"] for said in seen) if seen else None
        others.add(f"{mode}.{setup}.none", setup, "none", per_gb, tool_s_per_gb=own)


def bulk(report, effort):
    with pair.Pair() as network:
        for mode in ("mtu", "tso", "out"):
            _bulk(network, report, effort, mode)


def storm(report, effort):
    with pair.Pair() as network:
        here = Traffic(network, report, "storm")
        here.rounds(("empty-tc", "tc"), effort.storm_rounds, "storm", effort.storm_ms)
        here.add("storm.rate", "tc", "empty-tc", lambda said: said["connections"] / said["wall_s"])
        here.add("storm.cpu", "tc", "empty-tc", lambda said: said["cpu_s"] / said["connections"] * 1e6)
