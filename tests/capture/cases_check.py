# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
The rules that each lab case has to meet, at the server's host (.srv) and at the client's (.cli), thought
out from what was done (cases.tsv), what the rules say (design section 4), and what clients and servers do
(reference/wire.md, reference/protocol.md); not taken from what the program says.

The tamper box sits between the hosts. So an edited request is seen edited at the server only: there
VALIDATE shows the difference (101), while at the client's host both requests are as they were sent, and
all there is to see is a server that leaves (104). An edited response is the other way round: seen at the
client's host (102), while the server's host sees a good exchange that the client walks away from (105).
"""
import csv
import os
import re

import harness

SEVERITY = {101: "critical", 102: "critical", 104: "warning", 105: "warning", 106: "warning", 107: "warning",
            108: "warning", 109: "critical", 110: "info", 111: "info"}
LEG = {101: "client-here", 102: "here-server"}


# Which part of the path, by the side that the capture was taken at; what is not in here has none.
LEG_AT = {(101, "srv"): "client-here", (102, "cli"): "here-server", (103, "cli"): "here-server",
          (104, "cli"): "here-server", (105, "srv"): "client-here", (106, "cli"): "here-server",
          (108, "srv"): "client-here", (108, "cli"): "here-server", (109, "srv"): "client-here",
          (109, "cli"): "here-server"}


def check_legs(findings, side):
    """101 to 109 but for forged resets: the leg is known from the place alone."""
    return ["%d: leg %s at %s" % (f["rule"], f.get("leg"), side) for f in findings
            if 101 <= f["rule"] <= 109 and f["rule"] != 107 and f.get("leg") != LEG_AT.get((f["rule"], side))]


def flow(*rules, **more):
    """What one flow meets. more: fields (of 101, 102), severity (of 103), leg (of 109), outcome (of the
    first finding), observed, unseen, forged (by whom a RST was forged)"""
    return dict(more, rules=set(rules))


CLEAN = [flow(observed="full")]
# Encrypted below 3.1.1: VALIDATE may have been in there. Not observed, and so neither clean nor 110.
HIDDEN = [flow(observed="partial", unseen=["encrypted"])]


def request_edit(field, outcome="server-fin"):
    """smbd closes without an answer."""
    return {"srv": [flow(101, fields=[field], outcome=outcome)],
            "cli": [flow(104, outcome=outcome)]}


def downgrade():
    """The highest dialect is gone from the request: the signed VALIDATE request still has it (109). At the
    client's host an old server would look the same until it leaves."""
    return {"srv": [flow(101, 109, fields=["dialects"], leg="client-here", outcome="server-fin")],
            "cli": [flow(104, outcome="server-fin")]}


def response_edit(field, gone="client-fin"):
    return {"srv": [flow(105, outcome=gone)], "cli": [flow(102, fields=[field])]}


def both(what):
    return {"srv": what, "cli": what}


SMBCLIENT = "smbd-smbclient-SMB3_02-"
CASES = {
    # ksmbd answers a signed error and keeps the connection; smbclient takes that for "not implemented".
    # At the client's host, that answer is all there is: 111.
    "ksmbd-smbclient-SMB3_02-pass": both(CLEAN),
    "ksmbd-smbclient-SMB3_02-req_guid": {"srv": [flow(101, fields=["guid"], outcome="error")],
                                         "cli": [flow(111)]},
    # cifs.ko comes back once after the server has left: a TREE_CONNECT with a session that is no more, and
    # no VALIDATE. The third connection of cases.tsv has no SMB in it: no flow.
    "smbd-cifs612-3.02-pass": both(CLEAN),
    "smbd-cifs612-3.02-req_guid": {"srv": [flow(101, fields=["guid"], outcome="server-fin"), flow()],
                                   "cli": [flow(104, outcome="server-fin"), flow()]},
    # LOGOFF 1 ms after VALIDATE, FIN 135 ms later: the LOGOFF is where the client gives up.
    "smbd-cifs612-3.02-resp_caps": response_edit("capabilities", "logoff"),
    "smbd-impacket-none-pass": both(HIDDEN),
    "smbd-smbclient-SMB2_10-pass": both(CLEAN),
    "smbd-smbclient-SMB2_10-req_guid": request_edit("guid"),
    SMBCLIENT + "anon-routed": both(CLEAN),  # no key, so no VALIDATE is possible: not 110
    SMBCLIENT + "enc-routed": both(HIDDEN),
    SMBCLIENT + "mss536-routed": both(CLEAN),
    SMBCLIENT + "multitree-routed": both(CLEAN),
    SMBCLIENT + "pass": both(CLEAN),
    SMBCLIENT + "req_caps": request_edit("capabilities"),
    SMBCLIENT + "req_guid": request_edit("guid"),
    SMBCLIENT + "req_secmode": request_edit("security_mode"),
    SMBCLIENT + "req_drop_302": downgrade(),
    SMBCLIENT + "req_drop_highest": downgrade(),
    SMBCLIENT + "resp_caps": response_edit("capabilities"),
    SMBCLIENT + "resp_guid": response_edit("guid"),
    SMBCLIENT + "resp_secmode": response_edit("security_mode"),
    # The client was told 3.0; VALIDATE's signed answer says 3.0.2.
    SMBCLIENT + "resp_dialect": {"srv": [flow(105, outcome="client-fin")],
                                 "cli": [flow(102, 109, fields=["dialect"], leg="here-server")]},
    # A RST that the box made up, with a TTL of 33: 107 where it is seen. What follows from it is no
    # verdict on the negotiation, so neither 104 nor 106 there.
    SMBCLIENT + "rst_both": {"srv": [flow(107, forged="client")], "cli": [flow(107, forged="server")]},
    # Lost the race against the answer: the session goes on to its end. The server's host never sees it.
    SMBCLIENT + "rst_cli": {"srv": CLEAN, "cli": [flow(107, forged="server")]},
    # The client's host sees the server's own RST, 207 ms later and genuine, and nothing of the forged one.
    SMBCLIENT + "rst_srv": {"srv": [flow(107, forged="client")], "cli": [flow(104, outcome="server-rst")]},
    # The server's answer was good; the client got something else, or nothing, and left.
    SMBCLIENT + "val_access_denied": {"srv": [flow(105, outcome="client-fin")], "cli": [flow(103, severity="warning")]},
    SMBCLIENT + "val_fs_notsupp": {"srv": [flow(105, outcome="client-fin")], "cli": [flow(103, severity="warning")]},
    SMBCLIENT + "val_clear_signed": {"srv": [flow(105, outcome="client-fin")], "cli": [flow(103, severity="critical")]},
    # No monitor has the key: a wrong signature looks like a right one, and the client leaves.
    SMBCLIENT + "val_bad_sig": both([flow(105, outcome="client-fin")]),
    # Without an answer smbclient leaves 20 s later (within abort_window); the client's host tells what was missing.
    SMBCLIENT + "val_drop_resp": {"srv": [flow(105, outcome="client-fin")], "cli": [flow(106)]},
    # The GUID was edited, and bytes lay unread behind VALIDATE when smbd left: RST instead of FIN, its own.
    SMBCLIENT + "val_pipeline_bad": request_edit("guid", "server-rst"),
    # 3.1.1 has no VALIDATE: the client leaves right behind the final SESSION_SETUP.
    "smbd-smbclient-SMB3_11-pass": both(CLEAN),
    "smbd-smbclient-SMB3_11-req_guid": both([flow(108)]),
    "smbd-smbclient-SMB3_11-resp_caps": both([flow(108)]),
    "smbd-smbclient-SMB3_11-strip311": downgrade(),
}
# cases.tsv names the first end on the wire, which is the forged RST here. The client talks on behind it (a
# retransmission, frame 16), so that what ends the connection is the server's RST.
END = {SMBCLIENT + "rst_srv": ("server", "rst", None)}


def severity_of(f, want):
    return want.get("severity") if f["rule"] == 103 else SEVERITY[f["rule"]]


def check_findings(got, want):
    """Complaints about the findings of one flow."""
    out = []
    rules = want["rules"]
    met = {f["rule"] for f in got["findings"]}
    if met != rules:
        out.append("rules: expected %s, got %s" % (sorted(rules), sorted(met)))
    for f in got["findings"]:
        if f["rule"] not in rules:
            continue
        if f["severity"] != severity_of(f, want):
            out.append("%d: severity %s" % (f["rule"], f["severity"]))
        if f["rule"] in (101, 102) and (f["fields"] != want["fields"] or f.get("leg") != LEG[f["rule"]]):
            out.append("%d: fields %s, leg %s" % (f["rule"], f["fields"], f.get("leg")))
        if f["rule"] == 109 and f.get("leg") != want["leg"]:
            out.append("109: leg %s" % f.get("leg"))
        inferred = f["rule"] in (104, 105, 106, 108)
        if inferred and re.search(r"\b(was|were) (altered|changed|edited)\b", f["text"]):
            out.append("%d says more than is known: %s" % (f["rule"], f["text"]))
    first = got["findings"][0] if got["findings"] else {}
    if "outcome" in want and first.get("outcome") != want["outcome"]:
        out.append("outcome: expected %s, got %s" % (want["outcome"], first.get("outcome")))
    return out


def check_flow(got, want):
    out = check_findings(got, want)
    if got["observed"] != want.get("observed", "full") or got.get("unseen") != want.get("unseen"):
        out.append("observed %s, unseen %s" % (got["observed"], got.get("unseen")))
    forged = [(r["by"], r["ttl"]) for r in got["resets"] if r["forged"] != "no"]
    if forged != ([(want["forged"], 33)] if "forged" in want else []):
        out.append("forged resets: expected %s, got %s" % (want.get("forged"), got["resets"]))
    return out


def expected_end(name, text):
    """("client" | "server", "fin" | "rst", ms after VALIDATE or None) out of cases.tsv's words."""
    if name in END:
        return END[name]
    m = re.match(r"([cs])\.(FIN|RST)", text)
    delay = re.search(r"VALreq\+([0-9.]+)ms", text)
    return ("client" if m[1] == "c" else "server", m[2].lower(), float(delay[1]) if delay else None)


def check_end(name, got, text):
    by, how, delay = expected_end(name, text)
    end = got.get("end", {})
    if (end.get("by"), end.get("how")) != (by, how):
        return ["end: expected %s of the %s, got %s" % (how, by, end)]
    # Rounded to a tenth there
    if delay is not None and abs(end.get("delay_ms", -1) - delay) > 0.051:
        return ["end: expected %s ms behind VALIDATE, got %s" % (delay, end.get("delay_ms"))]
    return []


def check_case(name, side, row):
    """Complaints about one capture of one case."""
    path = os.path.join(harness.LAB, "%s.%s.pcap" % (name, side))
    want = CASES[name][side]
    result = harness.read("--vantage", "server" if side == "srv" else "client", path)
    if result.crashed() or result.bad_json or result.summary is None:
        return ["exit %d\n%s" % (result.rc, result.err)]
    if len(result.flows) != len(want):
        return ["expected %d flows, got %d" % (len(want), len(result.flows))]
    out = []
    for got, w in zip(result.flows, want):
        out += check_flow(got, w)
    if side == "srv":
        out += check_end(name, result.flows[0], row["end of connection(s) at the server"])
    findings = [f for got in result.flows for f in got["findings"]]
    out += check_legs(findings, side)
    bad = any(f["severity"] in ("warning", "error", "critical") for f in findings)
    if result.rc != int(bad):
        out.append("exit status %d" % result.rc)
    count = {}
    for f in findings:
        count[str(f["rule"])] = count.get(str(f["rule"]), 0) + 1
    if result.summary["findings"] != count or result.summary["flows"] != len(want):
        out.append("summary: %s" % result.summary)
    hidden = sum("encrypted" in w.get("unseen", []) for w in want)
    if result.summary["not_observed"] != {"encrypted": hidden, "gap": 0, "truncated": 0, "fragment": 0}:
        out.append("not observed: %s" % result.summary["not_observed"])
    return out


def rows():
    path = os.path.join(harness.LAB, "cases.tsv")
    if not os.path.exists(path):
        return []
    with open(path, newline="") as f:
        table = list(csv.reader(f, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [dict(zip(table[0], r)) for r in table[1:]]


def check(tap):
    table = rows()
    if not table:
        tap.skip("lab cases", "no %s/cases.tsv" % harness.LAB)
        return
    for row in table:
        name = row["case"]
        if name not in CASES:
            tap.ok("%s: expected rules are known" % name, False, "a new case: think it out in cases_check.py")
            continue
        for side in ("srv", "cli"):
            rules = sorted(set().union(*(w["rules"] for w in CASES[name][side])))
            tap.none("%s.%s: %s" % (name, side, " ".join(map(str, rules)) or "nothing"),
                     check_case(name, side, row))
