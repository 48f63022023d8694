# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of what becomes of alerts: killed daemons, full and read-only disks, deaf receivers, storms, replays."""
import collections
import contextlib
import glob
import gzip
import json
import os
import random
import socket
import subprocess
import time

import cable
import replay
import stage
from lab import daemon, logsocket, net, sniffer

KILLS = 100
STORM, STORM_SECONDS, WINDOW = 600, 15, 20
LISTED = 250
SYSLOG_BACK = 60  # seconds; the longest pause between two attempts is 30 s, then there are 100 alerts a second
PRIVATE = ["unshare", "--mount", "--propagation", "private", "sh", "-c"]


class Place:
    """A network with a cable, and a syslog receiver that outlives daemons."""

    def __init__(self, network):
        self.network = network
        self.wire = cable.Cable(network, "nwa")
        self.frames = replay.frames(cable.ALTERED)
        self.directory = os.path.join(network.directory, "journal")
        self.state = os.path.join(self.directory, "state")
        os.mkdir(self.directory)
        os.mkdir(self.state)
        self.path = os.path.join(network.directory, "syslog")
        self.log = logsocket.LogSocket(self.path)
        network.on_close(self.close)

    def close(self):
        if self.log:
            self.log.close()
        self.log = None

    def daemon(self, **options):
        options = {"syslog_socket": self.path, "syslog_rate": 0, "answer_timeout": 600, **options}
        return daemon.Daemon(self.network, self.network.server, ["nwa"], directory=self.directory, **options)

    def alter(self, count=1):
        """Connections that each meet rule 101."""
        for _ in range(count):
            port = next(cable.PORTS)
            for frame, inward in self.frames:
                self.wire.send(replay.on_port(frame, inward, port), inward)

    def lines(self):
        """The pairs of all alerts that were sent to syslog until now, in order."""
        self.log.settle()
        return [pairs for pairs in (logsocket.fields(text) for _, text in list(self.log.lines)) if "alert_id" in pairs]

    def journalled(self):
        """All alerts of all files of the journal, in order."""
        paths = sorted(glob.glob(os.path.join(self.state, "alerts-*"))) + [os.path.join(self.state, "alerts.jsonl")]
        alerts = []
        for path in paths:
            with (gzip.open if path.endswith(".gz") else open)(path, "rt", encoding="utf-8") as text:
                alerts += [json.loads(line) for line in text]
        return alerts

    def filled(self):
        """Bytes in the current file."""
        with contextlib.suppress(FileNotFoundError):  # between two
            return os.path.getsize(os.path.join(self.state, "alerts.jsonl"))
        return 0

    def files(self, pattern):
        return len(glob.glob(os.path.join(self.state, pattern)))


@contextlib.contextmanager
def place():
    with cable.lab() as network:
        yield Place(network)


def number(alert):
    return alert["negwatch"]["alert_id"]


def status(host):
    return json.loads(host.ask("status", "--json").stdout)["status"]


def wants(what, found, wanted):
    if found != wanted:
        raise stage.Failed(f"{what}: {found!r}, wanted {wanted!r}")


def told_right(here, alerts):
    """Every alert of the journal reached syslog, numbers are given once, second copies say so."""
    ids = [number(alert) for alert in alerts]
    if ids != sorted(set(ids)):
        raise stage.Failed("numbers in the journal repeat or fall")
    ports = {number(alert): alert["src_port"] for alert in alerts if "src_port" in alert}
    plain, copies = collections.Counter(), collections.Counter()
    for pairs in here.lines():
        which = int(pairs["alert_id"])
        (copies if "replayed" in pairs else plain)[which] += 1
        if which in ports and int(pairs["src_port"]) != ports[which]:
            raise stage.Failed(f"number {which} was told of two alerts")
    missing = set(ids) - set(plain) - set(copies)
    if missing:
        raise stage.Failed(f"never reached syslog: {sorted(missing)[:10]} of {len(ids)}")
    if plain and max(plain.values()) > 1:
        raise stage.Failed(f"second copies without replayed=1: {[n for n in plain if plain[n] > 1][:10]}")
    return len(plain), sum(copies.values()), sum(1 for n in copies if n in plain or copies[n] > 1)


def killed():
    """SIGKILL 100 times under alerts, with files that are closed and compressed all the time."""
    seed = random.randrange(1 << 32)
    random.seed(seed)
    with place() as here:
        for round_ in range(KILLS):
            away = round_ % 10 == 9  # nobody listens: what is killed then has alerts that wait
            if away:
                os.rename(here.path, f"{here.path}.away")
            host = here.daemon(journal_file_kib=64)
            end = time.monotonic() + random.uniform(0, 0.3)
            here.alter()
            while time.monotonic() < end:
                here.alter()
                time.sleep(0.005)
            if away:
                net.wait_for("alerts that wait", lambda: status(host)["syslog"]["backlog"], 20, 0.02)
                os.rename(f"{here.path}.away", here.path)
            host.kill()
        last = here.daemon(journal_file_kib=64)
        net.wait_for("syslog to have all", lambda: status(last)["syslog"]["backlog"] == 0, 60, 0.05)
        wants("exit status", last.close(), 0)
        alerts = here.journalled()
        plain, copies, twice = told_right(here, alerts)
        closed = here.files("alerts-*.gz") + here.files("alerts-*.jsonl")
        print(f"# seed {seed}: {KILLS} kills, {len(alerts)} alerts in {closed} closed files and one more; to syslog {plain} "
              f"at once, {copies} with replayed=1, {twice} of them twice", flush=True)
        if len(alerts) < KILLS or closed < 5 or not copies:
            raise stage.Failed("too few alerts, files or replays: the moments prove nothing")
        wants("leftovers", here.files("*.tmp"), 0)


def told_or_counted(here, host):
    """How many repeats summaries have told, with those that the next ones will tell."""
    untold = status(host)["alerts"]["folded_untold"]
    return sum(int(pairs["count"]) for pairs in here.lines() if pairs["rule"] == "191") + untold


def storm():
    """600 connections in 15 s that each meet rule 101: one alert and one summary, and all of them counted."""
    with place() as here:
        host = here.daemon(fold_window=f"{WINDOW} s", syslog_rate=20)
        begun = time.monotonic()
        for count in range(STORM):
            time.sleep(max(0.0, begun + count * STORM_SECONDS / STORM - time.monotonic()))
            here.alter()
        net.wait_for("all of them to be seen", lambda: status(host)["alerts"]["by_rule"].get("101") == STORM, 20, 0.05)
        took = time.monotonic() - begun
        within, untold = [pairs["rule"] for pairs in here.lines()], status(host)["alerts"]["folded_untold"]
        if time.monotonic() - begun < WINDOW:
            wants("alerts within the window", within, ["101"])
            wants("folded", untold, STORM - 1)
        net.wait_for("the summary", lambda: any(pairs["rule"] == "191" for pairs in here.lines()), WINDOW + 20, 0.1)
        wants("folded", status(host)["alerts"]["folded"], STORM - 1)
        summaries = [pairs for pairs in here.lines() if pairs["rule"] == "191"]
        wants("alerts told", [pairs["rule"] for pairs in here.lines()][:1], ["101"])
        # Where sending took longer than the window there is a summary of the rest, which comes at the end of another one.
        net.wait_for("repeats to be told", lambda: told_or_counted(here, host) == STORM - 1, WINDOW + 20, 0.1)
        first = here.lines()[0]
        same = ("src_ip", "dest_ip", "dest_port", "differs")
        wants("of what", [(pairs["of_rule"], pairs["first_id"], *(pairs[key] for key in same)) for pairs in summaries[:1]],
              [("101", first["alert_id"], *(first[key] for key in same))])
        if took < WINDOW:
            wants("lines", len(here.lines()), 2)
            wants("journal", [alert["negwatch"]["rule"] for alert in here.journalled()], [101, 191])
        print(f"# {STORM} connections in {took:.1f} s: {len(here.lines())} messages", flush=True)
        here.alter(3)
        net.wait_for("the next window", lambda: status(host)["alerts"]["by_rule"]["101"] == STORM + 3, 20, 0.05)
        untold = status(host)["alerts"]["folded_untold"]
        second = took < WINDOW and time.monotonic() - begun < 2 * WINDOW  # the first began behind `begun`
        if second:
            wants("folded in the next window", untold, 3)
        wants("exit status", host.close(), 0)
        alerts = here.journalled()
        wants("told in all", sum(alert["negwatch"]["count"] for alert in alerts), STORM + 3)
        if second:
            wants("what a clean end tells", alerts[-1]["negwatch"]["count"], 3)


def counts_killed():
    """What a killed daemon had counted is told by the next."""
    with place() as here:
        host = here.daemon(fold_window="10 min")
        here.alter(8)
        net.wait_for("repeats", lambda: status(host)["alerts"]["folded"] == 7, 20, 0.02)
        # Killed between message and cursor it would tell the first twice.
        net.wait_for("syslog to have the first", lambda: status(host)["syslog"]["backlog"] == 0, 20, 0.02)
        host.kill()
        host = here.daemon(fold_window="10 min")
        net.wait_for("the summary", lambda: len(here.lines()) >= 2, 20, 0.02)
        wants("told", [(pairs["rule"], pairs["count"]) for pairs in here.lines()], [("101", "1"), ("191", "7")])


def rate():
    """Beyond syslog_rate syslog gets the count, the journal each alert."""
    with place() as here:
        host, begun = here.daemon(syslog_rate=1, syslog_burst=5), time.monotonic()
        here.alter(100)
        # It comes 10 s behind the first that was not told.
        net.wait_for("the count", lambda: any(pairs.get("suppressed") == "rate-limit" for pairs in here.lines()), 40, 0.05)
        host.close()
        most = 5 + 1 + (time.monotonic() - begun)  # the burst, and one each second
        alerts = here.journalled()
        wants("journalled", sum(1 for alert in alerts if stage.rule(alert) == 101), 100)
        lines = here.lines()
        one_by_one = [pairs for pairs in lines if pairs["rule"] == "101"]
        counted = sum(int(pairs["count"]) for pairs in lines if pairs["rule"] == "191")
        # Behind half of the burst a client gets a share of the rest.
        if not 3 <= len(one_by_one) <= most or len(one_by_one) + counted != 100:
            raise stage.Failed(f"{len(one_by_one)} told one by one and {counted} counted, of 100")


def inside(host, path):
    return f"/proc/{host.process.pid}/root{path}"


def ill_disk(here, mount, heal, break_it):
    """Alerts while the disk is ill go to syslog, told once; when it is well again they are journalled. Returns how many
    the journal lacks, and how many were told."""
    host = daemon.Daemon(here.network, here.network.server, ["nwa"], directory=here.directory, syslog_socket=here.path,
                         answer_timeout=600, before=[*PRIVATE, f'{mount} && exec "$@"', "sh"])
    break_it(host)
    here.alter(20)
    net.wait_for("20 alerts in syslog", lambda: len(here.lines()) >= 20, 20, 0.02)
    net.wait_for("the fault in status", lambda: status(host)["journal"].get("error"), 20, 0.05)
    ill = status(host)["journal"]["unwritten"]
    with open(host.output, encoding="utf-8") as text:
        wants("complaints", text.read().count("Alerts still go to syslog"), 1)
    if ill == 0 or "FAILS" not in host.ask("status").stdout:
        raise stage.Failed(host.ask("status").stdout)
    heal(host)
    here.alter()
    net.wait_for("the journal to go on", lambda: "error" not in status(host)["journal"], 20, 0.05)
    net.wait_for("21 alerts in syslog", lambda: len(here.lines()) == 21, 20, 0.02)
    wants("unwritten", status(host)["journal"]["unwritten"], ill)
    wants("numbers", [int(pairs["alert_id"]) for pairs in here.lines()], list(range(1, 22)))
    wants("replays", [pairs for pairs in here.lines() if "replayed" in pairs], [])
    with open(inside(host, os.path.join(here.state, "alerts.jsonl")), encoding="utf-8") as text:
        written = [number(json.loads(line)) for line in text]
    wants("written", written, list(range(1, 21 - ill)) + [21])
    wants("exit status", host.close(), 0)
    return ill, len(here.lines())


def full_disk():
    with place() as here:
        filler = os.path.join(here.state, "filler")

        def fill(host):
            with open(inside(host, filler), "wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(4096)):
                    pass
        return ill_disk(here, f"mount -t tmpfs -o size=64k none {here.state}", lambda host: os.unlink(inside(host, filler)), fill)


def read_only():
    with place() as here:
        def heal(host):
            subprocess.run(["nsenter", "-t", str(host.process.pid), "-m", "mount", "-o", "remount,rw", here.state], check=True)
        return ill_disk(here, f"mount -t tmpfs none {here.state} && mount -o remount,ro {here.state}", heal, lambda host: None)


def deaf():
    """A receiver that is gone, that is back, and one that does not read: nothing is lost, and nothing waits for it."""
    with place() as here:
        host = here.daemon()
        here.alter(5)
        net.wait_for("the first alerts", lambda: len(here.lines()) == 5, 20, 0.02)
        before = list(here.log.lines)
        here.close()
        here.alter(40)
        net.wait_for("the backlog", lambda: status(host)["syslog"]["backlog"] == 40, 20, 0.02)
        if "FAILS" not in host.ask("status").stdout:
            raise stage.Failed(host.ask("status").stdout)
        # Of the namespace: a new one's sockets queue 10 datagrams, the host's as many as its max_dgram_qlen says.
        with sniffer.socket_in(here.network.server, lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as silent:
            silent.bind(here.path)
            net.wait_for("its queue to be full", lambda: 0 < status(host)["syslog"]["backlog"] < 40, SYSLOG_BACK, 0.02)
            here.alter(40)
            net.wait_for("the backlog", lambda: len(host.alerts()) == 85, 20, 0.02)
            silent.shutdown(socket.SHUT_RD)  # what the daemon sends from now on it sends in vain, and knows
            queued = [(0, text.decode()) for text in iter(lambda: silent.recv(65536), b"")]
        os.unlink(here.path)
        here.log = logsocket.LogSocket(here.path)
        net.wait_for("all to arrive", lambda: status(host)["syslog"]["backlog"] == 0, SYSLOG_BACK, 0.05)
        here.alter()
        net.wait_for("the next one", lambda: any(pairs["alert_id"] == "86" for pairs in here.lines()), SYSLOG_BACK, 0.02)
        here.log.lines[:0] = before + queued
        plain, copies, twice = told_right(here, here.journalled())
        print(f"# {plain} at once, {copies} after waiting; {len(queued)} were in the queue of the one that did not read",
              flush=True)
        wants("told twice", twice, 0)
        if "replayed" in here.lines()[-1]:
            raise stage.Failed(f"the last: {here.lines()[-1]}")


def pages(host, limit):
    """The numbers of all alerts, asked for as many at a time, from the newest back."""
    found, before = [], None
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(host.socket)
        stream = sock.makefile("rw", encoding="utf-8")
        for _ in range(LISTED):
            stream.write(json.dumps({"cmd": "alerts", "limit": limit} | ({"before": before} if before else {})) + "\n")
            stream.flush()
            answer = json.loads(stream.readline())
            found = [number(alert) for alert in answer["alerts"]] + found
            before = answer.get("before")
            if not before:
                break
    return found


def old_ones():
    """Alerts in closed files are listed, shown and replayed; a test alert goes everywhere; both are for root alone."""
    with place() as here:
        host = here.daemon(journal_file_kib=64)
        for told in range(50, LISTED + 1, 50):  # 100 KiB at a time: what comes at once may come into one file
            here.alter(50)
            net.wait_for("the alerts", lambda told=told: len(here.lines()) == told, 20, 0.05)
            net.wait_for("the full file to be closed", lambda: here.filled() < 64 << 10, 20, 0.05)
        wants("exit status", host.close(), 0)
        host = here.daemon(journal_file_kib=64)
        net.wait_for("closed files", lambda: here.files("alerts-*.gz") >= 2, 20, 0.05)
        wants("listed", [number(alert) for alert in host.alerts()], list(range(1, LISTED + 1)))
        wants("listed of them", [number(alert) for alert in host.objects("alerts", "--limit", str(LISTED - 10), "--after", "12")],
              list(range(13, LISTED + 1)))
        wants("listed in pages", pages(host, 70), list(range(1, LISTED + 1)))
        wants("shown", json.loads(host.ask("show", "1", "--json").stdout)["alert"]["negwatch"]["alert_id"], 1)
        done = host.ask("replay", "--since", "1h")
        if done.returncode != 0:
            raise stage.Failed(done.stderr)
        net.wait_for("the replay", lambda: len(here.lines()) == 2 * LISTED, SYSLOG_BACK, 0.05)
        again = here.lines()[LISTED:]
        wants("replayed", [(int(pairs["alert_id"]), pairs.get("replayed")) for pairs in again],
              [(n, "1") for n in range(1, LISTED + 1)])
        wants("times", [pairs["event_time"] for pairs in again], [pairs["event_time"] for pairs in here.lines()[:LISTED]])
        wants("test-alert", host.ask("test-alert").returncode, 0)
        net.wait_for("the test alert", lambda: here.lines()[-1]["rule"] == "199", 20, 0.02)
        wants("its number", here.lines()[-1]["alert_id"], str(LISTED + 1))
        os.chmod(host.socket, 0o666)
        for request in ('{"cmd":"test-alert"}', '{"cmd":"replay","since":"2026-01-01T00:00:00Z"}', '{"cmd":"ping"}'):
            allowed = "ping" in request
            answer = as_nobody(host.socket, request)
            wants(f"{request} of nobody", json.loads(answer)["ok"], allowed)


def as_nobody(path, request):
    """The socket's answer to a process without any right."""
    read, write = os.pipe()
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    child = os.fork()
    if child == 0:
        try:
            os.chdir(os.path.dirname(path))  # which is nobody's to enter
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)
            client.connect(os.path.basename(path))
            client.sendall(request.encode() + b"\n")
            os.write(write, client.recv(65536))
        finally:
            os._exit(0)
    os.close(write)
    client.close()
    with open(read, "rb") as answer:
        text = answer.read().decode()
    os.waitpid(child, 0)
    return text


TESTS = {"storm": storm, "counts-killed": counts_killed, "rate": rate, "full-disk": full_disk, "read-only": read_only, "deaf": deaf, "old-ones": old_ones,
         "killed": killed}
