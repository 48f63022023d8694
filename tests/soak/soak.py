#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
negwatchd for minutes under all that it may meet at once: smbclient loops, tampering, floods, reloads, questions. What it
uses has to stay flat, what it says has to be right, and every counter has to be explained. Prints TAP.

usage: soak.py MINUTES DIRECTORY
"""
import collections
import contextlib
import json
import os
import random
import signal
import socket
import statistics
import sys
import threading
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "scripts"), HERE]

import cable    # noqa: E402
import chart    # noqa: E402
import flood    # noqa: E402
import replay   # noqa: E402
from lab import box, daemon, logsocket, net, samba  # noqa: E402

EVERY = 2.0           # seconds between samples
FLOWS = 2048          # max_flows
TOGETHER = 50         # strangers at once: half a megabyte of events, an eighth of the ring
TALKS_PER_QUESTION = 4
QUIET = 120           # seconds for what is on its way when all is over; repeats are told after 20
BIG = "put /usr/bin/python3.11 big; get big /dev/null; ls"
# edit of the box, what smbclient does, the rules that the daemon at the server's host has to tell of it
TALKS = [
    (None, {"commands": BIG}, ()),
    ("pass", {"commands": "ls"}, ()),
    ("pass", {"maximum": "SMB3_11", "commands": BIG}, ()),
    ("pass", {"commands": "quit"}, ()),
    ("pass", {"password": "wrong"}, ()),
    ("pass", {"six": True}, ()),
    ("pass+chunk=9", {}, ()),
    ("req_guid", {}, (101,)),
    ("req_caps", {}, (101,)),
    ("req_drop_highest", {}, (101, 109)),
    ("resp_caps", {}, (105,)),
]


QUESTIONS = ("status", "stats", "flows", "alerts", "peers", "metrics")


class Worker(threading.Thread):
    """Does one thing again and again until it is told to stop; its first failure ends it, and is kept."""

    def __init__(self, name, step, pause):
        super().__init__(name=name, daemon=True)
        self.step, self.pause, self.count, self.problem = step, pause, 0, None
        self.over = threading.Event()
        self.start()

    def run(self):
        try:
            while not self.over.wait(self.pause):
                self.step()
                self.count += 1
        except Exception:  # pylint: disable=broad-except # whatever it is, the soak is not what it was to be
            self.problem = traceback.format_exc()

    def stop(self):
        self.over.set()
        self.join(180)


class Soak:
    """The lab, its daemon, what is done to them, and the samples of what that costs."""

    def __init__(self, network):
        self.network, self.rng = network, random.Random(20)
        self.box, self.smbd = box.Box(network), samba.Server(network)
        self.config = os.path.join(network.directory, "soak.conf")
        self.reloads = 0
        self.configure(0)
        self.host = daemon.Daemon(network, network.server, [], config=self.config, max_flows=FLOWS, max_peers=256,
                                  fold_window="20 s", journal_file_kib=256, journal_kib=1024, evidence_files=20,
                                  evidence_memory_kib=256,
                                  metrics_file=os.path.join(network.directory, "soak.prom"))
        self.pid = self.host.process.pid
        self.talks, self.wanted = collections.Counter(), collections.Counter()
        self.talked, self.packets, self.asked = 0, 0, 0
        mac = next(line.split()[1] for line in network.server.run("ip", "link", "show", network.server_dev).splitlines()
                   if "link/ether" in line)
        self.flood = flood.Flood(bytes.fromhex(mac.replace(":", "")), net.server_address(0), 21)
        self.wire = replay.sender(network.box, network.box_server)
        network.on_close(self.wire.close)
        self.fill()
        self.samples, self.begun = [], time.monotonic()

    def configure(self, rate):
        """Replaces the file at once: the daemon may be slow to read what it was told of before."""
        with open(f"{self.config}.new", "w", encoding="ascii") as out:
            out.write(f"interfaces = {self.network.server_dev}\nsyslog_facility = local{self.reloads % 7}\n"
                      f"syslog_rate = {rate}\n")
        os.rename(f"{self.config}.new", self.config)

    def fill(self):
        """Fills what has a bound (flows, peers, the newest alerts, the journal, all pages of the ring) with altered connections
        of as many strangers: what is flat then stays flat, however fast the machine is."""
        out = replay.sender(self.network.server, self.network.server_dev)
        for first in range(0, FLOWS, TOGETHER):
            for number in range(first, first + TOGETHER):
                stranger = socket.inet_aton(f"172.16.{number >> 8}.{number & 255}")
                for frame, inward in replay.frames(cable.ALTERED):
                    at = 26 if inward else 30  # Ethernet without a tag, IPv4
                    (self.wire if inward else out).send(frame[:at] + stranger + frame[at + 4:])
            self.wanted[101] += TOGETHER

            def told():
                state = self.state()
                return state["alerts"]["by_rule"].get("101") == self.wanted[101] and not state["syslog"]["backlog"]
            net.wait_for("alerts of strangers", told, 60, 0.02)
        out.close()
        for _ in range(5):
            self.burst()
        for _ in QUESTIONS:
            self.question()
        self.reload()

    def talk(self):
        edit, how, rules = TALKS[self.talked % len(TALKS)]
        self.network.use_client(self.talked % 200)
        self.box.edit(edit)
        status, output = samba.Client(self.smbd, **how).finish(120)
        if status is None:
            raise net.LabError(f"smbclient did not end, {edit}: {output}")
        self.talked += 1
        self.talks[edit] += 1
        self.wanted.update(rules)

    def burst(self):
        """A few thousand packets of one kind, or of all."""
        kinds = self.rng.choice([*([kind] for kind in flood.Flood.KINDS), flood.Flood.KINDS])
        for _ in range(3000):
            with contextlib.suppress(OSError):  # the queue of the interface is full
                self.wire.send(self.rng.choice(kinds)(self.flood))
                self.packets += 1

    def reload(self):
        self.reloads += 1
        self.configure(20 + self.reloads % 3)
        os.kill(self.pid, signal.SIGHUP)

    def ask(self):
        """One question to so many conversations: what CPU time is made of does not depend on the machine."""
        if self.asked * TALKS_PER_QUESTION <= self.talked:
            self.question()

    def question(self):
        verb = QUESTIONS[self.asked % len(QUESTIONS)]
        done = self.host.ask(verb, *([] if verb == "metrics" else ["--json"]))
        if done.returncode:
            raise net.LabError(f"negwatch {verb}: {done.returncode} {done.stderr}")
        self.asked += 1

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def state(self):
        return json.loads(self.host.ask("status", "--json").stdout)["status"]

    def sample(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            words = stat.read().rpartition(")")[2].split()
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            memory = {line.split()[0]: int(line.split()[1]) for line in status if line.startswith("Rss")}
        state = self.state()
        self.samples.append({
            "at": time.monotonic() - self.begun,
            "memory": memory["RssAnon:"],  # without what of files and of the ring was touched
            "fds": self.fds(),
            "cpu": (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"),
            "events": state["engine"]["events"],
            "packets": state["packets"],
            "lost": state["losses"]["events"],
            "refused": state["losses"]["flows"],
            "alerts": state["alerts"]["since_start"],
            "folded": state["alerts"]["folded"],
            "journal": state["journal"]["bytes"] / 1024,
        })

    def run(self, seconds):
        workers = [Worker("conversations", self.talk, 0.01), Worker("bursts of 3000 packets", self.burst, 2),
                   Worker("reloads", self.reload, 5), Worker("questions", self.ask, 0.5)]
        try:
            while time.monotonic() - self.begun < seconds and not any(worker.problem for worker in workers):
                time.sleep(EVERY)
                self.sample()
        finally:
            for worker in workers:
                worker.stop()
        return workers

    def rates(self, key):
        """Per second, between samples."""
        return [0, *((b[key] - a[key]) / max(b["at"] - a["at"], 0.1) for a, b in zip(self.samples, self.samples[1:]))]

    def quarters(self, values):
        size = max(len(values) // 4, 1)
        return [statistics.median(values[at * size:(at + 1) * size] or [0]) for at in range(4)]

    def fds_before(self):
        """The most of the first quarter, with reloads and whoever asked."""
        return max(sample["fds"] for sample in self.samples[:max(len(self.samples) // 4, 1)])

    def costs(self):
        """CPU time by quarters, microseconds for each event."""
        at = [round(place * (len(self.samples) - 1) / 4) for place in range(5)]
        ends = [(self.samples[one], self.samples[other]) for one, other in zip(at, at[1:])]
        return [1e6 * (b["cpu"] - a["cpu"]) / max(b["events"] - a["events"], 1) for a, b in ends]

    def draw(self, directory, minutes):
        get = lambda key: [sample[key] for sample in self.samples]  # noqa: E731
        chart.draw(os.path.join(directory, "soak.svg"), f"negwatchd, {minutes:g} minutes of mixed traffic", get("at"), [
            ("Memory (anonymous)", "KiB", get("memory")), ("Open descriptors", "number", get("fds")),
            ("CPU", "% of a core", [100 * value for value in self.rates("cpu")]),
            ("Packets", "per second", self.rates("packets")), ("Events", "per second", self.rates("events")),
            ("Events lost", "number", get("lost")),
            ("Flows of floods that were not let in", "number", get("refused")),
            ("Alerts told and repeats folded", "number", [s["alerts"] + s["folded"] for s in self.samples]),
            ("Journal", "KiB", get("journal"))])
        with open(os.path.join(directory, "samples.json"), "w", encoding="ascii") as out:
            json.dump(self.samples, out)


class End:
    """What the daemon says when nobody does anything any more. look() is true when all that it still had to tell is told."""

    def __init__(self, soak):
        self.soak = soak
        with contextlib.suppress(net.LabError):  # the rows say what is wrong
            net.wait_for("the last of it", self.look, QUIET, 0.5)

    def look(self):
        soak = self.soak
        self.state, stats = soak.state(), json.loads(soak.host.ask("stats", "--json").stdout)["stats"]
        self.count = {row["name"]: row["value"] for row in stats["counters"]}
        self.outcomes = sum(row["value"] for row in stats["counters"] if row["outcome"])
        self.read = stats["engine"]["events"]
        self.rules = {int(rule): count for rule, count in self.state["alerts"]["by_rule"].items() if count}
        self.lines = [pairs for pairs in (logsocket.fields(text) for _, text in list(soak.host.log.lines)) if "alert_id" in pairs]
        self.ids = [int(pairs["alert_id"]) for pairs in self.lines]
        self.fds = soak.fds()
        return (self.rules == dict(soak.wanted) and self.outcomes == self.count["packets"] and self.read == self.count["events"]
                and not self.state["alerts"]["folded_untold"] and not self.state["syslog"]["backlog"]
                and not self.state["journal"]["unwritten"] and len(set(self.ids)) == self.state["alerts"]["total"]
                and self.fds <= soak.fds_before())


class Report:
    """TAP, and a row of the table for each."""

    def __init__(self):
        self.count = self.failed = 0

    def row(self, name, value, good, wanted):
        self.count += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} - {name}", flush=True)
        print(f"# {name:44} | {value} | {wanted}", flush=True)


def judge(soak, workers, report):
    """Every row of the table, with what it has to be."""
    for worker in workers:
        report.row(worker.name, worker.count, not worker.problem and worker.count, "no failure")
        if worker.problem:
            print("\n".join(f"#   {line}" for line in worker.problem.splitlines()), flush=True)
    memory, costs, end = soak.quarters([s["memory"] for s in soak.samples]), soak.costs(), End(soak)
    quarter = lambda values: " ".join(f"{value:.0f}" for value in values)  # noqa: E731
    # All tables were full before the first sample. 5 % are pieces that lie between alerts of unequal length.
    report.row("memory by quarters, KiB", quarter(memory), memory[3] <= memory[1] + max(1024, memory[1] * 0.05),
               "the last not above the second (5 %)")
    report.row("descriptors, in the first quarter and in the end", f"{soak.fds_before()} {end.fds}", end.fds <= soak.fds_before(),
               "not more")
    # What a busy machine adds to the same work (cold caches, a sibling thread, a stolen tick) is less than twice; what costs
    # more with all that came before costs seven times as much in the last quarter as in the first (7/8 to 1/8 of it on average).
    report.row("CPU by quarters, us for each event", quarter(costs), costs[3] <= costs[0] * 2.5 + 20,
               "the last not above the first (2.5 times)")
    report.row("findings by rule", end.rules, end.rules == dict(soak.wanted), f"as it was done: {dict(soak.wanted)}")
    state, count = end.state, end.count
    report.row("packets", count["packets"], end.outcomes == count["packets"], "the sum of their outcomes")
    report.row("events told and read", f"{count['events']} {end.read}", count["events"] == end.read, "equal")
    report.row("events lost", state["losses"]["events"], state["losses"]["events"] == 0, "0")
    report.row("malformed", count["malformed"], count["malformed"] == 0, "0")
    summaries = len({pairs["alert_id"] for pairs in end.lines if pairs["rule"] == "191"})
    told, findings = state["alerts"]["since_start"] - summaries, sum(state["alerts"]["by_rule"].values())
    report.row("alerts told, and folded", f"{told} {state['alerts']['folded']}",
               told + state["alerts"]["folded"] == findings, f"together the {findings} findings")
    # A receiver that was kept from running for a second with its queue full counts as away: what waited says replayed=1.
    syslog, once = state["syslog"], [int(pairs["alert_id"]) for pairs in end.lines if "replayed" not in pairs]
    report.row("syslog", f"{len(end.ids)} alerts, {len(end.ids) - len(once)} of them replayed, waiting {syslog['backlog']}, "
               f"dropped {syslog['dropped']}",
               list(dict.fromkeys(end.ids)) == list(range(1, state["alerts"]["total"] + 1)) and len(set(once)) == len(once)
               and not syslog["dropped"] and not syslog["backlog"] and "error" not in syslog,
               "all, in order, none twice without replayed=1")
    report.row("journal", f"{state['journal']['files']} files, {state['journal']['bytes'] // 1024} KiB",
               state["journal"]["bytes"] <= 1024 * 1024 and not state["journal"]["unwritten"] and
               "error" not in state["journal"], "at most 1024 KiB, all written")
    with open(soak.host.output, encoding="utf-8", errors="replace") as text:
        said = [line for line in text.read().splitlines()
                if line.startswith("negwatchd: ") and "Configuration read again" not in line]
    # Of the receiver, which is a thread of this program and takes ten messages at once; that all came is said above.
    receiver = [line for line in said if "does not take alerts" in line or "takes alerts again" in line]
    said = [line for line in said if line not in receiver]
    report.row("complaints of the daemon", f"{len(said)}, besides {len(receiver)} of a receiver with a full queue", not said, "0")
    print("".join(f"#   {line}\n" for line in said[:5]), end="", flush=True)
    report.row("exit status", soak.host.close(), soak.host.process.returncode == 0, "0")


def main():
    minutes, directory = float(sys.argv[1]), sys.argv[2]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.makedirs(directory, exist_ok=True)
    report = Report()
    try:
        samba.prepare()
        with net.Network() as network:
            soak = Soak(network)
            workers = soak.run(minutes * 60)
            soak.draw(directory, minutes)
            print(f"# {soak.samples[-1]['at'] / 60:.1f} minutes: {soak.talked} conversations ({dict(soak.talks)}), "
                  f"{soak.packets} packets of floods; graph {directory}/soak.svg", flush=True)
            judge(soak, workers, report)
    except net.LabError as problem:
        report.row("lab", problem, False, "")
    print(f"1..{report.count}", flush=True)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
