# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
`negwatch read` against the oracle (tshark's dissection, ../shared/tools/oracle.py), message by message:
frames, message ids, statuses, signed flags, every value that NEGOTIATE and VALIDATE carry, what differs,
encryption, compression, VLAN tags, how the connection ended.

What the oracle can't say, by its own words, is not compared: the high byte of SecurityMode, what is inside
encrypted messages, whether a signature is right.
"""
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import uuid

import harness

# Real disagreements, each argued. (capture, first frame of the oracle's stream, key of compare()): reason.
DISAGREE = {}

PENDING = "0x00000103"


def endpoint(ip, port):
    return ("[%s]:%d" if ":" in ip else "%s:%d") % (ip, port)


def guid(wire_hex):
    return str(uuid.UUID(bytes_le=bytes.fromhex(wire_hex)))


def ours(message, kind, response):
    """One message of ours, as comparable items."""
    keys = {"frame": "frame", "message_id": "msg_id", "status": "status", "capabilities": "capabilities",
            "security_mode": "security_mode", "dialect": "dialect", "dialects": "dialects",
            "server_guid": "guid", "client_guid": "guid", "max_output_response": "max_output_response",
            "session_id": "session_id"}
    out = {new: message[key] for key, new in keys.items() if key in message}
    out["what"] = kind + (" response" if response else " request")
    if "security_mode" in out:
        out["security_mode"] &= 0xff
    if kind == "validate":
        out["signed"] = message["signed"]
    return out


def theirs(message, kind, response):
    """One message of the oracle's, in the same form."""
    out = {"what": kind + (" response" if response else " request")}
    for key in ("frame", "msg_id", "dialect", "max_output_response"):
        if key in message:
            out[key] = message[key]
    if response:
        out["status"] = message["nt_status"]
    if kind == "validate":
        out["signed"] = message["signed"]
        # The oracle gives a response's session with its request only.
        if not response:
            out["session_id"] = message["session_id"]
    for key in ("capabilities", "security_mode"):
        if key in message:
            out[key] = int(message[key], 16)
    if "guid" in message:
        out["guid"] = guid(message["guid"])
    if not response:
        out["dialects"] = message.get("dialects", [])
    return out


def our_messages(flow):
    out = []
    for kind in ("negotiate", "validate"):
        for x in flow[kind]:
            for side in ("request", "response"):
                if side in x:
                    m = ours(x[side], kind, side == "response")
                    if side == "response":
                        m.pop("session_id", None)
                    out.append(m)
    return sorted(out, key=lambda m: (m["frame"], m["msg_id"], m["what"]))


def their_messages(stream):
    out = [theirs(m, "negotiate", m["dir"] == "response") for m in stream["negotiate"]]
    for v in stream["validate"]:
        if v["request"]:
            out.append(theirs(v["request"], "validate", False))
        final = [r for r in v["responses"] if r.get("nt_status") != PENDING]
        out += [theirs(r, "validate", True) for r in final[:1]]
    return sorted(out, key=lambda m: (m["frame"], m["msg_id"], m["what"]))


def differences(flow):
    return [(sorted(x["request_differs"]) if "request_differs" in x else None,
             sorted(x["response_differs"]) if "response_differs" in x else None) for x in flow["validate"]]


def their_differences(stream):
    lst = lambda v: None if v is None else sorted(v)
    return [(lst(c["request_differs"]), lst(c["response_differs"])) for c in stream["compare"]]


def holds(s):
    """What a flow of ours and a stream of the oracle's are paired by: has it anything to compare? (The
    oracle also tells of streams that hold no SMB, or that were joined when all this was over.)"""
    amount = lambda v: bool(v) if not isinstance(v, dict) else v["client"] + v["server"] > 0
    return any(amount(s[key]) for key in ("negotiate", "validate", "smb1_negotiate", "encrypted", "compressed"))


def end_is_right(flow, stream):
    """Our end is one of the ends seen; the first one, unless that one's sender talked on or it was a RST
    that did not end anything. Our resets are the RST frames."""
    ends = [(e["frame"], e["kind"].lower(), e["from"]) for e in stream["ends"]]
    rsts = [e for e in ends if e[1] == "rst"]
    out = []
    mine = [(r["frame"], "rst", r["by"]) for r in flow["resets"]]
    if mine != rsts[:len(mine)] or (len(mine) < min(len(rsts), 8)):
        out.append("resets: expected %s, got %s" % (rsts, mine))
    if "end" not in flow:
        if ends and [e for e in ends if e[1] == "fin"]:
            out.append("end: expected one of %s, got none" % ends)
        return out
    end = (flow["end"]["frame"], flow["end"]["how"], flow["end"]["by"])
    disproved = {r["frame"] for r in flow["resets"] if "talks_on" in r["signs"]}
    left = [e for e in ends if e[0] not in disproved]
    if not left or end != left[0]:
        out.append("end: expected %s, got %s" % (left[:1], end))
    return out


def compare(flow, stream):
    """Complaints about one flow, as (key, text)."""
    out = []

    def check(key, got, want):
        if got != want:
            out.append((key, "%s: expected %s, got %s" % (key, want, got)))

    mine, other = our_messages(flow), their_messages(stream)
    check("messages", [(m["frame"], m["what"], m["msg_id"]) for m in mine],
          [(m["frame"], m["what"], m["msg_id"]) for m in other])
    for m, o in zip(mine, other):
        for key in sorted(set(m) | set(o)):
            check("frame %s %s" % (o["frame"], key), m.get(key), o.get(key))
    check("differences", differences(flow), their_differences(stream))
    for key in ("encrypted", "compressed"):
        check(key, flow[key], stream[key]["client"] + stream[key]["server"] > 0)
    check("smb1_negotiate", flow["smb1_negotiate"], bool(stream["smb1_negotiate"]))
    check("vlan", flow.get("vlan", []), stream["vlan"])
    check("syn_seen", flow["syn_seen"], stream["syn_seen"])
    out += [("end", text) for text in end_is_right(flow, stream)]
    return out


def check_capture(tap, path, records):
    """One capture against the oracle's records of it."""
    name = os.path.basename(path)
    capture, streams = records[0], records[1:]
    result = harness.read(path)
    if result.crashed() or result.bad_json or result.summary is None:
        tap.ok("%s: read" % name, False, "exit %d\n%s\n%s" % (result.rc, result.err, result.bad_json))
        return
    complaints = []
    if result.summary["packets"] != capture["packets"]:
        complaints.append("packets: expected %d, got %d" % (capture["packets"], result.summary["packets"]))
    # Reused ports: the flows of the same two endpoints belong together in their order.
    waiting = {}
    for s in streams:
        waiting.setdefault((s["client"], s["server"], holds(s)), []).append(s)
    for flow in result.flows:
        key = (endpoint(flow["client_ip"], flow["client_port"]), endpoint(flow["server_ip"], flow["server_port"]),
               holds(flow))
        if not waiting.get(key):
            complaints.append("flow %s -> %s is unknown to the oracle" % key[:2])
            continue
        stream = waiting[key].pop(0)
        for what, text in compare(flow, stream):
            if (name, stream["first_frame"], what) not in DISAGREE:
                complaints.append("%s, stream from frame %d: %s" % (key[0], stream["first_frame"], text))
    for left in waiting.values():
        for s in left:
            if (holds(s) or s["sessions"] or s["tree_connects"]) and \
                    (name, s["first_frame"], "missing") not in DISAGREE:
                complaints.append("no flow for %s -> %s, stream from frame %d"
                                  % (s["client"], s["server"], s["first_frame"]))
    tap.none("%s: %d flows as the oracle sees them" % (name, len(result.flows)), complaints)


def records_of(text):
    """{capture's name: [records]} out of the oracle's JSON lines."""
    out, now = {}, None
    for line in text.splitlines():
        rec = json.loads(line)
        if rec["type"] == "capture":
            now = out.setdefault(rec["file"], [])
        now.append(rec)
    return out


def run_oracle(paths):
    """The oracle over many captures, two at a time: tshark starts twice for each."""
    def some(part):
        p = subprocess.run([sys.executable, harness.ORACLE] + part, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, check=True)
        return records_of(p.stdout.decode())
    parts = [paths[i::4] for i in range(4) if paths[i::4]]
    out = {}
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for got in pool.map(some, parts):
            out.update(got)
    return out


def check_public(tap):
    paths = harness.captures(harness.PUBLIC)
    if not paths:
        tap.skip("public captures against the oracle", "no captures in %s" % harness.PUBLIC)
    for path in paths:
        if not os.path.exists(path + ".oracle.jsonl"):
            tap.skip(os.path.basename(path), "no oracle file beside it")
            continue
        with open(path + ".oracle.jsonl") as f:
            check_capture(tap, path, records_of(f.read())[os.path.basename(path)])


def check_lab(tap):
    """The lab's captures, and the project's own, which are of the same kind."""
    paths = harness.all_captures()
    if not harness.captures(harness.LAB):
        tap.skip("lab captures against the oracle", "no captures in %s" % harness.LAB)
    if not shutil.which("tshark"):
        tap.skip("captures against the oracle", "no tshark: apt-get install tshark")
    elif not os.path.exists(harness.ORACLE):
        tap.skip("captures against the oracle", "no %s" % harness.ORACLE)
    else:
        known = run_oracle(paths)
        for path in paths:
            check_capture(tap, path, known[os.path.basename(path)])
