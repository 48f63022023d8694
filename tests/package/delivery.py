# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Alerts of the running daemon, read back from real receivers: every key, in every form; and nothing lost while they rest."""
import os
import tempfile
import time

import harness
import receivers
from harness import expect

import cable
import replay
from lab import daemon, net

# A name that Linux allows, and that tries to be a quote, another pair, another element and an escape sequence.
HOSTILE = 'e"a=1;]\x1b[2\\'
REST = 30  # alerts while a receiver rests: more than its socket takes (receivers.py: 10)
AWAY = 60  # seconds
PAUSE = 30  # the longest between two attempts to reach a receiver, s: PAUSE_MAX of user/sink/syslog.c
PER_S = 100  # of those that waited: NW_FEED_PER_S of user/sink/feed.h. How many wait depends on the machine's speed.
# Seconds until an alert is counted. A daemon that waits for its receiver waits as long as that one rests: for ever, here.
COUNTED = receivers.SOON
ALTERED = replay.frames(cable.ALTERED)
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


def start(network, receiver, name, **options):
    """A daemon that tells this receiver, with each alert for itself."""
    return daemon.Daemon(network, network.server, [name], syslog_socket=receiver.socket, syslog_format=receiver.form, **options)


def ids(receiver):
    return {int(row["alert_id"]) for row in receiver.parsed() if "alert_id" in row}


def await_ids(receiver, wanted, waited=0):
    net.wait_for(f"alerts {sorted(wanted)} at the receiver", lambda: wanted <= ids(receiver) or None, receivers.SOON + waited, 0.1)


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


class Party:
    """A receiver, and a daemon on a cable of its own that tells it all."""

    def __init__(self, network, directory, name, number):
        self.name, self.made = name, 0
        os.mkdir(os.path.join(directory, name))
        self.receiver = receivers.FORMS[name, "text"](os.path.join(directory, name), "text")
        network.on_close(self.receiver.stop)
        self.receiver.start()
        self.wire = cable.Cable(network, f"nws{number}")
        self.host = start(network, self.receiver, f"nws{number}", syslog_rate=0)
        self.slowest = 0.0  # seconds from an alert's last packet to the daemon's answer that counts it

    def status(self):
        return self.host.objects("status")

    def alter(self):
        """One more alert; the daemon has to count it, whatever its receiver does."""
        port, begun = next(cable.PORTS), time.monotonic()
        for frame, inward in ALTERED:
            self.wire.send(replay.on_port(frame, inward, port), inward)
        self.made += 1
        net.wait_for(f"alert {self.made} of {self.name}", lambda: self.status()["alerts"]["by_rule"].get("101") == self.made, COUNTED, 0.01)
        self.slowest = max(self.slowest, time.monotonic() - begun)

    def all_arrive(self):
        await_ids(self.receiver, set(range(1, self.made + 1)), PAUSE + self.status()["syslog"]["backlog"] / PER_S)
        net.wait_for("the queue to be empty", lambda: self.status()["syslog"]["backlog"] == 0, receivers.SOON, 0.05)

    def copies(self):
        """(alerts told at once, lines with replayed=1); none comes twice without it."""
        rows = [row for row in self.receiver.parsed() if "alert_id" in row]
        plain = [row["alert_id"] for row in rows if "replayed" not in row]
        expect(len(plain) == len(set(plain)), f"{self.name}: told twice without replayed=1: {plain}")
        return len(plain), len(rows) - len(plain)


def outage():
    """All receivers stop reading until their queues are full; are gone for a minute under alerts; and come back."""
    with tempfile.TemporaryDirectory(prefix="nwlog.", dir="/tmp") as directory, cable.lab() as network:
        parties = [Party(network, directory, name, number) for number, name in enumerate(("rsyslog", "syslog-ng", "journald"))]
        said = []
        for party in parties:
            party.receiver.pause()
            for _ in range(REST):
                party.alter()
            waited = party.status()["syslog"]["backlog"]
            expect(waited > 0, f"the queue of {party.name} never got full")
            party.receiver.go_on()
            said.append(f"{party.name}: of {REST} alerts {waited} waited for its full queue")
        for party in parties:
            party.all_arrive()
            party.receiver.stop()
        end, before = time.monotonic() + AWAY, [party.made for party in parties]
        while time.monotonic() < end:
            for party in parties:
                party.alter()
        for party, count in zip(parties, before):
            expect(party.status()["syslog"]["backlog"] == party.made - count, "what can't be sent has to wait")
            party.receiver.start()
        back = time.monotonic()
        for index, party in enumerate(parties):
            party.all_arrive()
            took = time.monotonic() - back
            party.alter()
            party.all_arrive()
            plain, replayed = party.copies()
            expect(replayed >= party.made - 1 - before[index], f"{party.name}: {replayed} of those that waited say so")
            expect(party.host.close() == 0, f"its end: {party.host.said()}")
            said[index] += (f"; {party.made - 1 - before[index]} in {AWAY} s without its socket, all there {took:.0f} s after its "
                            f"return; {party.made} arrived, {plain} at once, {replayed} with replayed=1, none lost, none twice without "
                            f"it; no alert took longer than {party.slowest * 1000:.0f} ms to be counted")
        return "\n".join(said)


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
    found["outage"] = outage
    found["rsyslog/snippet"] = snippet_of_rsyslog
    return found
