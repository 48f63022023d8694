# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of the memory over connections: the audit list over reconnects and restarts, and a fall seen from memory."""
import contextlib
import json
import os

import stage
from lab import box, daemon, net, samba

GUID = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


class Place:
    """A lab with one smbd and a daemon at the server's host that keeps its state over restarts."""

    def __init__(self, network):
        self.network = network
        self.box = box.Box(network)
        self.server = samba.Server(network)
        self.state = os.path.join(network.directory, "state")
        self.daemon = None
        self.start()

    def start(self):
        self.daemon = daemon.Daemon(self.network, self.network.server, [self.network.server_dev], state_dir=self.state)

    def restart(self, kill=False, between=lambda: None):
        """between() is called while no daemon runs; returns what it does."""
        if kill:
            self.daemon.process.kill()
            self.daemon.process.wait()
        if self.daemon.close() != (-9 if kill else 0):
            raise stage.Failed(f"the daemon ended with status {self.daemon.process.returncode}: {self.daemon.said()}")
        result = between()
        self.start()
        return result

    def connect(self, number, kind=samba.QuietClient, **how):
        """One run of a client from its address `number`, until the daemon has seen the end; returns the address."""
        address = self.network.use_client(number)[0]
        before = {flow["client_port"] for flow in self.daemon.flows(address)}  # they go a minute behind their end
        status, output = kind(self.server, **how).finish()
        if status != 0:
            raise stage.Failed(f"the client ended with status {status}: {output[-400:]}")
        net.wait_for("the end of the flow", lambda: any("end" in flow and flow["client_port"] not in before
                                                        for flow in self.daemon.flows(address)), 20, 0.02)
        return address

    def peers(self, *argv):
        return {peer["client_ip"]: peer for peer in self.daemon.objects("peers", *argv)}

    def journal(self, rule):
        """Clients that the rule was told of, since the journal began."""
        path = os.path.join(self.state, "alerts.jsonl")
        with open(path, encoding="utf-8") as lines:
            return [alert["src_ip"] for alert in map(json.loads, lines) if stage.rule(alert) == rule]

    def saved(self):
        """{client address: peer} of the audit list, as the file has it."""
        path = os.path.join(self.state, "peers.jsonl")
        if not os.path.exists(path):
            return {}
        with open(path, encoding="utf-8") as lines:
            return {peer["client_ip"]: peer for peer in map(json.loads, lines) if peer.get("listed")}


@contextlib.contextmanager
def place():
    with net.Network() as network:
        yield Place(network)


def wants(what, found, wanted):
    if found != wanted:
        raise stage.Failed(f"{what}: {found!r}, wanted {wanted!r}")


def remembered():
    """Two clients, one that validates and one that does not, over reconnects and restarts: listed and told once."""
    with place() as here:
        validates = here.connect(0, samba.Client)
        quiet = here.connect(1)
        here.connect(1)
        net.wait_for("the audit list in the file", lambda: set(here.saved()) == {quiet}, 20, 0.05)
        kept = None
        for kill in (True, False):
            saved = here.restart(kill=kill, between=here.saved)[quiet]
            kept = kept or saved  # it is written 1 s behind the first news, with what there was then
            wants("the list after a restart", set(here.peers("--not-validated")), {quiet})
            wants("all peers after a restart", set(here.peers()), {validates, quiet})
            here.connect(1)
        if not 1 <= kept["not_validated"] <= kept["connections"] <= 2:
            raise stage.Failed(f"the file of the killed daemon: {kept}")
        wants("clients told by rule 110", here.journal(110), [quiet])
        found = here.peers()[quiet]
        wants("connections of the quiet client", (found["connections"], found["not_validated"], found["validated"]),
              (kept["connections"] + 2, kept["not_validated"] + 2, 0))
        wants("its dialects", (found["offered"], found["dialect"], found.get("proven")), ("0x0302", "0x0302", None))
        found = here.peers("--client", validates)[validates]
        wants("the validating client", (found["listed"], found["validated"], found["proven"]), (False, 1, "0x0302"))
        wants("what it is", found.get("client_family"), "samba-client")
        table = here.daemon.ask("peers").stdout
        lines = table.splitlines()
        if len(lines) != 3 or max(map(len, lines)) > 80 or " never " not in table or " yes " not in table:
            raise stage.Failed(f"the table:\n{table}")


def fallen():
    """A box that strips 3.x from a client that never validates: told once, as a warning, and only to those who remember."""
    with place() as here:
        client = here.connect(0, guid=GUID)
        here.box.edit("strip3x")
        other = here.connect(1)  # nothing is known of its GUID
        here.restart()
        for _ in range(3):
            here.connect(0, guid=GUID)
        wants("clients told by rule 109", here.journal(109), [client])
        alert = next(alert for alert in here.daemon.alerts(client) if stage.rule(alert) == 109)
        finding = alert["negwatch"]["finding"]
        wants("severity, fields, leg", (finding["severity"], finding["fields"], finding.get("leg")),
              ("warning", ["dialects"], "client-here"))
        if "may have been altered between the client and this server" not in finding["text"]:
            raise stage.Failed(finding["text"])
        wants("its category", alert["alert"]["category"], "Possible protocol integrity violation")
        wants("clients told by rule 110", sorted(here.journal(110)), sorted([client, other]))
        found = here.peers()[client]
        wants("its dialects", (found["offered"], found["dialect"]), ("0x0210", "0x0210"))


def broken_file():
    """A list that is torn, of another version, or can't be read costs no start, and is told."""
    with place() as here:
        quiet = here.connect(0)
        here.restart()
        path = os.path.join(here.state, "peers.jsonl")

        def tear():
            with open(path, "r+b") as file:
                file.truncate(os.path.getsize(path) - 10)
        here.restart(kill=True, between=tear)
        wants("peers of a torn file", set(here.peers("--not-validated")), {quiet})
        state = json.loads(here.daemon.ask("status", "--json").stdout)["status"]["peers"]
        wants("lines left out", state["repaired"], 1)
        if "left out" not in here.daemon.said():
            raise stage.Failed(here.daemon.said())

        def another():
            with open(path, "w", encoding="ascii") as file:
                file.write('{"type":"peers","version":99}\n')
        here.restart(kill=True, between=another)
        wants("peers of another version's file", here.peers(), {})
        if not os.path.exists(path + ".old") or "renamed" not in here.daemon.said():
            raise stage.Failed(here.daemon.said())
        here.restart(kill=True, between=lambda: os.mkdir(path))
        wants("peers of what can't be read", here.peers(), {})
        here.connect(1)
        if "can't be read" not in here.daemon.said() or "FAILS" not in here.daemon.ask("status").stdout:
            raise stage.Failed(here.daemon.said())
        here.restart()
        if not os.path.isdir(path):
            raise stage.Failed("what could not be read was overwritten")


TESTS = {"remembered": remembered, "fallen": fallen, "broken-file": broken_file}
