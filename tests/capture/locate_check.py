# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
`negwatch locate` on both ends' captures of one case: the box between them, which mostly changes addresses and
ports as well, has to be found by leg and field wherever VALIDATE is visible, and in 3.1.1 by the salts.
"""
import gzip
import json
import os
import random
import shutil
import subprocess
import tempfile
import time

import cases_check
import harness
from cases_check import SMBCLIENT

REQUEST, RESPONSE, ANSWER, RESET = "negotiate-request", "negotiate-response", "validate-response", "reset"
SAME, NOT_JOINED = [], None

# What happened between the two captures, as (message, field or event or supposed sender of a RST). Thought out
# from cases.tsv; cases with "req_" or "resp_" in their names follow from these.
EDITS = {"guid": "guid", "caps": "capabilities", "secmode": "security_mode", "dialect": "dialect",
         "drop_302": "dialects", "drop_highest": "dialects"}
CASES = {
    "smbd-impacket-none-pass": NOT_JOINED,  # encrypted
    SMBCLIENT + "anon-routed": NOT_JOINED,  # no key, no VALIDATE
    SMBCLIENT + "enc-routed": NOT_JOINED,
    SMBCLIENT + "mss536-routed": SAME,
    SMBCLIENT + "multitree-routed": SAME,
    SMBCLIENT + "rst_both": [(RESET, "client"), (RESET, "server")],
    SMBCLIENT + "rst_cli": [(RESET, "server")],
    SMBCLIENT + "rst_srv": [(RESET, "client")],
    SMBCLIENT + "val_access_denied": [(ANSWER, "status"), (ANSWER, "signature")],
    SMBCLIENT + "val_bad_sig": [(ANSWER, "signature")],
    SMBCLIENT + "val_clear_signed": [(ANSWER, "signature")],
    SMBCLIENT + "val_drop_resp": [(ANSWER, "lost")],
    SMBCLIENT + "val_fs_notsupp": [(ANSWER, "status"), (ANSWER, "signature")],
    SMBCLIENT + "val_pipeline_bad": [(REQUEST, "guid")],
    "smbd-smbclient-SMB3_11-strip311": [(REQUEST, "dialects")],
}
OWN = {
    "anonymous": NOT_JOINED, "answer-unsigned": [(ANSWER, "signature")],
    "ipv6-request-mode": [(REQUEST, "security_mode")], "not-implemented": SAME,
    "request-3.1.1-stripped": [(REQUEST, "dialects")], "request-7-bytes": [(REQUEST, "capabilities")],
    "request-guid": [(REQUEST, "guid")], "request-highest-dialect": [(REQUEST, "dialects")],
    "request-reset": [(REQUEST, "guid")], "response-capabilities": [(RESPONSE, "capabilities")],
    "response-dialect": [(RESPONSE, "dialect")], "untouched-3.0.2": SAME, "untouched-3.1.1": SAME,
}
NO_ORDER = ("val_bad_sig", "SMB3_11-req_guid", "SMB3_11-resp_caps")  # without vantage, nothing tells


def expected(name):
    if name in CASES:
        return CASES[name]
    if name.endswith("-pass"):
        return SAME
    for side, message in (("req_", REQUEST), ("resp_", RESPONSE)):
        if side in name:
            return [(message, EDITS[name.split(side)[1]])]
    raise KeyError(name)


def locate(*args, data=None):
    return harness.run("locate", "--json", *args, data=data)


def told(change):
    return change["message"], change.get("field") or (
        change["by"] if change["message"] == RESET else change.get("event", "may"))


def complaints(name, want, result, leg):
    """leg: names of both places, the client's first, or None where either order will do."""
    if want is NOT_JOINED:
        good = result.rc == 2 and "known again" in result.err and result.summary["not_joinable"] == 2
        return [] if good else ["wanted a message and status 2, got %s %s" % (result.rc, result.err)]
    if result.rc != bool(want) or not result.flows:
        return ["status %s, %s%s" % (result.rc, result.out[:500], result.err)]
    changes = [c for flow in result.flows for c in flow["changes"]]
    out = []
    if sorted(told(c) for c in changes) != sorted(want):
        out.append("wanted %s, got %s" % (want, changes))
    for c in changes:
        if (c["leg"] != leg) if leg else (len(c["leg"]) != 2 or "client" in c["leg"] or "server" in c["leg"]):
            out.append("leg %s, wanted %s" % (c["leg"], leg))
    if result.summary["connections"] != 1 or result.summary["changed"] != bool(want):
        out.append("summary %s" % result.summary)
    return out


def check_pair(folder, name, want):
    """Both orders of the arguments; with vantage, without it, and as a journal's lines."""
    cli, srv = (os.path.join(folder, "%s.%s.pcap" % (name, side)) for side in ("cli", "srv"))
    leg = [os.path.basename(cli), os.path.basename(srv)]
    out = complaints(name, want, locate("server:" + srv, "client:" + cli), leg)
    known = None if name.endswith(NO_ORDER) else leg
    out += complaints(name, want, locate(srv, cli), known)
    out += complaints(name, want, locate(cli, srv), known)
    lines = harness.run("read", "--json", "--vantage", "client", cli).out
    out += complaints(name, want, locate("server:" + srv, "-", data=lines.encode()), [cli, leg[1]])
    return out


def check_pairs(tap):
    rows = cases_check.rows()
    if not rows:
        tap.skip("locate: lab cases", "no %s/cases.tsv" % harness.LAB)
    for folder, wanted in ((harness.LAB, {r["case"]: expected(r["case"]) for r in rows}), (harness.OWN, OWN)):
        for name, want in wanted.items():
            words = "can't be joined" if want is NOT_JOINED else ", ".join("%s %s" % w for w in want) or "same"
            tap.none("locate: %s: %s" % (name, words), check_pair(folder, name, want))


def own(name):
    return os.path.join(harness.OWN, name)


def check_usage(tap, directory):
    """What can't be compared is said, with status 2; never "nothing changed"."""
    cli, srv = own("request-guid.cli.pcap"), own("request-guid.srv.pcap")
    copy, text = os.path.join(directory, "copy.pcap"), os.path.join(directory, "text")
    shutil.copy(cli, copy)
    with open(text, "w", encoding="ascii") as f:
        f.write("no journal\n")
    for name, args, words in (
            ("no file", [], "expected FILE"), ("one file", [cli], "one place"),
            ("the same file twice", [cli, cli], "same file"), ("copies of one capture", [cli, copy], "copies"),
            ("unrelated files", [cli, own("response-dialect.srv.pcap")], "more than one of these places"),
            ("neither capture nor journal", [cli, text], "no record of a connection"),
            ("a file that isn't there", [cli, srv, "/nonexistent"], "No such file"),
            ("a vantage that isn't one", [cli, "sever:" + srv], "No such file")):
        r = harness.run("locate", *args)
        tap.ok("locate: %s: status 2 and a message" % name,
               r.rc == 2 and words in " ".join(r.err.split()), "%s %s" % (r.rc, r.err))
    r = harness.run("locate", "client:" + cli, "server:" + srv)
    tap.ok("locate: for people: the leg, the field, its values; within 80 columns in front of the table",
           r.rc == 1 and "between request-guid.cli.pcap and request-guid.srv.pcap: GUID".replace(" ", "") in "".join(r.out.split())
           and r.out.count("CHANGED") == 1
           and all(len(line) <= 80 for line in r.out.split("FIELD")[0].splitlines()), r.out)
    r = harness.run("locate", own("untouched-3.0.2.cli.pcap"), own("untouched-3.0.2.srv.pcap"))
    tap.ok("locate: for people: nothing changed", r.rc == 0 and "same at all places" in r.out, r.out + r.err)


def check_logs(tap, directory):
    """The journals of two hosts in one central log, in the forms that syslog daemons give it; rotated, torn."""
    def records(side, host):
        flow = json.loads(harness.run("read", "--json", own("request-guid.%s.pcap" % side)).out.splitlines()[0])
        return json.dumps({"timestamp": "2026-11-22T12:56:27.1+0000", "event_type": "alert", "host": host,
                           "negwatch": {"schema": 1, "alert_id": 1, "flow": flow}}, separators=(",", ":"))
    client, server = records("cli", "ws11"), records("srv", "fs01")
    for form, head in (("plain", ""), ("rsyslog's file format", "2026-11-22T12:56:27.1+00:00 ws11 negwatch "),
                       ("traditional, with a cookie", "Nov 22 12:56:27 ws11 negwatch: @cee: ")):
        path = os.path.join(directory, "central.log")
        with open(path, "w", encoding="utf-8") as f:
            f.write("".join(head + line + "\n" for line in (client, "other {words}", client, server, server[:700])))
        packed = path + ".1.gz"
        with open(path, "rb") as plain, gzip.open(packed, "wb") as out:
            out.write(plain.read())
        for which in (path, packed):
            r = locate(which)
            got = [told(c) + tuple(c["leg"]) for flow in r.flows for c in flow["changes"]]
            good = r.rc == 1 and got == [(REQUEST, "guid", "ws11", "fs01")] and r.summary["broken_lines"] == 1
            tap.ok("locate: two hosts in one log, %s%s" % (form, "" if which == path else ", rotated"), good,
                   r.out + r.err)


def synthetic(path, pick, seed, host, edited):
    """A journal with a record in the compact form for each number of `pick`; returns its size."""
    with open(path, "w", encoding="ascii") as f:
        for n in pick:
            guid = "%08x-0000-4000-8000-%012x" % (n % 5000, n % 5000)
            caps = 63 if edited(n) else 127
            f.write('{"timestamp":"2026-11-22T12:56:27.100000+0000","event_type":"exchange","host":"%s",'
                    '"in_iface":"eth0","src_ip":"10.%d.%d.%d","src_port":%d,"dest_ip":"10.0.0.10","dest_port":445,'
                    '"proto":"TCP","app_proto":"smb","community_id":"1:uv1/84e9Fdzg3AnFCVe0Q9cfWb4=","negwatch":'
                    '{"schema":1,"flow":{"start":"2026-11-22T12:%02d:%02d.%06d000Z","vantage":"%s",'
                    '"observed":"full","dialect":"0x0302","negotiate":[{"request":{"message_id":0,"dialects":'
                    '["0x0202","0x0210","0x0300","0x0302"],"capabilities":%d,"security_mode":1,"client_guid":"%s",'
                    '"body":"f97785ac8bc7fbc%d"},"response":{"status":"0x00000000","dialect":'
                    '"0x0302","capabilities":79,"security_mode":1,"server_guid":'
                    '"7362616c-7672-0000-0000-000000000000","body":"b5b1c45a2a1b7df5"}}],"validate":'
                    '[{"request":{"message_id":5,"session_id":"0x%016x","signed":true,"signature":"%032x"%s},'
                    '"response":{"status":"0x00000000","signed":true,'
                    '"signature":"%032x"},"request_differs":[%s],"response_differs":[]}],"end":{"by":"client",'
                    '"how":"fin","delay_ms":2.1}}}}\n'
                    % (host, seed, n >> 8 & 255, n & 255, 1024 + n % 60000, n // 60 % 60, n % 60, n % 1000000,
                       "client" if seed == 1 else "server", caps, guid, caps == 63, n * 7919, n * 2654435761,
                       ',"capabilities":127,"security_mode":1,"client_guid":"%s","dialects":["0x0202","0x0210",'
                       '"0x0300","0x0302"]' % guid if caps == 63 else "", n * 2246822519,
                       '"capabilities"' if caps == 63 else ""))
        return f.tell()


def check_many(tap, directory):
    """A million exchanges at each of two places, in other orders: in bounded time and memory."""
    count, every = 1000000, 1000
    writing = time.process_time()
    size, paths = 0, []
    for seed, host in ((1, "ws11"), (2, "fs01")):
        path = os.path.join(directory, host + ".jsonl")
        # Neighbours stay within a window, as in life; the two places' orders differ.
        order = list(range(count))
        rng = random.Random(seed)
        for at in range(0, count, 1000):
            part = order[at:at + 1000]
            rng.shuffle(part)
            order[at:at + 1000] = part
        size += synthetic(path, order, seed, host, lambda n, s=seed: s == 2 and n % every == 0)
        paths.append(path)
    begun, writing = time.monotonic(), time.process_time() - writing
    with tempfile.TemporaryFile("w+") as out:
        p = subprocess.Popen([harness.NEGWATCH, "locate", *paths], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                             env=dict(os.environ, TMPDIR=directory))
        _, status, used = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
    took, cpu, peak = time.monotonic() - begun, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024
    print("# locate: %d exchanges at each of 2 places, %.0f MB of journals: %.1f s (CPU %.1f s; to write them %.1f s), %.0f MiB of memory"
          % (count, size / 1e6, took, cpu, writing, peak))
    tap.ok("locate: a million exchanges: all of them joined, the changed ones found",
           p.returncode == 1 and "%d connections, " % (count // every) in text
           and "%d connections: same at all places" % (count - count // every) in text
           and "between ws11 and fs01: capabilities" in text and "dropped" not in text, text)
    # CPU time of this machine at this hour, not seconds: usually it is 1.4 times what it took to write them.
    tap.ok("locate: a million exchanges: at most five times the CPU time of writing them, and 256 MiB",
           cpu <= 5 * writing and peak <= 256, "CPU %.1f s to %.1f s, %.0f MiB" % (cpu, writing, peak))


def check(tap):
    check_pairs(tap)
    with tempfile.TemporaryDirectory(prefix="nw-locate.", dir="/var/tmp") as directory:
        check_usage(tap, directory)
        check_logs(tap, directory)
        check_many(tap, directory)
