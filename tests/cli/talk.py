# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What comes from the daemon: filters, lines in a stream, losses, and answers that make no sense."""
import json
import os
import pty
import re
import select
import subprocess
import time

import golden
import harness
import straw

# (words, which alerts of the five captures are left, by id; None: as the daemon sent them)
FILTERS = [
    ("", None), ("--limit 2", "last 2"), ("--rule 101", lambda a: a["negwatch"]["rule"] == 101),
    ("--rule downgraded", lambda a: a["negwatch"]["rule"] == 109),
    ("--client 10.77.1.0/24", lambda a: a["src_ip"].startswith("10.77.1.")),
    ("--client 0.0.0.0/1", lambda a: "." in a["src_ip"]), ("--client ::/0", "usage"),
    ("--client 10.77.1.255", lambda a: False), ("--server 10.77.2.2", lambda a: a["dest_ip"] == "10.77.2.2"),
    ("--server fd00::/8", lambda a: a["dest_ip"].startswith("fd")),
    ("--since 03:02 --utc", "today"),
    (f"--since {straw.YEAR}-01-02T03:02 --utc", lambda a: a["timestamp"][14:16] >= "02"),
    (f"--since {straw.YEAR}-01-02T03:02:06Z", lambda a: a["timestamp"][14:16] > "02"),
    (f"--since {straw.YEAR}-01-01", None), ("--since 3650d", None), ("--since 1s", lambda a: False),
]


def filters(tap, table):
    alerts = table["alerts"]["alerts"]
    with straw.straw(table) as daemon:
        for words, keep in FILTERS:
            rc, out, err = straw.ask(daemon, "alerts", "--json", *words.split())
            if keep == "usage":
                tap.ok(f"filter: alerts {words} is refused", rc == 2 and "1 to 128" in err, err)
                continue
            if keep == "today":
                tap.same(f"filter: alerts {words} is understood", rc, 0)
                continue
            want = alerts[-2:] if keep == "last 2" else [a for a in alerts if keep is None or keep(a)]
            got = json.loads(out)["alerts"] if rc == 0 else err
            tap.same(f"filter: alerts {words or 'without any'}", [a["negwatch"]["alert_id"] for a in got],
                     [a["negwatch"]["alert_id"] for a in want])
        rc, out, _ = straw.ask(daemon, "flows", "--json", "--rule", "101")
        tap.ok("filter: flows by a rule that they met",
               [f for f in json.loads(out)["flows"]] == [f for f in table["flows"]["flows"]
                                                         if any(x["rule"] == 101 for x in f["findings"])], out[:500])
        rc, out, _ = straw.ask(daemon, "peers", "--json", "--client", "2001:db8::/32")
        tap.same("filter: peers by network", [p["client_ip"] for p in json.loads(out)["peers"]], ["2001:db8::7:1"])
        rc, out, err = straw.ask(daemon, "alerts", "--rule", "106")
        tap.same("filter: nothing left is said on standard error", (rc, out, err), (0, "", "Nothing matches.\n"))


# (words, how many requests, ids of 23 alerts that come 5 at a time, with a gap without any from 8 to 14)
PAGES = [
    ("", 1, [19, 20, 21, 22, 23]), ("--limit 7", 2, [17, 18, 19, 20, 21, 22, 23]), ("--limit 5", 1, [19, 20, 21, 22, 23]),
    ("--client 10.0.0.0/8", 5, [1, 2, 3, 4, 5, 6, 7, 15, 16, 17, 18, 19, 20, 21, 22, 23]),
    ("--rule 101 --limit 9", 4, [7, 15, 16, 18, 19, 20, 21, 22, 23]), ("--rule 109", 5, [17]),
    (f"--since {straw.YEAR}-01-02T03:16:05Z --utc", 4, [16, 17, 18, 19, 20, 21, 22, 23]),
    ("--after 20", 1, [21, 22, 23]),
]


def paged(alerts, asked):
    """Answers as negwatchd does, 5 numbers at a time."""
    def answer(request):
        asked.append(request)
        before, since = min(request.get("before", 24), 24), request.get("since", 0)
        first = max(before - min(request.get("limit", 5), 5), since + 1, 1)
        page = [one for one in alerts if first <= one["negwatch"]["alert_id"] < before]
        return {"alerts": page} | ({"before": first} if first > max(since + 1, 1) else {})
    return answer


def pages(tap, table):
    """A filter looks at all alerts that there are, and no further back than it has to."""
    asked, alerts = [], []
    for number in (*range(1, 8), *range(15, 24)):
        one = json.loads(json.dumps(table["alerts"]["alerts"][0]))
        one["timestamp"] = f"{straw.YEAR}-01-02T03:{number:02}:05.120334+0000"
        one["src_ip"] = "10.1.2.3"
        one["negwatch"] |= {"alert_id": number, "rule": 109 if number == 17 else 101}
        alerts.append(one)
    with straw.straw(table | {"alerts": paged(alerts, asked)}) as daemon:
        for words, requests, ids in PAGES:
            asked.clear()
            rc, out, err = straw.ask(daemon, "alerts", "--json", *words.split())
            got = [one["negwatch"]["alert_id"] for one in json.loads(out)["alerts"]] if rc == 0 else err
            tap.same(f"pages: alerts {words or 'without a filter'}", (got, len(asked)), (ids, requests))
        rc, out, err = straw.ask(daemon, "check", "--since", f"{straw.YEAR}-01-01")
        tap.ok("pages: check counts all of its time", rc == 2 and "critical=16;" in out, out + err)


def lists(tap, table):
    """Flows and peers come in pages, too: flows as many as are usual, peers all, whatever their order in time."""
    asked = []

    def paged_by(name, objects):
        def answer(request):
            asked.append(request)
            before = min(request.get("before", len(objects) + 1), len(objects) + 1)
            first = max(before - min(request.get("limit", 400), 400), 1)
            return {"total": len(objects), name: objects[first - 1:before - 1]} | ({"before": first} if first > 1 else {})
        return answer
    flows = [table["flows"]["flows"][0] | {"client_port": number} for number in range(1, 1301)]
    peers = [table["peers"]["peers"][0] | {"connections": number, "last_seen": f"{straw.YEAR - number % 2}-01-02T03:04:05.000000Z"}
             for number in range(1, 901)]
    with straw.straw(table | {"flows": paged_by("flows", flows), "peers": paged_by("peers", peers)}) as daemon:
        for words, key, requests, want in (
                ("flows", "client_port", 3, range(301, 1301)), ("flows --limit 5", "client_port", 1, range(1296, 1301)),
                ("flows --client 10.0.0.0/8", "client_port", 4, range(1, 1301) if flows[0]["client_ip"].startswith("10.") else []),
                ("peers", "connections", 3, range(1, 901)), ("peers --limit 500", "connections", 2, range(401, 901)),
                (f"peers --since {straw.YEAR}-01-01", "connections", 3, range(2, 901, 2))):
            asked.clear()
            rc, out, err = straw.ask(daemon, *words.split(), "--json")
            got = [one[key] for one in json.loads(out)[words.split()[0]]] if rc == 0 else err
            tap.same(f"lists: {words}", (got, len(asked)), (list(want), requests))


def watch(tap, table):
    alerts = table["alerts"]["alerts"]
    with straw.straw(table, [*alerts, {"lost": 7}, alerts[0]]) as daemon:
        rc, out, err = straw.ask(daemon, "watch", "--json")
        lines = [json.loads(line) for line in out.splitlines()]
        tap.ok("watch: every line as it came", lines == [*alerts, {"lost": 7}, alerts[0]] and rc == 1, f"{rc} {out[:300]}")
        tap.ok("watch: the end is told", "negwatchd has ended" in err, err)
        rc, out, err = straw.ask(daemon, "watch", "--rule", "101", "--limit", "1")
        tap.ok("watch: ends after as many as wished for, and filters",
               rc == 0 and out.count("\n") == 1 and "rule 101" in out, f"{rc} {out} {err}")
        rc, out, err = straw.ask(daemon, "watch")
        tap.ok("watch: a loss is told to people, too", "7 alerts are not shown" in err and "\x1b" not in out, err)
        rc, text = golden.at_terminal([harness.NEGWATCH, "--socket", daemon.path, "watch", "--limit", "2"], 60,
                                      straw.environment())
        tap.ok("watch: on a terminal a line below tells how things are",
               rc == 0 and "2 interfaces, 17 connections" in text and "\r\x1b[K" in text, text)
        widest = max(len(golden.ESCAPE.sub("", part)) for line in text.split("\n") for part in line.split("\r")
                     if "interfaces" in part)
        tap.ok("watch: that line is no wider than the terminal", widest < 60, f"{widest} columns")


def nonsense(tap, table):
    for name, answer, code, part in (("no JSON", b"}{\n", 3, "Protocol error"), ("nothing", b"", 3, "can't be reached"),
                                     ("half a line", b'{"ok":true', 3, "can't be reached"),
                                     ("an array", b"[]\n", 1, "can't be understood"),
                                     ("a refusal", {"ok": False, "error": "only root may do that"}, 1, "only root"),
                                     ("too little", b'{"ok":true}\n', 0, "")):
        with straw.straw(table | {"status": answer, "reload": answer}) as daemon:
            rc, _, err = straw.ask(daemon, "reload")
            tap.ok(f"talk: an answer that is {name}", rc == code and part in err, f"{rc} {err}")


def progress(tap):
    """A capture that takes longer than a second has a line on a terminal, which is gone at the end, and none elsewhere."""
    packets = harness.pcap_bytes(1, [(1, n, 60, b"\0" * 60) for n in range(8192)])
    written, text, end = len(packets), b"", time.monotonic() + straw.SECONDS
    leader, follower = pty.openpty()
    with subprocess.Popen([harness.NEGWATCH, "read", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=follower,
                          env=straw.environment()) as process:
        os.close(follower)
        process.stdin.write(packets)
        while b"MB/s" not in text and time.monotonic() < end:  # what is read within a second needs no line
            written += process.stdin.write(packets[24:])  # without the file's header
            process.stdin.flush()
            if select.select([leader], [], [], 0.1)[0]:
                text += os.read(leader, 65536)
        process.stdin.close()
        out = process.stdout.read().decode()
    text = text.decode() + golden.all_of(leader)
    told = re.search(r"standard input: (\d+) MB, \d+ MB/s", text)
    tap.ok("read: the progress is told on a terminal", told and int(told[1]) <= written / 1e6 + 1, repr(text))
    tap.ok("read: its line is gone at the end", text.endswith("\r\x1b[K") and "MB/s" not in out, repr(text + out))
    done = harness.run("read", "-", data=packets)
    tap.same("read: none into a pipe", done.err, "")


def check(tap):
    table = straw.answers()
    filters(tap, table)
    pages(tap, table)
    lists(tap, table)
    watch(tap, table)
    nonsense(tap, table)
    progress(tap)
