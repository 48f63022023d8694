# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real smbd and smbclient: what a file costs on its way, with and without a watcher."""
import os
import resource

import pair
from lab import net, samba
from part_traffic import Traffic
from setups import SETUPS

SETUP_NAMES = ("none", "tc", "tcpdump")


def _ticks(pid):
    """CPU time of a process with the children that it has seen end, in seconds."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
        return sum(map(int, stat.read().rpartition(")")[2].split()[11:15])) / os.sysconf("SC_CLK_TCK")


def _softirqd():
    pids = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="ascii", errors="replace") as comm:
                if comm.read().startswith("ksoftirqd/"):
                    pids.append(int(pid))
        except OSError:
            continue
    return sum(pair.cpu_seconds(pid) for pid in pids)


def _smbd(server):
    while True:
        try:
            return sum(_ticks(pid) for pid in pair.tree(server.process.pid))
        except OSError:  # one has ended just now: what it used is its parent's
            continue


def _cpu(server):
    """Of smbd with its children, of the clients that ended, of ksoftirqd."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return _smbd(server) + ended.ru_utime + ended.ru_stime + _softirqd()


class Transfers(Traffic):
    """Files put and got by smbclient in the place of bench_peer."""

    def __init__(self, network, report, server, megabytes):
        super().__init__(network, report, "samba")
        self.server, self.megabytes = server, megabytes
        with open(os.path.join(server.work, "file"), "wb") as out:
            out.truncate(megabytes << 20)

    def _alone(self):
        """No connection is left at the server. What its smbd used counts from then on, whether it lives for a moment or not."""
        with open(f"/proc/{self.server.network.server.holder.pid}/net/tcp", encoding="ascii") as sockets:
            rows = [line.split() for line in sockets][1:]
        return not any(row[1].endswith(":01BD") and row[3] in ("01", "08") for row in rows)  # ESTABLISHED, CLOSE_WAIT

    def once(self, setup, what, milliseconds):
        command = "get big /dev/null" if what == "get" else f"put {self.server.work}/file big"
        watcher = SETUPS[setup](self.network, self.namespace, self.dev)
        try:
            before, tool = _cpu(self.server), watcher.cpu()
            status, output = samba.Client(self.server, command).finish(120)
            if status != 0:
                raise net.LabError(f"smbclient ended with status {status}: {output.strip()[-300:]}")
            net.wait_for("the connection's smbd to end", self._alone, 60)
            return {"cpu_s": _cpu(self.server) - before + watcher.cpu() - tool, "gb": self.megabytes / 1024}
        finally:
            watcher.close()


def run(report, effort):
    try:
        samba.prepare()
    except net.LabError as why:
        report.skip("samba", why)
        return
    with pair.Pair() as network:
        here = Transfers(network, report, samba.Server(network), effort.samba_mb)
        samba.Client(here.server, "ls").finish()  # warms up
        for verb in ("put", "get"):
            here.seen = {}
            here.rounds(SETUP_NAMES, effort.samba_rounds, verb, 0)
            for setup in SETUP_NAMES[1:]:
                here.add(f"samba.{verb}.{setup}", setup, "none", lambda said: said["cpu_s"] / said["gb"])

