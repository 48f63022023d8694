# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The daemon by itself: CPU for each handshake, memory with its tables full, how soon an alert is in syslog."""
import json
import os
import re
import socket
import statistics
import subprocess

import pair
from lab import daemon, logsocket, net
from setups import BUILD

FLOWS = 65536
MIB = 1 << 20


def _inject(network, what, count, per_second):
    done = subprocess.run(network.client.command([os.path.join(BUILD, "bench_inject"), network.client_dev, what, str(count),
                                                  str(per_second)]), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    if done.returncode != 0:
        raise net.LabError(f"bench_inject: {done.stderr.strip()}")
    return done.stdout


def _maps(pid):
    """[(type, bytes)] of the BPF maps that a process holds."""
    held = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
                fields = dict(re.findall(r"^(\w+):\s*(\S+)", info.read(), re.M))
        except OSError:
            continue
        if "map_id" in fields:
            held[fields["map_id"]] = fields
    return [(int(fields["map_type"]), int(fields["memlock"])) for fields in held.values()]


def _resident(pid):
    """Resident bytes, the pages of the ring left out: they are the map's."""
    total, counts = 0, True
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
                counts = "bpf-map" not in line and "bpf_ringbuf" not in line
            elif counts and line.startswith("Rss:"):
                total += int(line.split()[1]) * 1024
    return total


def _counters(host):
    return {row["name"]: row["value"] for row in host.objects("stats")["counters"]}


def _sleeps(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", status.read(), re.M).group(1))


def _pages(host):
    """(connections, answers, CPU seconds of the dearest): all that the daemon lists, page after page."""
    before, connections, answers, dearest = {}, 0, 0, 0
    with socket.socket(socket.AF_UNIX) as sock, sock.makefile("rb") as lines:
        sock.connect(host.socket)
        while before is not None:
            begun = pair.cpu_seconds(host.process.pid)
            sock.sendall(json.dumps({"cmd": "flows", **before}).encode() + b"\n")
            answer = json.loads(lines.readline())
            dearest = max(dearest, pair.cpu_seconds(host.process.pid) - begun)
            connections, answers = connections + len(answer["flows"]), answers + 1
            before = {"before": answer["before"]} if "before" in answer else None
    return connections, answers, dearest


RINGBUF = 27  # enum bpf_map_type


def full(report, effort):
    """One run for both: handshakes of 64 Ki connections, none of which ends."""
    with pair.Pair() as network:
        host = daemon.Daemon(network, network.server, [network.server_dev], ingress="tc")
        pid = host.process.pid
        empty = _resident(pid)
        before, slept = pair.cpu_seconds(pid), _sleeps(pid)
        _inject(network, "open", FLOWS, effort.handshakes_per_s)
        slept = _sleeps(pid) - slept

        def all_seen():
            counters = _counters(host)
            return counters["events"] + counters["lost_events"] >= 4 * FLOWS and counters
        counters = net.wait_for("events of all handshakes", all_seen, 60, 0.2)
        if counters["lost_events"]:
            report.skip("daemon.handshake", f"{counters['lost_events']} events were lost: the machine is too busy")
        cpu = pair.cpu_seconds(pid) - before
        report.add("daemon.handshake", cpu / FLOWS * 1e6, lost=counters["lost_events"])
        report.add("daemon.wakeups", slept / FLOWS)
        connections, answers, dearest = _pages(host)
        report.add("answer.flows", dearest * 1000, connections=connections, answers=answers)
        maps = _maps(pid)
        ring = sum(size for kind, size in maps if kind == RINGBUF)
        # Homes and hash: no other map is as large.
        flows = sum(sorted(size for kind, size in maps if kind != RINGBUF)[-2:])
        rest = sum(size for _, size in maps) - ring - flows
        resident = _resident(pid)
        for key, size in (("flows", flows), ("maps", rest), ("ring", ring), ("daemon", resident)):
            report.add(f"memory.{key}", size / MIB, **({"idle": round(empty / MIB, 1)} if key == "daemon" else {}))
        report.add("memory", (ring + flows + rest + resident) / MIB, connections=counters["flows"])
        host.close()


def latency(report, effort):
    """From the moment when the last packet was sent to that when the datagram is there."""
    with pair.Pair() as network:
        host = daemon.Daemon(network, network.server, [network.server_dev], ingress="tc", syslog_rate=0)
        sent = dict(map(int, line.split()) for line in
                    _inject(network, "altered", effort.alerts, effort.alerts_per_s).splitlines())

        def told():
            found = {}
            for when, text in list(host.log.lines):
                fields = logsocket.fields(text)
                if fields.get("rule") == "101":
                    found.setdefault(int(fields["src_port"]), when)
            return len(found) >= len(sent) and found
        found = net.wait_for(f"{len(sent)} alerts in syslog", told, 60, 0.1)
        delays = sorted((found[port] - when / 1e9) * 1000 for port, when in sent.items())
        report.add("latency.p50", statistics.median(delays), alerts=len(delays))
        report.add("latency.p99", delays[min(len(delays) - 1, len(delays) * 99 // 100)], worst=round(delays[-1], 3))
        host.close()
