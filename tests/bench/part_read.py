# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Captures from a file: `negwatch read` beside an empty libpcap loop, tcpdump and tshark. CPU time, unless said."""
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

import captures
from lab import daemon, net
from setups import BUILD, TIGHT

LOOP = os.path.join(BUILD, "bench_pcap")
READ = (daemon.CLI, "read")


def _once(argv):
    """(CPU seconds, wall seconds, greatest resident KiB)"""
    start = time.monotonic()
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise net.LabError(f"{' '.join(argv[:2])} ended with status {process.returncode}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - start, usage.ru_maxrss


def _rounds(count, **commands):
    """Of each command the medians; they take turns."""
    seen = {name: [] for name in commands}
    for _ in range(count):
        for name, argv in commands.items():
            seen[name].append(_once(argv))
    return {name: [statistics.median(column) for column in zip(*values)] for name, values in seen.items()}


def _speed(report, key, number, base, ours, base_number=None, **more):
    """Packets per second of CPU time: ours to the base's."""
    theirs, our = (base_number or number) / base[0], number / ours[0]
    report.add(key, our / theirs, theirs / 1e6, our / 1e6, **more)


def _all_seen(path, packets):
    """What is fast because it reads nothing is not to be measured."""
    done = subprocess.run([*READ, "--json", path], stdout=subprocess.PIPE, text=True, check=False)
    summary = json.loads(done.stdout.splitlines()[-1])
    if summary["packets"] != packets or not summary["flows"] or any(summary["not_observed"].values()) or done.returncode:
        raise net.LabError(f"negwatch read of {packets} packets: status {done.returncode}, {summary}")


def _compare(report, effort, directory):
    big, small, large = (os.path.join(directory, name) for name in ("big.pcap", "small.pcap", "bulk.pcap"))
    packets = captures.handshakes(big, effort.read_packets)
    few = captures.handshakes(small, effort.read_packets // 4)
    heavy = captures.bulk(large, effort.bulk_packets)
    _all_seen(small, few)
    _all_seen(large, heavy)
    found = _rounds(effort.read_rounds, loop=[LOOP, big], read=[*READ, big], json=[*READ, "--json", big],
                    small=[*READ, small], bulk_loop=[LOOP, large], bulk=[*READ, large])
    mb_per_s = round(os.path.getsize(big) / 1e6 / found["read"][1], 1)
    _speed(report, "read.handshakes", packets, found["loop"], found["read"], packets=packets, wall_mb_per_s=mb_per_s)
    _speed(report, "read.json", packets, found["loop"], found["json"])
    _speed(report, "read.bulk", heavy, found["bulk_loop"], found["bulk"], packets=heavy,
           wall_mb_per_s=round(os.path.getsize(large) / 1e6 / found["bulk"][1], 1))
    report.add("read.memory", found["read"][2] / found["small"][2], found["small"][2] / 1024, found["read"][2] / 1024,
               packets=[few, packets])
    two = _rounds(effort.read_rounds, one=[*READ, small], two=[*READ, small, small])
    report.add("read.two", two["two"][1] / (2 * two["one"][1]), 2 * two["one"][1], two["two"][1])
    if shutil.which("tcpdump"):
        other = _rounds(effort.read_rounds, tcpdump=["tcpdump", "-n", "-r", big, "-w", "/dev/null", TIGHT])["tcpdump"]
        _speed(report, "read.tcpdump", packets, other, found["read"])
    else:
        report.skip("read.tcpdump", "tcpdump is not installed")
    if shutil.which("tshark"):
        tiny = os.path.join(directory, "tiny.pcap")
        number = captures.handshakes(tiny, effort.tshark_packets)
        other = _rounds(1, tshark=["tshark", "-n", "-r", tiny, "-Y", "smb2.cmd == 0 || smb2.cmd == 11", "-T", "fields",
                                   "-e", "frame.number", "-e", "smb2.cmd"])["tshark"]
        _speed(report, "read.tshark", packets, other, found["read"], base_number=number)
    else:
        report.skip("read.tshark", "tshark is not installed")


def run(report, effort):
    directory = tempfile.mkdtemp(prefix="nwbench-")
    try:
        _compare(report, effort, directory)
    finally:
        shutil.rmtree(directory)
