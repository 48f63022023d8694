# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of a daemon on a disk that does not end a sync: alerts reach syslog, and questions are answered, as ever."""
import json
import os
import socket
import statistics
import subprocess
import time

import journal
import stage
from lab import net

SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "slow_disk.c")
ROUNDS, HOLDS, PER_ROUND = 3, 3, 10
SYSLOG_MS, STATUS_MS = 50, 100
SLOWER = 4


def preloaded(here):
    """(what is put before the daemon, the file that makes the disk slow)"""
    library, slow = (os.path.join(here.directory, name) for name in ("slow.so", "slow"))
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SHIM], check=True)
    return ["env", f"LD_PRELOAD={library}", f"NW_SLOW={slow}"], slow


def asked(path):
    """How many ms `status` takes, without a process for it."""
    begun = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(20)
        client.connect(path)
        client.sendall(b'{"cmd":"status"}\n')
        answer = b""
        while not answer.endswith(b"\n"):
            answer += client.recv(1 << 16)
    if not json.loads(answer)["ok"]:
        raise stage.Failed(answer)
    return (time.monotonic() - begun) * 1e3


def told(here):
    """How many ms an alert takes from its last packet to syslog."""
    before = len(here.log.lines)
    here.alter()
    sent = time.time()
    net.wait_for("the alert", lambda: len(here.log.lines) > before, 20, 0.002)
    return (here.log.lines[before][0] - sent) * 1e3


class Figures:
    """How long things took, in ms, with the disk as it is and with one that waits."""

    def __init__(self):
        self.free, self.held = [], []

    def within(self, what, limit):
        """The same with both, on whatever machine: what little each takes is lost in the limit, and a machine that is slow
        or does much else is so with both, round by round."""
        free, held = statistics.median(self.free), statistics.median(self.held)
        print(f"# {what}: {held:.1f} ms median, {max(self.held):.1f} ms at most, of {len(self.held)} while a sync waits; "
              f"{free:.1f} ms median of {len(self.free)} without; limit {limit} ms, or {SLOWER} times that without", flush=True)
        if held > max(limit, SLOWER * free):
            raise stage.Failed(f"{what} waits for the disk")


def hold(slow_file):
    """From now on each sync waits; what waited until now goes on."""
    fresh = slow_file + ".new"
    with open(fresh, "wb"):
        pass
    os.rename(fresh, slow_file)


def slow():
    """Syncs that don't end, while files are closed and compressed: nobody waits, nothing is lost, numbers stay unique."""
    with journal.place() as here:
        before, slow_file = preloaded(here)
        host = here.daemon(before=before, journal_file_kib=64)
        alerts, answers, made, slowed = Figures(), Figures(), 0, 0

        def measure(to_alerts, to_answers):
            for _ in range(PER_ROUND):
                to_alerts.append(told(here))
                to_answers.append(asked(host.socket))
            return PER_ROUND
        for _ in range(ROUNDS):
            made += measure(alerts.free, answers.free)
            for _ in range(HOLDS):
                hold(slow_file)
                told(here)
                net.wait_for("a sync that waits", lambda: os.path.getsize(slow_file), 20, 0.002)
                made += 1 + measure(alerts.held, answers.held)
                slowed += os.path.getsize(slow_file)
            os.unlink(slow_file)
        print(f"# {made} alerts, {slowed} syncs that waited", flush=True)
        alerts.within("from the last packet to syslog", SYSLOG_MS)
        answers.within("status", STATUS_MS)
        net.wait_for("a closed file", lambda: here.files("alerts-*"), 20, 0.05)
        host.kill()
        last = here.daemon(journal_file_kib=64)
        net.wait_for("syslog to have all", lambda: journal.status(last)["syslog"]["backlog"] == 0, 60, 0.05)
        journal.wants("exit status", last.close(), 0)
        found = here.journalled()
        journal.told_right(here, found)
        journal.wants("journalled", len(found), made)


TESTS = {"all": slow}
