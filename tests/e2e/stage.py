# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The stage of the end-to-end cases: one lab, its servers, a daemon at either end, and what they said."""
import json
import statistics

import held
from lab import box, daemon, logsocket, net, samba, sniffer

ANSWER_TIMEOUT = 2  # seconds until rule 106, where a test waits for it
# What a server may take on a machine that does much else: from an altered VALIDATE to its end, which the alert is then
# told with, and to an answer. A reset is judged after the first of them, however fast all goes.
PATIENT = {"outcome_wait": 5, "answer_timeout": 20}


class Failed(Exception):
    """A case went another way than it had to."""


class Skip(str):
    """Why a test can't be run here."""


class Stage:
    """A lab with one kind of ingress hook in use. Servers start when a case first needs them."""

    def __init__(self, vlan, mtu=1500):
        self.network = net.Network(vlan=10 if vlan else None, mtu=mtu)
        self.box = box.Box(self.network)
        self.servers, self.daemons, self.used = {}, {}, 0
        self.sniffer = sniffer.Sniffer(self.network.server, self.network.server_dev)
        self.network.on_close(self.sniffer.close)
        self.latencies = []

    def daemons_for(self, ingress, waits):
        """Both daemons, with the wanted ingress hook and patience; they are restarted only when these change."""
        if self.daemons.get("how") != (ingress, waits):
            self.stop_daemons()
            for namespace, interface in ((self.network.server, self.network.server_dev),
                                         (self.network.client, self.network.client_dev)):
                self.daemons[namespace.name] = daemon.Daemon(
                    self.network, namespace, [interface], ingress=ingress,
                    **({"answer_timeout": ANSWER_TIMEOUT} if waits else PATIENT))
            self.daemons["how"] = ingress, waits
        return self.daemons["server"], self.daemons["client"]

    def stop_daemons(self):
        for name in ("server", "client"):
            if name in self.daemons:
                status = self.daemons.pop(name).close()
                if status != 0:
                    raise Failed(f"the daemon at the {name}'s host ended with status {status} on SIGTERM instead of 0")
        self.daemons.clear()

    def server(self, number):
        if number not in self.servers:
            how = [{}, {"encrypt": "required"}, {"maximum": "SMB2_02"}][number]
            self.servers[number] = samba.Server(self.network, number, **how)
        return self.servers[number]

    def play(self, case, ingress):
        """Plays one case; raises Failed with everything that was seen."""
        at_server, at_client = self.daemons_for(ingress, case.waits)
        server = self.server(case.smbd)
        self.box.edit(case.edit)
        addresses = self.network.use_client(self.used)
        client = addresses[1] if case.how.get("six") else addresses[0]
        self.used += 1
        run = samba.QuietClient(server) if case.quiet else samba.Client(server, **case.how)
        watched = [(at_server, case.server), (at_client, case.client)]
        try:
            if case.waits:
                for host, expect in watched:
                    self.await_rules(host, client, expect, ANSWER_TIMEOUT + 10)
                run.end()
            else:
                status, _ = run.finish()
                if case.succeeds is not None and (status == 0) != case.succeeds:
                    wanted = "succeed" if case.succeeds else "fail"
                    raise Failed(f"the client ended with status {status}, it had to {wanted}")
            if case.first_close:
                end = net.wait_for("an end of the connection on the wire", lambda: self.sniffer.first_close(client))
                if end != case.first_close:
                    raise Failed(f"the lab itself: on the wire the end was {end}, it had to be {case.first_close}")
            for host, expect in watched:
                if expect is not None:
                    self.check(host, client, expect, case)
        except (Failed, net.LabError) as problem:
            run.end()
            raise Failed(f"{problem}\n{self.seen(case, client, run)}") from None

    def await_rules(self, host, client, expect, seconds):
        """Waits until all wanted rules are reported."""
        def there():
            return expect is None or set(expect.rules) <= {rule(alert) for alert in host.alerts(client)}
        try:
            net.wait_for("alerts", there, seconds, 0.02)
        except net.LabError:
            found = sorted({rule(alert) for alert in host.alerts(client)})
            raise Failed(f"at the {host.name}'s host: wanted rules {sorted(expect.rules)}, found {found}") from None

    def check(self, host, client, expect, case):
        """Everything that one host's daemon has to say about a client's conversation."""
        where = f"at the {host.name}'s host"
        self.await_rules(host, client, expect, 20)
        flow = None if case.waits else self.ended_flow(host, client)
        alerts = host.alerts(client)
        surplus = {rule(alert) for alert in alerts} - set(expect.rules) - expect.also
        if surplus:
            raise Failed(f"{where}: rules {sorted(surplus)} reported, wanted {sorted(expect.rules)} and no other")
        for alert in alerts:
            self.check_alert(where, alert, expect)
            held.hold(host, alert)
        for key, wanted in expect.flow.items():
            value = flow.get(key)
            if value != wanted and not (isinstance(wanted, set) and value in wanted):
                raise Failed(f"{where}: the flow's {key} is {value!r}, wanted {wanted!r}")
        for number in expect.rules:
            self.check_log(where, host, client, number)
        if expect.rules:
            journal = {rule(entry) for entry in host.journal() if entry.get("src_ip") == client}
            if not set(expect.rules) <= journal:  # syslog, which has them, is fed from it
                raise Failed(f"{where}: the journal has rules {sorted(journal)}, wanted {sorted(expect.rules)}")

    def ended_flow(self, host, client):
        def ended():
            flows = host.flows(client)
            return flows and all("end" in flow for flow in flows) and flows
        return net.wait_for(f"the daemon at the {host.name}'s host to see the end of the flow", ended, 20, 0.02)[0]

    @staticmethod
    def check_alert(where, alert, expect):
        number = rule(alert)
        finding = alert["negwatch"]["finding"]
        if alert["alert"]["signature_id"] != 1445000 + number:
            raise Failed(f"{where}: signature_id {alert['alert']['signature_id']} of rule {number}")
        wanted = expect.rules.get(number)
        if wanted is not None and set(finding.get("fields", [])) != wanted:
            raise Failed(f"{where}: rule {number} names {finding.get('fields')}, wanted {sorted(wanted)}")
        end = alert["negwatch"]["flow"].get("end", {})
        if expect.end and number in (101, 104, 105, 108) and (end.get("by"), end.get("how")) != expect.end:
            raise Failed(f"{where}: rule {number} says that the flow ended by {end}, wanted {expect.end}")

    def check_log(self, where, host, client, number):
        """One syslog line for the rule; its delay goes into the figures."""
        def line():
            return next(((when, text) for when, text in list(host.log.lines)
                         if logsocket.fields(text).get("rule") == str(number)
                         and logsocket.fields(text).get("src_ip") == client), None)
        when, text = net.wait_for(f"a syslog line of rule {number} {where}", line, 20)
        if len(text.encode()) > 1024:
            raise Failed(f"{where}: the syslog line of rule {number} has {len(text.encode())} bytes of at most 1024")
        if number != 106 and host.name == "server":  # 106 is a timer's; the sniffer sits at the server
            packets = [packet.time for packet in self.sniffer.of(client) if packet.time <= when]
            told = logsocket.event_time(text)
            if told is None:
                raise Failed(f"{where}: no event_time in {text!r}")
            self.latencies.append((when - told, when - packets[-1] if packets else when - told))

    def seen(self, case, client, run):
        """What everybody saw, for the report of a failure."""
        parts = [f"case {case.name}, edit {case.edit}, client {client}",
                 f"smbclient: status {run.status}, {run.output.strip()[-400:]}"]
        parts += [f"wire: {packet.by} {packet.how} {packet.command}" for packet in self.sniffer.of(client)[-8:]]
        for name in ("server", "client"):
            host = self.daemons.get(name)
            if host is None:
                continue
            try:
                parts += [f"alert at {name}: {json.dumps(alert)}" for alert in host.alerts(client)]
                parts += [f"flow at {name}: {json.dumps(flow)}" for flow in host.flows(client)]
            except net.LabError as problem:
                parts.append(str(problem))
            parts += [f"syslog at {name}: {text}" for _, text in host.log.lines[-3:]]
            parts.append(f"daemon at {name} said: {host.said()[-1000:]}")
        return "\n".join(parts)

    def close(self):
        try:
            self.stop_daemons()
        finally:
            self.network.close()


def rule(alert):
    return alert["negwatch"]["rule"]


def figures(latencies):
    """The line about alert latency."""
    if not latencies:
        return "no alert was measured"
    told, wire = ([pair[index] * 1000 for pair in latencies] for index in (0, 1))
    return (f"latency median {statistics.median(told):.2f} ms max {max(told):.2f} ms behind the alert's event_time; "
            f"median {statistics.median(wire):.2f} ms max {max(wire):.2f} ms behind the last packet on the wire; "
            f"{len(latencies)} alerts")
