# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the pages say: the verdict, the leg, the fields, the counts, the packets; and that hostile text stays text."""
import base64
import gzip
import html.parser
import os
import re
import shutil
import subprocess

import harness
import pages
import straw

# Elements that the pages are made of; anything else came from outside.
ELEMENTS = set("""html head meta title style body header main footer section article figure figcaption h1 h2 h3 p ul li
 dl dt dd div span strong mark a pre table caption thead tbody tr th td br svg defs marker path g line rect circle text""".split())
# Attributes that could run or fetch something
ACTIVE = re.compile(r"^(on.*|style|src|srcset|action|formaction|xlink:href|background|poster|data)$")


class Reader(html.parser.HTMLParser):
    """The document as a parser sees it."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.strange, self.links, self.texts, self.ids, self.headings = [], [], [], [], []
        self.open = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        if tag not in ELEMENTS or any(ACTIVE.match(name) for name in names) or len(names) != len(set(names)):
            self.strange.append(f"<{tag} {names}>")
        self.links += [value for name, value in attrs if name == "href"]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag in ("h1", "h2", "h3"):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.strange.append(f"</{tag}>")

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.texts.append(data)

    def text(self):
        return re.sub(r"\s+", " ", "".join(self.texts))


def sound(maker, name):
    """What is wrong with a page, whatever it is about."""
    text = maker.text(name)
    r = Reader(text)
    bad = r.strange + [f"not closed: {r.open}"] * bool(r.open) + ["an id twice"] * (len(r.ids) != len(set(r.ids)))
    bad += [f"link to {link[:60]}" for link in r.links if not link.startswith("data:")]
    bad += ["not one h1"] * (r.headings.count(1) != 1)
    bad += ["a heading leaves out a level"] * any(b > a + 1 for a, b in zip(r.headings, r.headings[1:]))
    bad += ["fetches"] * bool(re.search(r"@import|url\((?!#)|https?://", text))
    bad += ["hidden characters"] * bool(re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\ufeff]", text))
    return bad


def attachment(maker, name, kind):
    """The bytes behind the first link of that media type."""
    for link in Reader(maker.text(name)).links:
        if link.startswith(f"data:{kind};base64,"):
            return base64.b64decode(link.partition(",")[2], validate=True)
    return None


def lacks(maker, name, parts):
    text = Reader(maker.text(name)).text()
    return [f"{name} does not say: {part}" for part in parts if part not in text]


# What an alert's page has to say besides its text and rule.
SAYS = {
    101: ["The path", "changed here", "Changed between the client and this host", "DIFFERS", "This server", "What to do",
          "Exempt TCP port 445", "What it means", "MS-SMB2 3.3.5.15.12"],
    102: ["Changed between this host and the server", "This client", "3.2.5.14.12"],
    103: ["not signed here", "VALIDATE (NOT SIGNED)"],
    104: ["may have been changed here", "Request"],
    105: ["may have been changed here", "the connection was ended by client"],
    106: ["not answered here", "the connection was still open when the alert was raised"],
    107: ["No leg of the path can be named", "RST, TTL 41", "forged: likely", "Riverbed"],
    108: ["No leg of the path can be named", "SMB 3.1.1"],
    109: ["downgraded here"],
    110: ["no VALIDATE seen"],
    111: ["What happened"],
    190: ["enlarge ring_buffer_kib"],
    191: ["Stands for", "41 alerts of rule request-altered", "Act on the alert"],
    199: ["Nothing is to be done"],
}


def rules(tap, maker):
    names = []
    path = os.path.join(harness.OWN, "request-guid.srv.pcap")
    with open(path, "rb") as file:
        packets = file.read()
    for rule, alert in sorted(maker.alerts.items()):
        name = f"rule-{rule}"
        rc, err = maker.report(name, str(rule), table={"show": {"alert": alert}, "evidence": {"path": path}})
        bad = [f"exit {rc}: {err}"] * (rc != 0 or bool(err))
        inside = attachment(maker, name, "application/vnd.tcpdump.pcap")
        bad += ["its evidence is not in it"] * (inside != (packets if "evidence" in alert["negwatch"] else None))
        bad += sound(maker, name) + lacks(maker, name, [alert["negwatch"]["text"], f"rule {rule}", *SAYS[rule]])
        own = attachment(maker, name, "application/json")
        bad += ["the alert is not in it"] * (not own or b'"alert_id": %d' % rule not in own)
        tap.none(f"report: {name} says what it has to", bad)
        names.append(name)
    table = {"show": {"alert": maker.alerts[101]}, "evidence": {"ok": False, "error": "no evidence of alert 101 any more"}}
    rc, err = maker.report("evidence-gone", "101", table=table)
    bad = [f"exit {rc}: {err}"] * (rc != 0 or "any more" not in err)
    bad += sound(maker, "evidence-gone") + lacks(maker, "evidence-gone", ["is not in this page: the daemon has it no more"])
    tap.none("report: a page says that the evidence is gone", bad)
    tap.same("report: a page of every rule there is", sorted(maker.alerts), known_rules())
    return names


def known_rules():
    out = subprocess.run([harness.NEGWATCH, "explain", "--no-headings"], capture_output=True, text=True, check=True).stdout
    return sorted(int(word) for word in re.findall(r"^ *(\d+) ", out, re.M))


def captures(tap, maker):
    one = os.path.join(harness.OWN, "request-highest-dialect.srv.pcap")
    rc, err = maker.report("capture", one)
    with open(one, "rb") as file:
        same = attachment(maker, "capture", "application/vnd.tcpdump.pcap") == file.read()
    bad = [f"exit {rc}: {err}"] * (rc != 0) + sound(maker, "capture") + ["other bytes"] * (not same)
    bad += lacks(maker, "capture", ["Capture request-highest-dialect.srv.pcap", "Changed between the client and here",
                                    "2.0.2 2.1 3.0 3.0.2", "Rule 101, request-altered", "Rule 109, downgraded"])
    tap.none("report: a capture with its packets", bad)

    rc, err = maker.report("captures", *harness.captures(harness.OWN))
    text = maker.text("captures")
    bad = [f"exit {rc}: {err}"] * (rc != 0) + sound(maker, "captures")
    total = [harness.read(path).summary for path in harness.captures(harness.OWN)]
    found, flows = sum(bool(s["findings"]) for s in total), sum(s["flows"] for s in total)
    bad += lacks(maker, "captures", [f"Something was found on {found} of {flows} SMB connections."])
    bad += [f"{text.count('<article>')} connections"] * (text.count("<article>") != found)
    # Advice that several share is there once.
    bad += ["advice twice"] * (text.count("Exempt TCP port 445 (and 139)") != 1)
    tap.none("report: all captures together", bad)

    rc, err = maker.report("clean", os.path.join(harness.OWN, "untouched-3.0.2.srv.pcap"))
    tap.none("report: a capture without a finding", [f"exit {rc}: {err}"] * (rc != 0) + sound(maker, "clean") +
             lacks(maker, "clean", ["Nothing was found on 1 SMB connection."]))
    return ["capture", "captures", "clean"]


def odd_files(tap, maker):
    """What can't be embedded is named; what can't be read is said, there and on stderr."""
    work = os.path.join(maker.directory, "work")
    os.makedirs(work)
    link, packets = harness.pcap_read(os.path.join(harness.OWN, "request-guid.srv.pcap"))
    blob = (0, 0, 60000, b"\0" * 60000)
    with open(os.path.join(work, "large.pcap"), "wb") as file:
        file.write(harness.pcap_bytes(link, packets + [blob] * 18))
    with gzip.open(os.path.join(work, "17"), "wb") as file:
        file.write(harness.pcap_bytes(link, packets))
    with open(os.path.join(work, "broken.pcap"), "wb") as file:
        file.write(b"nothing of the kind")
    shutil.copy(os.path.join(harness.OWN, "request-guid.srv.pcap"), os.path.join(work, "<script>alert(4)<!--.pcap"))
    rc, err = maker.report("odd", "large.pcap", "./17", "broken.pcap", "<script>alert(4)<!--.pcap", cwd=work)
    bad = [f"exit {rc}"] * (rc != 1) + ["not said: " + err] * ("negwatch report: broken.pcap: " not in err) + sound(maker, "odd")
    bad += lacks(maker, "odd", ["large.pcap is not in this page: it has 1 MiB or more.", "1 of the files could not be read"])
    tap.none("report: files that are large, broken, numbers, hostile", bad)
    return ["odd"]


def since(tap, maker):
    alerts = maker.week + [maker.alerts[191] | {"timestamp": maker.week[-1]["timestamp"]}]
    table = straw.answers() | {"alerts": {"alerts": alerts}}
    rc, err = maker.report("week", "--since", "7d", table=table)
    text = maker.text("week")
    critical = sum(a["negwatch"]["severity"] == "critical" for a in alerts)
    clients = len({a["src_ip"] for a in alerts if "src_ip" in a})
    bad = [f"exit {rc}: {err}"] * (rc != 0) + sound(maker, "week")
    bad += lacks(maker, "week", ["201 alerts since", f"that is 241 events ({critical + 41} critical), of {clients} clients and",
                                 "Over time", "By rule", "By client", "By server", "eth0, bond0", "others", "41 repeats"])
    rows = re.findall(r'<td class="number" data-label="Alert">(\d+)</td>', text)
    bad += [f"{len(rows)} rows"] * (rows != [str(a["negwatch"]["alert_id"]) for a in reversed(alerts)])
    # Of the rule 101 the repeats count, too.
    own = sum(a["negwatch"]["rule"] == 101 for a in alerts) + 41
    bad += ["rule 101 miscounted"] * (f'<th scope="row">101 request-altered</th>\n<td class="number">{own}</td>' not in text)
    bars = sum(int(n) for n in re.findall(r"<title>[^<]*: (\d+), of them critical", text))
    bad += [f"{bars} over time"] * (bars != 241)
    tap.none("report: 200 alerts and a summary of repeats", bad)

    rc, err = maker.report("week-one", "--since", "7d", "--rule", "105", "--limit", "3", table=table)
    bad = [f"exit {rc}: {err}"] * (rc != 0) + lacks(maker, "week-one", ["3 alerts since", "only the alerts of the client"])
    tap.none("report: alerts chosen by rule", bad)
    rc, err = maker.report("week-none", "--since", "7d", table=table | {"alerts": {"alerts": []}})
    bad = [f"exit {rc}: {err}"] * (rc != 0) + sound(maker, "week-none")
    tap.none("report: no alerts", bad + lacks(maker, "week-none", ["No alert since", "Watching since"]))
    return ["week", "week-none"]


def hostile(tap, maker):
    bad = pages.hostile(maker.alerts[101])
    bad["negwatch"] |= {"rule": 101, "alert_id": 1}
    table = straw.answers() | {"show": {"alert": bad}, "alerts": {"alerts": [bad]}}
    table["status"]["status"]["interfaces"][0]["name"] = pages.HOSTILE
    problems = []
    for name, argv in (("hostile", ["1"]), ("hostile-week", ["--since", "2000-01-01"])):
        rc, err = maker.report(name, *argv, table=table)
        text = maker.text(name)
        problems += [f"{name}: exit {rc}: {err}"] * (rc != 0) + [f"{name}: {what}" for what in sound(maker, name)]
        problems += [f"{name}: not escaped: {part}" for part in ("<script", "<img", "<svg onload", "&lt;b&gt;")
                     if part in re.sub("data:application/json[^\"]*", "", text)]
        problems += lacks(maker, name, [pages.HOSTILE, "\\u202egnp.exe\\u200b\\x1b[31m\\x07"])
    tap.none("report: hostile names are text", problems)
    return ["hostile", "hostile-week"]


def mistakes(tap, maker):
    table = straw.answers() | {"show": {"ok": False, "error": "There is no alert 5"}}
    for what, argv, code, part in (
            ("no argument", [], 2, "expected the number of an alert, capture files, or --since TIME"),
            ("--since and a number", ["--since", "7d", "5"], 2, "neither a number nor files go with it"),
            ("a filter alone", ["5", "--rule", "101"], 2, "choose from the alerts of --since"),
            ("--json", ["5", "--json"], 2, "a report is HTML"),
            ("alert 0", ["0"], 2, "no alert number"),
            ("an alert that is not there", ["5"], 1, "There is no alert 5"),
            ("a file that is not there", ["nowhere.pcap"], 1, "nowhere.pcap: ")):
        rc, err = maker.report("mistake", *argv, table=table)
        tap.ok(f"report: told about {what}", rc == code and part in err, f"exit {rc}: {err}")
    with open(maker.path("kept"), "w", encoding="utf-8") as file:
        file.write("kept")
    rc, _ = maker.report("kept", "5", table=table)
    tap.same("report: no answer leaves the old file alone", (rc, maker.text("kept")), (1, "kept"))
    full = subprocess.run([harness.NEGWATCH, "report", os.path.join(harness.OWN, "request-guid.srv.pcap"), "-o", "/dev/full"],
                          capture_output=True, text=True, check=False)
    tap.ok("report: a full disk is said", full.returncode == 1 and "not complete" in full.stderr, full.stderr)


def check(tap, maker):
    """Makes the pages; the names of those that are looked at."""
    fit = straw.answers() | {"alerts": {"alerts": list(maker.alerts.values())}}
    tap.none("report: the daemon of straw says what a real one could", straw.unfit(fit))
    names = rules(tap, maker) + captures(tap, maker) + odd_files(tap, maker) + since(tap, maker) + hostile(tap, maker)
    mistakes(tap, maker)
    return names
