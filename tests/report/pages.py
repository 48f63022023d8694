# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The pages that are looked at: an alert of each rule, captures, a week of 200 alerts, and names made by an attacker."""
import copy
import datetime
import os
import random
import shutil
import subprocess

import harness
import straw

# Where the alerts come from: (rule, capture). The others are made from these below.
SEEN = [(101, "request-highest-dialect.srv"), (102, "response-dialect.cli"), (103, "answer-unsigned.cli"),
        (104, "request-guid.cli"), (105, "response-capabilities.srv"), (109, "request-3.1.1-stripped.srv"),
        (111, "not-implemented.srv")]
# (rule, name, severity, verdict, leg, text, capture whose flow it may be about, what is done to the flow)
MADE = [
    (106, "unanswered", "warning", "unanswered", "here-server", "VALIDATE_NEGOTIATE_INFO was not answered within 30 s",
     "request-guid.cli", {"end": None}),
    (107, "reset-forged", "warning", "forged-reset", None, "TCP reset in the name of the server may be forged: ttl, window",
     "request-reset.srv", {"resets": [{"frame": 15, "at_ms": 21.5, "by": "server", "ttl": 41, "usual_ttl": 64,
                                       "signs": ["ttl", "window"], "forged": "likely", "survived": True}],
                           "path_hint": ["riverbed"]}),
    (108, "preauth-aborted", "warning", "aborted", None,
     "SMB 3.1.1 client left right after its login; NEGOTIATE may have been altered", "untouched-3.1.1.srv", {}),
    (110, "not-validated", "info", "not-validated", None, "client uses a share on SMB 3.0.2 and never validated",
     "untouched-3.0.2.srv", {"validate": []}),
]
# What is not about a flow.
BARE = [(190, "events-lost", "error", "events-lost", "17 events were lost between the kernel and negwatchd"),
        (191, "suppressed", "notice", "suppressed", "41 alerts were counted: request-altered, 10.77.1.13"),
        (199, "test", "info", "test", "test alert, asked for by uid 0")]

# Each would do something if it got through: call out, run, close what it is in, hide, turn around.
HOSTILE = "</style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg onload=alert(3)>&lt;b&gt;"
HIDDEN = "\u202egnp.exe\u200b\x1b[31m\u0007\u2028\ufeff"


def flow_of(capture):
    flow = harness.read(os.path.join(harness.OWN, capture + ".pcap")).flows[0]
    del flow["file"]
    return flow


def alerts():
    """{rule: alert}, one of each."""
    found = {}
    for rule, capture in SEEN:
        flow = flow_of(capture)
        finding = next(f for f in flow["findings"] if f["rule"] == rule)
        found[rule] = straw.alert(rule, flow | {"vantage": "client" if capture.endswith("cli") else "server"}, finding)
    for rule, name, severity, verdict, leg, text, capture, change in MADE:
        flow = flow_of(capture) | change
        flow = {key: value for key, value in flow.items() if value is not None}
        finding = {"rule": rule, "name": name, "severity": severity, "fields": [], "text": text} | ({"leg": leg} if leg else {})
        found[rule] = straw.alert(rule, flow | {"findings": [finding]}, finding)
        found[rule]["negwatch"]["verdict"] = verdict
    base = found[101]
    for rule, name, severity, verdict, text in BARE:
        bare = {key: base[key] for key in ("timestamp", "event_type", "host")}
        bare["alert"] = base["alert"] | {"signature_id": 1445000 + rule, "category": "Monitor operation", "severity": 3}
        bare["negwatch"] = {"schema": 1, "alert_id": rule, "rule": rule, "name": name, "severity": severity,
                            "verdict": verdict, "text": text, "count": 1}
        found[rule] = bare
    repeats = found[191]
    repeats["negwatch"] |= {"count": 41, "suppressed": {
        "reason": "repeats", "rule": 101, "name": "request-altered", "fields": ["dialects"], "first_id": 101, "last_id": 101,
        "first_seen": "2026-11-22T12:00:00.000000Z", "last_seen": "2026-11-22T12:09:00.000000Z"}}
    repeats |= {key: base[key] for key in ("src_ip", "dest_ip", "dest_port", "proto", "app_proto")}
    return found


def week(of, number=200):
    """So many alerts of the last seven days, the oldest first, and as many are of each client and rule every time."""
    dice, now = random.Random(7), datetime.datetime.now(datetime.timezone.utc)
    times = sorted(now - datetime.timedelta(hours=1 + 160 * dice.random() ** 2) for _ in range(number))
    kinds, made = [of[rule] for rule in sorted(of) if rule != 191], []
    for place, when in enumerate(times):
        one = copy.deepcopy(kinds[place % len(kinds)])
        one["timestamp"] = when.strftime("%Y-%m-%dT%H:%M:%S.%f+0000")
        one["negwatch"]["alert_id"] = place + 1
        if "src_ip" in one:
            one["src_ip"] = f"10.1.{place % 3}.{place % 7}" if place % 11 else "2001:db8:1234:5678:9abc:def0:1234:5678"
        made.append(one)
    return made


def hostile(alert):
    """The alert, with what an attacker would like in each of its texts."""
    bad = copy.deepcopy(alert)

    def spoil(value, key=""):
        if isinstance(value, dict):
            return {name: spoil(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [spoil(inner, key) for inner in value]
        # What is looked up in tables is spoiled as well, but for what makes it be shown at all.
        return value if not isinstance(value, str) or key in ("by", "how", "timestamp") else HOSTILE + HIDDEN

    return spoil(bad)


class Maker:
    """Writes the pages into a directory."""

    def __init__(self, directory):
        self.directory = directory
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        self.alerts = alerts()
        self.week = week(self.alerts)

    def path(self, name, kind="html"):
        return os.path.join(self.directory, f"{name}.{kind}")

    def report(self, name, *argv, table=None, cwd=None):
        """(exit status, stderr); table: what the daemon of straw says, None: there is none."""
        argv = ["report", "--utc", "-o", self.path(name), *argv]
        if table is None:
            done = subprocess.run([harness.NEGWATCH, *argv], capture_output=True, text=True, timeout=60, check=False,
                                  stdin=subprocess.DEVNULL, cwd=cwd, env=straw.environment())
            return done.returncode, done.stderr
        with straw.straw(table) as daemon:
            rc, _, err = straw.ask(daemon, *argv)
        return rc, err

    def text(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()
