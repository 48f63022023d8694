# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A daemon of straw: a socket that answers each verb with what a table holds, made of real captures."""
import contextlib
import copy
import datetime
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading

import harness
from lab import schema

SECONDS = 60  # of which negwatch itself waits 15 for an answer
YEAR = datetime.datetime.now(datetime.timezone.utc).year
CAPTURES = ("request-highest-dialect.srv", "response-dialect.srv", "answer-unsigned.cli", "ipv6-request-mode.srv",
            "untouched-3.1.1.srv")
STATUS = {
    "version": "0.1.0", "pid": 812, "host": "fs01", "kernel": "6.12.0", "started": f"{YEAR}-01-02T03:00:00Z",
    "uptime_s": 18240,
    "interfaces": [{"name": "eth0", "ifindex": 2, "state": "watched", "ingress": {"hook": "xdp"},
                    "egress": {"hook": "tcx"}},
                   {"name": "bond0", "ifindex": 3, "state": "watched",
                    "ingress": {"hook": "tcx", "why": "XDP is held by program \"cil_xdp_entry\" (id 38)"},
                    "egress": {"hook": "tcx"}}],
    "kernel_resets": {"available": True, "reasons": True}, "flows_capacity": 65536, "packets": 123456,
    "messages": 4321, "last_event": f"{YEAR}-01-02T08:00:00.000Z",
    "engine": dict.fromkeys("events connections connections_now evicted expired negotiate validate smb311 not_observed "
                            "joined join_dropped findings".split(), 0) | {
        "connections": 812, "connections_now": 17, "negotiate": 812, "validate": 640, "smb311": 172},
    "alerts": {"since_start": 4, "folded": 3, "folded_untold": 1, "total": 17, "by_rule": {"101": 2, "105": 1}, "last": f"{YEAR}-01-02T05:06:07.000000Z"},
    "peers": {"now": 40, "capacity": 8192, "instances": 3, "evicted": 0, "repaired": 0},
    "losses": {"events": 0, "flows": 0, "flows_evicted": 0, "holes": 2, "not_smb": 0, "fragments": 0, "malformed": 0},
    "syslog": {"socket": "/dev/log", "connected": True, "backlog": 0, "sent": 21, "dropped": 0,
               "replayed": 0, "refused": 0, "rate_limited": 0},
    "journal": {"path": "/var/lib/negwatch/alerts.jsonl", "repaired": 0, "unwritten": 0, "files": 2, "bytes": 3145728,
                "removed_files": 0, "removed_unsent": 0},
    "evidence": {"path": "/var/lib/negwatch/evidence", "enabled": True, "files": 17, "bytes": 51200, "absent": 0}}
PEER = {"type": "peer", "client_ip": "10.1.2.3", "server_ip": "10.0.0.10", "server_port": 445, "capabilities": 127,
        "security_mode": 1, "client_guid": "6b29fc40-ca47-1067-b31d-00dd010662da", "client_family": "samba-client",
        "client_impl": "6e2a9b0c41d7f853", "offered": "0x0302",
        "dialect": "0x0302", "connections": 4, "validated": 0, "preauth": 0, "not_validated": 4, "encrypted": 0,
        "guest": 0, "findings": 1, "first_seen": f"{YEAR}-01-01T00:00:00.000000Z",
        "last_seen": f"{YEAR}-01-02T03:04:05.000000Z", "listed": True, "last_rule": 110}


def flows():
    """One flow of each capture, all of this year, their files' names left out."""
    found = []
    for number, name in enumerate(CAPTURES):
        flow = harness.read(os.path.join(harness.OWN, name + ".pcap")).flows[0]
        del flow["file"]
        flow["start"] = f"{YEAR}-01-02T03:{number:02}:05.000000000Z"
        flow["client_port"] = 50000 + number
        found.append(flow)
    return found


def alert(number, flow, finding, **more):
    """As the daemon would tell of a finding."""
    whole = {"timestamp": flow["start"][:19] + ".120334+0000", "event_type": "alert", "host": "fs01", "in_iface": "eth0",
             "src_ip": flow["client_ip"], "src_port": flow["client_port"], "dest_ip": flow["server_ip"],
             "dest_port": flow["server_port"], "proto": "TCP", "app_proto": "smb", "community_id": flow["community_id"],
             "alert": {"action": "allowed", "gid": 1, "signature_id": 1445000 + finding["rule"], "rev": 1,
                       "signature": f"NEGWATCH {finding['name']}", "category": "Protocol integrity violation",
                       "severity": 1},
             "smb": {}, "negwatch": {"schema": 1, "alert_id": number, "rule": finding["rule"], "name": finding["name"],
                                     "severity": finding["severity"], "verdict": "mismatch", "text": finding["text"],
                                     "count": 1, "evidence": f"{YEAR}-01-02T030405Z-{number}-{flow['client_ip']}.pcapng",
                                     "finding": finding, "flow": flow}}
    return whole | more


def answers():
    """{verb: answer}, fit for change."""
    all_flows = flows()
    pairs = [(flow, finding) for flow in all_flows for finding in flow["findings"]]
    alerts = [alert(number, flow, finding) for number, (flow, finding) in enumerate(pairs, 1)]
    other = PEER | {"client_ip": "2001:db8::7:1", "server_ip": "2001:db8::7:10", "listed": False, "validated": 4, "proven": "0x0302", "not_validated": 0}
    return {"status": {"status": copy.deepcopy(STATUS)}, "alerts": {"alerts": alerts},
            "show": {"alert": alerts[0]}, "flows": {"total": len(all_flows), "flows": all_flows},
            "peers": {"total": 2, "peers": [PEER, other]}, "watch": {}, "metrics": {"metrics": "negwatch_syslog_up 1\n"},
            "reload": {}, "stats": {"counters": [{"name": "packets", "value": 7, "text": "packets seen",
                                                  "outcome": False}], "engine": STATUS["engine"]}}


def unfit(table):
    """What of it no daemon would say."""
    kinds = {"status": ("status", "status"), "alerts": ("alerts", "printed_alerts"), "flows": ("flows", "printed_flows"),
             "peers": ("peers", "printed_peers")}
    found = []
    for verb, (key, kind) in kinds.items():
        value = table[verb][key]
        found += schema.complaints(kind, value if kind == key else {"version": 1, key: value})
    return found


class Straw:
    """Serves until closed. table: {verb: answer}; a value that is bytes is sent as it is, None gives no answer, a function
    makes it of the request."""

    def __init__(self, table, stream=()):
        self.table, self.stream = table, list(stream)
        self.directory = tempfile.mkdtemp(prefix="nw-straw-", dir="/tmp")  # wherever TMPDIR is: a socket's path is short
        self.path = os.path.join(self.directory, "control.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with client, contextlib.suppress(OSError, ValueError):
            for line in client.makefile("r", encoding="utf-8"):
                request = json.loads(line)
                verb = request["cmd"]
                answer = self.table.get(verb, {"ok": False, "error": "unknown command"})
                if callable(answer):
                    answer = answer(request)
                if answer is None:
                    client.recv(1)
                    return
                if isinstance(answer, dict):
                    answer = json.dumps({"ok": True} | answer).encode() + b"\n"
                client.sendall(answer)
                if verb == "watch":
                    for one in self.stream:
                        client.sendall(json.dumps(one).encode() + b"\n")
                    if self.stream:
                        return

    def close(self):
        # The thread waits in accept(), which close() alone doesn't end.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        shutil.rmtree(self.directory)


@contextlib.contextmanager
def straw(table, stream=()):
    daemon = Straw(table, stream)
    try:
        yield daemon
    finally:
        daemon.close()


def environment(**more):
    return {"PATH": os.environ["PATH"], "TZ": "UTC", "LC_ALL": "C.UTF-8", "TERM": "xterm", **more}


def ask(daemon, *argv, env=None):
    """(exit status, stdout, stderr) into pipes."""
    where = ("--socket", daemon.path) if daemon else ()
    try:
        done = subprocess.run([harness.NEGWATCH, *where, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=env or environment(), timeout=SECONDS, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        return None, "", f"no end after {SECONDS} s"
    return done.returncode, done.stdout, done.stderr
