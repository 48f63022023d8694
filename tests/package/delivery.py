# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Alerts of the running daemon, read back from real receivers: every key, in every form; and nothing lost while they rest."""
import os
import tempfile

import harness
import receivers
from harness import expect

import cable
from lab import daemon, net

# A name that Linux allows, and that tries to be a quote, another pair, another element and an escape sequence.
HOSTILE = 'e"a=1;]\x1b[2\\'
REST = 30  # alerts while a receiver rests: more than its socket takes (net.unix.max_dgram_qlen, usually 10)
DIALECTS = {"0x0202": "2.02", "0x0210": "2.10", "0x0300": "3.00", "0x0302": "3.02", "0x0311": "3.11"}


def expected(alert):
    """What a receiver has to find, from the journal's object: all that does not depend on wording."""
    own, flow, finding = alert["negwatch"], alert["negwatch"]["flow"], alert["negwatch"]["finding"]
    validated = flow["validate"][-1]["request"]
    keys = {
        "alert_id": own["alert_id"], "signature_id": alert["alert"]["signature_id"], "rule": own["rule"],
        "severity": alert["alert"]["severity"], "verdict": own["verdict"], "differs": ",".join(finding["fields"]),
        "src_ip": alert["src_ip"], "src_port": alert["src_port"], "dest_ip": alert["dest_ip"], "dest_port": alert["dest_port"],
        "proto": alert["proto"], "dialect": alert["smb"]["dialect"], "negotiated": ",".join(alert["smb"]["client_dialects"]),
        "validated": ",".join(DIALECTS[d] for d in validated["dialects"]), "client_guid": validated["client_guid"],
        "community_id": alert["community_id"], "count": own["count"], "leg": finding["leg"],
        "iface": alert["in_iface"].replace("\x1b", "\\x1b"), "event_time": alert["timestamp"].replace("+0000", "Z"),
    }
    if "end" in flow:
        keys |= {"closed_by": flow["end"]["by"], "close": flow["end"]["how"]}
    return {key: str(value) for key, value in keys.items()}


def start(network, receiver, name):
    """A daemon that tells this receiver, with each alert for itself."""
    return daemon.Daemon(network, network.server, [name], syslog_socket=receiver.socket, syslog_format=receiver.form, fold_window=0)


def ids(receiver):
    return {int(row["alert_id"]) for row in receiver.parsed() if "alert_id" in row}


def await_ids(receiver, wanted):
    net.wait_for(f"alerts {sorted(wanted)} at the receiver", lambda: wanted <= ids(receiver) or None, 40, 0.1)


def every_key(receiver, network, name, pattern):
    """One alert of an interface with that name, watched by that pattern: its keys, facility, severity and process."""
    wire = cable.Cable(network, "nwr")
    network.server.run("ip", "link", "set", "dev", "nwr", "name", name)
    host = start(network, receiver, pattern)
    wire.altered(host)
    await_ids(receiver, {alert["negwatch"]["alert_id"] for alert in host.alerts()})
    alert = host.alerts()[0]
    row = next(row for row in receiver.parsed() if row.get("alert_id") == str(alert["negwatch"]["alert_id"]))
    want = expected(alert)
    wrong = {key: (value, row.get(key)) for key, value in want.items() if row.get(key) != value}
    expect(not wrong, f"keys (wanted, found): {wrong}\nof {row}")
    odd = [key for key in row if not key.startswith("_") and key not in (*want, "delay_ms", "path_hint", "kernel", "reset_reason", "msg")]
    expect(not odd, f"keys that nobody sent: {odd}")
    expect((row["_facility"], row["_severity"], row["_pid"]) == ("authpriv", "crit", str(host.process.pid)),
           f"header: {row}")
    if receiver.form == "journal":
        expect(row["_id"].endswith("101") and row["_id"] in harness.read("build", "docs", "catalog"), f"MESSAGE_ID {row['_id']}")
    with open(receiver.file if os.path.exists(receiver.file) else os.devnull, "rb") as raw:
        expect(b"\x1b" not in raw.read(), "an escape character reached the file")
    host.close()
    return f"{len(want)} keys"


def rests(receiver, network):
    """The receiver stops reading until its queue is full; it is away; it comes back: all arrive, each once."""
    wire = cable.Cable(network, "nws")
    host = start(network, receiver, "nws")
    receiver.pause()
    for _ in range(REST):
        wire.altered(host)
    backlog = host.objects("status")["syslog"]["backlog"]
    expect(backlog > 0, "its queue never got full")
    receiver.go_on()
    await_ids(receiver, set(range(1, REST + 1)))
    net.wait_for("the queue to be empty", lambda: host.objects("status")["syslog"]["backlog"] == 0, 40, 0.05)
    receiver.stop()
    for _ in range(5):
        wire.altered(host)
    expect(host.objects("status")["syslog"]["backlog"] == 5, "what can't be sent has to wait")
    receiver.start()
    await_ids(receiver, set(range(1, REST + 6)))
    seen = [row["alert_id"] for row in receiver.parsed() if "alert_id" in row and "replayed" not in row]
    expect(len(seen) == len(set(seen)), f"told twice: {seen}")
    host.close()
    return f"{REST + 5} alerts, {backlog} of them waited for a full queue"


def test(name, form, check):
    """A test of one receiver in one form, as a function that returns a remark."""
    def body():
        with cable.lab() as network, tempfile.TemporaryDirectory(prefix="nwlog.", dir="/tmp") as directory:
            receiver = receivers.FORMS[name, form](directory, form)
            try:
                receiver.start()
                return check(receiver, network)
            finally:
                receiver.stop()
    return body


def snippet_of_rsyslog():
    """The shipped snippet writes its columns from a cee message."""
    with cable.lab() as network, tempfile.TemporaryDirectory(prefix="nwlog.", dir="/tmp") as directory:
        receiver = receivers.FORMS["rsyslog", "cee"](directory, "cee")
        try:
            receiver.start()
            wire = cable.Cable(network, "nwt")
            host = start(network, receiver, "nwt")
            wire.altered(host)
            path = os.path.join(directory, "negwatch.log")
            line = net.wait_for("the snippet's file", lambda: os.path.exists(path) and open(path, encoding="utf-8").read(), 20, 0.05)
            expect(" rule=101 client=" in line and " SMB2 NEGOTIATE request was altered" in line, line)
            host.close()
        finally:
            receiver.stop()


def tests():
    found = {f"{name}/{form}": test(name, form, lambda r, n: every_key(r, n, "nwq", "nwq")) for name, form in receivers.FORMS}
    found |= {f"{name}/{form}/hostile": test(name, form, lambda r, n: every_key(r, n, HOSTILE, HOSTILE[:2] + "*")) for name, form in receivers.FORMS}
    found |= {f"{name}/rests": test(name, "text", rests) for name in ("rsyslog", "syslog-ng", "journald")}
    found["rsyslog/snippet"] = snippet_of_rsyslog
    return found
