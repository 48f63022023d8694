# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of a daemon on a disk that takes 2 s for each sync: alerts reach syslog, and questions are answered, as ever."""
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
ALERTS = 120
SYSLOG_MS, STATUS_MS = 50, 100
SYNC_MS = 2000


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


def within(what, figures, limit):
    """The median within the limit, and none near to what a sync takes: other work on the machine is nobody's fault."""
    middle, worst = statistics.median(figures), max(figures)
    print(f"# {what}: {middle:.1f} ms median, {worst:.1f} ms at most, of {len(figures)}; limit {limit} ms", flush=True)
    if middle > limit or worst > SYNC_MS / 2:
        raise stage.Failed(f"{what} waits for the disk")


def slow():
    """Every sync takes 2 s, while files are closed and compressed: nobody waits, nothing is lost, numbers stay unique."""
    with journal.place() as here:
        before, slow_file = preloaded(here)
        host = here.daemon(before=before, journal_file_kib=64)
        with open(slow_file, "wb"):
            pass
        alerts, answers = [], []
        for _ in range(ALERTS):
            alerts.append(told(here))
            answers.append(asked(host.socket))
            time.sleep(0.05)  # a load over several syncs
        within("from the last packet to syslog", alerts, SYSLOG_MS)
        within("status", answers, STATUS_MS)
        net.wait_for("a closed file", lambda: here.files("alerts-*"), 20, 0.05)
        slowed = os.path.getsize(slow_file)
        os.unlink(slow_file)
        print(f"# {slowed} syncs of 2 s meanwhile", flush=True)
        if slowed < 3:
            raise stage.Failed("the disk was not slow")
        host.kill()
        last = here.daemon(journal_file_kib=64)
        net.wait_for("syslog to have all", lambda: journal.status(last)["syslog"]["backlog"] == 0, 60, 0.05)
        journal.wants("exit status", last.close(), 0)
        found = here.journalled()
        journal.told_right(here, found)
        journal.wants("journalled", len(found), ALERTS)


TESTS = {"all": slow}
