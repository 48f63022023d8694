# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Plays the scenarios: negwatchd at the client's host, on both sides of the box and at the server's host."""
import json
import os

import scenarios
import stage
from expectation import DIALECTS
from lab import box, daemon, guest, net, samba

# (name, side of the box, leg that can't exist there)
VANTAGES = (("client", "client", "client-here"), ("before", "client", None),
            ("behind", "server", None), ("server", "server", "here-server"))
LEGS = {101: "client-here", 102: "here-server", 103: "here-server", 104: "here-server", 105: "client-here",
        106: "here-server"}
SOON = 60  # seconds for what takes less than one on an idle machine
ANSWER_TIMEOUT = 8  # seconds until rule 106: what a busy machine may keep client or server from going on is less
IMPACKET_CLIENT = os.path.join(daemon.ROOT, "scripts", "lab", "impacket_client.py")
SMBCLIENT_NAMES = {0x202: "SMB2_02", 0x210: "SMB2_10", 0x300: "SMB3_00", 0x302: "SMB3_02", 0x311: "SMB3_11"}
SHORT = {"capabilities": "caps", "security_mode": "mode"}


class Field:
    """A lab with its servers, clients and daemons; `guests` names those that are wanted of cifs.ko and ksmbd.ko."""

    def __init__(self, guests):
        self.network = net.Network()
        self.used, self.servers, self.rows, self.told = 0, {}, [], {}
        self.guests, self.guest_daemons = {}, {}
        try:
            image = guest.Image(self.network) if guests else None
            for name, space, subnet, hosts in (
                    ("cifs.ko", self.network.client, guest.CLIENT, range(10, 10 + net.CLIENTS)),
                    ("ksmbd.ko", self.network.server, guest.SERVER, [2])):
                if name in guests:
                    self.guests[name] = guest.Guest(self.network, image, space, subnet, hosts)
            self.box = box.Box(self.network)
            self.hosts = {name: daemon.Daemon(self.network, space, [dev], answer_timeout=ANSWER_TIMEOUT)
                          for name, space, dev in (("client", self.network.client, self.network.client_dev),
                                                   ("before", self.network.box, self.network.box_client),
                                                   ("behind", self.network.box, self.network.box_inner),
                                                   ("server", self.network.server, self.network.server_dev))}
            for name, one in self.guests.items():
                one.ready()
                self.guest_daemons[name] = guest.Daemon(one, ANSWER_TIMEOUT)
            if "ksmbd.ko" in guests:
                guest.start_ksmbd(self.guests["ksmbd.ko"])
        except BaseException:
            self.close()
            raise

    def point(self, vantage, scenario):
        """The daemon at a vantage: a guest has its own."""
        peer = {"client": scenario.client, "server": scenario.server}.get(vantage)
        return self.guest_daemons.get(peer) or self.hosts[vantage]

    def smbd(self, number=0):
        if number not in self.servers:
            how = [{}, {"encrypt": "required"}][number]
            self.servers[number] = samba.Server(self.network, number, **how)
        return self.servers[number]

    def start(self, scenario):
        """Starts the client; returns (what runs, its address)."""
        smbd = self.smbd(1 if scenario.encrypted else 0)
        address = guest.SERVER_ADDRESS if scenario.server == "ksmbd.ko" else net.server_address(smbd.number)
        if scenario.client == "cifs.ko":
            client = f"{guest.CLIENT}.{10 + self.used}"
            return guest.Mount(self.guests["cifs.ko"], address, client, scenario.dialect, scenario.waits), client
        client = self.network.use_client(self.used)[0]
        if scenario.client == "impacket":
            return Impacket(self.network, address, scenario.offered[-1]), client
        options = ["client min protocol=NT1"] if scenario.smb1 else []
        return samba.Client(smbd, address=address, maximum=SMBCLIENT_NAMES[scenario.offered[-1]],
                            options=options), client

    def play(self, scenario):
        """Plays one scenario and notes its row; raises Failed with all that differs from what was expected."""
        expected = scenario.expected
        self.box.edit(scenario.edit)
        run, client = self.start(scenario)
        self.used += 1
        problems = []
        if scenario.waits:
            for name, side, _ in VANTAGES:
                self.await_rules(self.point(name, scenario), client, getattr(expected, side), ANSWER_TIMEOUT + SOON)
            run.end()
        else:
            status, output = run.finish(2 * SOON)
            if expected.works is not None and (status == 0) != expected.works:
                problems.append(f"the client ended with status {status}, it had to "
                                f"{'succeed' if expected.works else 'fail'}: {output.strip()[-300:]}")
        seen = {}
        for name, side, never in VANTAGES:
            point = self.point(name, scenario)
            flows = [] if scenario.waits else self.ended(point, client)
            problem = None if problems else self.await_rules(point, client, getattr(expected, side), SOON)
            alerts = point.alerts(client)
            told = [(alert["src_port"], stage.rule(alert), tuple(alert["negwatch"]["finding"].get("fields", [])),
                     alert["negwatch"]["finding"].get("leg")) for alert in alerts]
            if len(set(told)) != len(told) and not expected.also:
                problems.append(f"at {name}: a finding of one connection came twice: {told}")
            seen[name] = sorted({finding[1:] for finding in told}, key=str)  # cifs.ko connects more than once
            self.told.setdefault(point, {})[client] = len(alerts)
            problems += [f"at {name}: {text}" for text in
                         [problem, *self.wrong(seen[name], getattr(expected, side), expected.also, never,
                                                          unsigned="valreq_clear_signed" in scenario.edit and side == "server")] if text]
            end = flows[0].get("end", {}) if flows else {}
            if expected.end and (end.get("by"), end.get("how")) != expected.end:
                problems.append(f"at {name}: the connection ended by {end}, wanted {expected.end}")
        self.rows.append((scenario, seen, "-" if scenario.waits else f"{end.get('by')} {end.get('how')}"))
        if problems:
            detail = [f"flow at {name}: {json.dumps(flow)}" for name, _, _ in VANTAGES
                      for flow in self.point(name, scenario).flows(client)]
            raise stage.Failed("\n".join([*problems, f"client {client}", describe(*self.rows[-1]), *detail]))

    @staticmethod
    def await_rules(point, client, wanted, seconds):
        try:
            net.wait_for("alerts", lambda: set(wanted) <= {stage.rule(alert) for alert in point.alerts(client)},
                         seconds, 0.03)
        except net.LabError:
            return f"waited in vain for rules {sorted(wanted)}"
        return None

    @staticmethod
    def ended(point, client):
        def ended():
            flows = point.flows(client)
            return flows and all("end" in flow for flow in flows) and flows
        return sorted(net.wait_for("the ends of the flows", ended, SOON, 0.03), key=lambda flow: flow.get("start", ""))

    @staticmethod
    def wrong(seen, wanted, also, never, unsigned):
        """What is wrong with the findings (rule, fields, leg) at one vantage; VALIDATE came there unsigned or not."""
        for rule, fields, leg in seen:
            if rule not in wanted:
                if rule not in also:
                    yield f"rule {rule} {' '.join(fields)} was not expected"
                continue
            if set(fields) != wanted[rule]:
                yield f"rule {rule} names the fields {fields}, wanted {sorted(wanted[rule])}"
            right = LEGS.get(rule)
            if rule == 109:
                right = "client-here" if DIALECTS in fields else "here-server"
            if rule == 103 and unsigned:
                right = "client-here"
            right = None if right == never else right
            if rule == 108:  # the leg that an end of the path has
                right = {"client-here": "here-server", "here-server": "client-here"}.get(never)
            if leg != right:
                yield f"rule {rule} has leg {leg}, wanted {right}"

    def late(self):
        """Says where there are alerts that came after their scenario was over."""
        there = [(point, point.recorded(clients), sum(clients.values())) for point, clients in self.told.items()]
        return [f"at {point.name}: {now} alerts in the journal, {then} at the ends of the scenarios"
                for point, now, then in there if now != then]

    def close(self):
        self.network.close()


class Impacket(samba.Client):
    """impacket's client in the place of smbclient."""

    def __init__(self, network, address, dialect, count=1):
        self.output, self.status = "", None
        where = os.path.join(guest.packages("tools", "impacket"), "usr", "lib", "python3", "dist-packages")
        self.spawn(network.client.command(
            ["env", f"PYTHONPATH={where}", "PYTHONDONTWRITEBYTECODE=1", "/usr/bin/python3", IMPACKET_CLIENT, address,
             samba.USER, samba.PASSWORD, samba.SHARE, f"0x{dialect:04x}", str(count)]))


def describe(scenario, seen, end):
    """A scenario's row: vantages that said the same share a column."""
    columns = []
    for name, _, _ in VANTAGES:
        said = "; ".join(" ".join([str(rule), *(SHORT.get(field, field) for field in fields), *([leg] if leg else [])])
                         for rule, fields, leg in seen[name]) or "-"
        if columns and columns[-1][1] == said:
            columns[-1][0].append(name)
        else:
            columns.append(([name], said))
    _, pair, dialect, edit = scenario.name.split("/")
    said = " | ".join(f"{'+'.join(names)}: {text}" for names, text in columns)
    return f"{pair:18s} {dialect:15s} {edit:30s} {end:11s} | {said}"


def play(wanted, report):
    """Plays scenarios in one lab."""
    if not wanted:
        return
    guests = set().union(*(scenario.guests for scenario in wanted))
    lab = wanted[0].name.split("/")[0]
    field = None
    try:
        field = Field(guests)
        for scenario in wanted:
            problem = skip = None
            try:
                field.play(scenario)
            except guest.Unavailable as reason:
                skip = reason
            except (stage.Failed, net.LabError, OSError, KeyError, TypeError) as failure:
                problem = failure if isinstance(failure, (stage.Failed, net.LabError)) else repr(failure)
            report.result(scenario.name, problem, skip)
        late = field.late()
        report.result(f"{lab}/no alert came late", "\n".join(late))
        for name, one in field.guests.items():
            report.result(f"{lab}/{name}'s kernel has no complaint", one.complaints())
        print(f"# {'client-server':18s} {'dialect':15s} {'edit':30s} {'end by':11s} | vantage: rule fields leg")
        for row in field.rows:
            print(f"# {describe(*row)}")
        for what, why in scenarios.ABSENT.items():
            print(f"# not there: {what}: {why}")
    except guest.Unavailable as reason:
        report.result(lab, skip=reason)
    finally:
        if field:
            field.close()
