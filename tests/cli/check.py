# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""`negwatch check` as a monitoring system sees it: one line, the exit code, the figures; never OK where it can't see."""
import copy
import datetime
import re

import straw

# The Nagios plugin guidelines: 'label'=value[UOM];[warn];[crit];[min];[max]
FIGURE = re.compile(r"^[a-z_]+=[0-9]+c?(;[0-9]*){0,4}$")


def ago(seconds):
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=seconds)


def status(**change):
    """The healthy status, with members replaced by path ("losses.last")."""
    whole = copy.deepcopy(straw.STATUS)
    for path, value in change.items():
        *way, last = path.split("__")
        at = whole
        for key in way:
            at = at[key]
        at[last] = value
    return whole


def alerts(*severities, seconds=60):
    """Alerts of these severities, so long ago."""
    flow = straw.flows()[0]
    made = [straw.alert(n, flow, flow["findings"][0] | {"severity": severity}) for n, severity in enumerate(severities, 1)]
    for one in made:
        one["timestamp"] = ago(seconds).strftime("%Y-%m-%dT%H:%M:%S.%f+0000")
    return made


FAILED = {"name": "eth1", "ifindex": 4, "state": "failed", "why": "busy | taken"}
ABSENT = {"name": "eth2", "state": "absent"}
WATCHED = straw.STATUS["interfaces"]
RECENT = ago(60).strftime("%Y-%m-%dT%H:%M:%S.000Z")
OLD = ago(7200).strftime("%Y-%m-%dT%H:%M:%S.000Z")

# (name, arguments, change of the status, alerts, exit code, what the line says)
TABLE = [
    ("all is well", [], {}, [], 0, ["OK - 17 connections followed", "critical=0;;1;0", "connections=17;;;0;65536"]),
    ("a critical alert", [], {}, alerts("critical"), 2, ["CRITICAL - 1 critical and 0 other alerts, 1 client since"]),
    ("a warning", [], {}, alerts("warning"), 1, ["WARNING - 0 critical and 1 other alerts", "warning=1;1;;0"]),
    ("both", [], {}, alerts("warning", "critical"), 2, ["1 critical and 1 other"]),
    ("an audit entry", [], {}, alerts("info", "notice"), 0, ["OK - "]),
    ("an old alert", [], {}, alerts("critical", seconds=7200), 0, ["OK - "]),
    ("an old alert that counts", ["--since", "3h"], {}, alerts("critical", seconds=7200), 2, ["1 critical"]),
    ("fewer than wished for", ["-c", "3", "-w", "2"], {}, alerts("critical", "critical", "warning"), 0,
     ["OK - 2 critical and 1 other", "critical=2;;3;0"]),
    ("as many as wished for", ["-c", "2"], {}, alerts("critical", "critical"), 2, ["CRITICAL"]),
    ("an interface that is not watched", [], {"interfaces": [*WATCHED, FAILED]}, [], 1,
     ["WARNING - eth1 is not watched: busy / taken |"]),
    ("an interface that is not there", [], {"interfaces": [*WATCHED, ABSENT]}, [], 1, ["WARNING - eth2 is not there"]),
    ("nothing is watched", [], {"interfaces": [FAILED]}, [], 2, ["CRITICAL - ", "no interface is watched"]),
    ("no interface at all", [], {"interfaces": []}, [], 2, ["CRITICAL - no interface is watched"]),
    ("events lost just now", [], {"losses__events": 5, "losses__last": RECENT}, [], 1,
     ["WARNING - events were lost (5 since the start)", "lost=5c"]),
    ("events lost long ago", [], {"losses__events": 5, "losses__last": OLD}, [], 0, ["OK", "lost=5c"]),
    ("lost, and nothing is watched", [], {"losses__events": 5, "losses__last": RECENT, "interfaces": []}, [], 2, ["CRITICAL"]),
    ("syslog fails", [], {"syslog__error": "Connection refused"}, [], 1, ["WARNING - syslog fails: Connection refused"]),
    ("the journal fails", [], {"journal__error": "No space left on device"}, [], 1, ["WARNING - the alert journal fails"]),
]


def check(tap):
    table = straw.answers()
    for name, argv, change, told, code, parts in TABLE:
        table["status"] = {"status": status(**change)}
        table["alerts"] = {"alerts": told}
        problems = straw.unfit(table)
        with straw.straw(table) as daemon:
            rc, out, err = straw.ask(daemon, "check", *argv)
        problems += [f"exit {rc}, not {code}"] * (rc != code) + [f"not said: {part}" for part in parts if part not in out]
        problems += ["not one line"] * (out.count("\n") != 1) + [f"stderr: {err}"] * bool(err)
        text, bar, figures = out.rstrip("\n").partition(" | ")
        problems += ["more than one |"] * ("|" in text + figures) + ["no figures"] * (not bar)
        problems += [f"no figure: {figure}" for figure in figures.split() if not FIGURE.match(figure)]
        tap.ok(f"check: {name}", not problems, "\n".join(problems + [out]))
    for name, answer in (("starts", {"ok": False, "error": "negwatchd is starting"}), ("babbles", b"}{\n"), ("hangs up", b"")):
        with straw.straw({"status": answer}) as daemon:
            rc, out, _ = straw.ask(daemon, "check")
        tap.ok(f"check: a daemon that {name} is UNKNOWN", rc == 3 and out.startswith("NEGWATCH UNKNOWN"), f"{rc} {out}")
