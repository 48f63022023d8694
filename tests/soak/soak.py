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
import statistics
import sys
import threading
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "scripts"), HERE]

import chart    # noqa: E402
import flood    # noqa: E402
import replay   # noqa: E402
from lab import box, daemon, logsocket, net, samba  # noqa: E402

EVERY = 2.0           # seconds between samples
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
        self.join(60)


class Soak:
    """The lab, its daemon, what is done to them, and the samples of what that costs."""

    def __init__(self, network):
        self.network, self.rng = network, random.Random(20)
        self.box, self.smbd = box.Box(network), samba.Server(network)
        self.config = os.path.join(network.directory, "soak.conf")
        self.reloads = 0
        self.configure()
        # Tables that are full within the first minute: what is flat then stays flat.
        self.host = daemon.Daemon(network, network.server, [], config=self.config, max_flows=2048, max_peers=256,
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
        self.samples, self.begun = [], time.monotonic()

    def configure(self):
        with open(self.config, "w", encoding="ascii") as out:
            out.write(f"interfaces = {self.network.server_dev}\nsyslog_facility = local{self.reloads % 7}\n"
                      f"syslog_rate = {20 + self.reloads % 3}\n")

    def talk(self):
        edit, how, rules = TALKS[self.talked % len(TALKS)]
        self.network.use_client(self.talked % 200)
        self.box.edit(edit)
        samba.Client(self.smbd, **how).finish()
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
        self.configure()
        os.kill(self.pid, signal.SIGHUP)

    def ask(self):
        verb = ("status", "stats", "flows", "alerts", "peers", "metrics")[self.asked % 6]
        done = self.host.ask(verb, *([] if verb == "metrics" else ["--json"]))
        if done.returncode:
            raise net.LabError(f"negwatch {verb}: {done.returncode} {done.stderr}")
        self.asked += 1

    def state(self):
        return json.loads(self.host.ask("status", "--json").stdout)["status"]

    def sample(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as stat:
            words = stat.read().rpartition(")")[2].split()
        state = self.state()
        self.samples.append({
            "at": time.monotonic() - self.begun,
            "rss": int(words[21]) * os.sysconf("SC_PAGE_SIZE") / 1024,
            "fds": len(os.listdir(f"/proc/{self.pid}/fd")),
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

    def draw(self, directory, minutes):
        get = lambda key: [sample[key] for sample in self.samples]  # noqa: E731
        chart.draw(os.path.join(directory, "soak.svg"), f"negwatchd, {minutes:g} minutes of mixed traffic", get("at"), [
            ("Memory (RSS)", "KiB", get("rss")), ("Open descriptors", "number", get("fds")),
            ("CPU", "% of a core", [100 * value for value in self.rates("cpu")]),
            ("Packets", "per second", self.rates("packets")), ("Events", "per second", self.rates("events")),
            ("Events lost", "number", get("lost")),
            ("Flows of floods that were not let in", "number", get("refused")),
            ("Alerts told and repeats folded", "number", [s["alerts"] + s["folded"] for s in self.samples]),
            ("Journal", "KiB", get("journal"))])
        with open(os.path.join(directory, "samples.json"), "w", encoding="ascii") as out:
            json.dump(self.samples, out)


# The daemon has the newest 1,000 alerts in memory (user/daemon/store.h): lines of 4 to 5 KiB, 6 as allocated, and as much again
# in the answer that lists them, whose place malloc keeps. They are full after a quarter of an hour of this; an hour has no such excuse.
STORED, STORED_KIB = 1000, 12


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
    rss, fds = soak.quarters([s["rss"] for s in soak.samples]), soak.quarters([s["fds"] for s in soak.samples])
    cpu = soak.quarters([100 * value for value in soak.rates("cpu")])
    quarter = lambda values: " ".join(f"{value:.0f}" for value in values)  # noqa: E731
    stored = soak.quarters([min(s["alerts"], STORED) * STORED_KIB for s in soak.samples])
    report.row("memory by quarters, KiB", quarter(rss), rss[3] <= rss[1] + max(1024, rss[1] * 0.05) + stored[3] - stored[1],
               f"the last not above the second (5 %), but for {stored[3] - stored[1]:.0f} of alerts in memory and in answers")
    report.row("descriptors by quarters", quarter(fds), abs(fds[3] - fds[1]) <= 2,
               "the same, but for who asks just then")
    report.row("CPU by quarters, % of a core", " ".join(f"{value:.1f}" for value in cpu), cpu[3] <= cpu[1] * 1.5 + 2,
               "the last not above the second (half)")

    def rules():
        return {int(rule): count for rule, count in soak.state()["alerts"]["by_rule"].items() if count}
    with contextlib.suppress(net.LabError):  # 105 waits for the client's end to settle
        net.wait_for("the last findings", lambda: rules() == dict(soak.wanted), 40, 0.5)
    report.row("findings by rule", rules(), rules() == dict(soak.wanted), f"as it was done: {dict(soak.wanted)}")
    state, stats = soak.state(), json.loads(soak.host.ask("stats", "--json").stdout)["stats"]
    count = {row["name"]: row["value"] for row in stats["counters"]}
    outcomes = sum(row["value"] for row in stats["counters"] if row["outcome"])
    report.row("packets", count["packets"], abs(outcomes - count["packets"]) < 3, "the sum of their outcomes")
    report.row("events told and read", f"{count['events']} {stats['engine']['events']}",
               count["events"] == stats["engine"]["events"], "equal")
    report.row("events lost", state["losses"]["events"], state["losses"]["events"] == 0, "0")
    report.row("malformed", count["malformed"], count["malformed"] == 0, "0")
    lines = [pairs for pairs in (logsocket.fields(text) for _, text in list(soak.host.log.lines)) if "alert_id" in pairs]
    summaries = sum(pairs["rule"] == "191" for pairs in lines)
    told, findings = state["alerts"]["since_start"] - summaries, sum(state["alerts"]["by_rule"].values())
    report.row("alerts told, and folded", f"{told} {state['alerts']['folded']}",
               told + state["alerts"]["folded"] == findings, f"together the {findings} findings")
    syslog = state["syslog"]
    ids = [int(pairs["alert_id"]) for pairs in lines if "replayed" not in pairs]
    report.row("syslog", f"{len(ids)} alerts, waiting {syslog['backlog']}, dropped {syslog['dropped']}",
               ids == list(range(1, state["alerts"]["total"] + 1)) and not syslog["dropped"] and "error" not in syslog,
               "each once, in order")
    report.row("journal", f"{state['journal']['files']} files, {state['journal']['bytes'] // 1024} KiB",
               state["journal"]["bytes"] <= 1024 * 1024 and not state["journal"]["unwritten"] and
               "error" not in state["journal"], "at most 1024 KiB, all written")
    with open(soak.host.output, encoding="utf-8", errors="replace") as text:
        said = [line for line in text.read().splitlines()
                if line.startswith("negwatchd: ") and "Configuration read again" not in line]
    report.row("complaints of the daemon", len(said), not said, "0")
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
