# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A thousand connections of mixed clients that nobody alters: nothing may be called altered, however clients leave."""
import collections
import json

import matrix
import stage
from lab import guest, net, samba

CLAIMS = {101, 102, 103, 109}  # rules that say that something was altered
# Rules that an untampered connection may meet: a client that left at once (105, 108) or that never validates (110).
# 106 belongs to a client that was killed while it waited.
ALLOWED = {105, 106, 108, 110}
CONNECTIONS = 1000
DIALECTS = ("SMB2_02", "SMB2_10", "SMB3_00", "SMB3_02", "SMB3_11")
WORKERS = 3
USUAL = "//{address}/{share} {user}"
# (name, what precedes smbclient, its arguments, whether it has to succeed (None: not looked at))
SMBCLIENT = (
    ("ls", "", f"{USUAL} -c ls", True),
    ("quit", "", f"{USUAL} -c quit", True),
    ("transfer", "", f"{USUAL} -c 'put smb.conf x{{number}}; get x{{number}} /dev/null; del x{{number}}'", True),
    ("list of shares", "", "-L //{address} {user}", True),
    ("another session", "", f"{USUAL} -c 'logon {samba.USER} {samba.PASSWORD}; tcon {samba.SHARE}; ls'", True),
    ("other shares", "", f"{USUAL} -c 'tcon {samba.CLOSED}; tcon IPC$; tcon {samba.SHARE}; ls'", True),
    ("signed", "", f"{USUAL} --client-protection=sign -c ls", True),
    ("encrypted", "", f"{USUAL} --client-protection=encrypt -c ls", None),
    ("SMB1 start", "", f"{USUAL} --option='client min protocol=NT1' -c ls", True),
    ("anonymous", "", "//{address}/{share} -N -c ls", True),
    ("guest", "", "//{address}/{share} -U stranger%x -c ls", True),
    ("wrong password", "", f"//{{address}}/{{share}} -U {samba.USER}%wrong -c ls", False),
    ("no permission", "", f"//{{address}}/{samba.CLOSED} {{user}} -c ls", False),
    ("no such share", "", "//{address}/nothing {user} -c ls", False),
    ("killed", "timeout -s KILL 0.{number}", f"{USUAL} -c 'ls; ls; ls'", None),
    ("interrupted", "timeout -s INT 0.{number}", f"{USUAL} -c 'ls; ls; ls'", None),
)
ROUNDS = 13  # of each kind in each dialect, half of them routed, half through the proxy
STEPS = ("connect", "negotiate", "challenge", "session", "tree", "logoff")
LEAVES = [(step, how) for step in STEPS for how in ("fin", "rst")]
LEAVES_EACH, IMPACKET_EACH, MOUNTS = 14, 60, 10
VALIDATES = 500  # smbclient sends one for IPC$ and one for each share


class Kind:
    """What one kind of client did, from an address of its own."""

    def __init__(self, name, address):
        self.name, self.address = name, address
        self.statuses = collections.Counter()
        self.problem = None

    def row(self, findings):
        said = [", ".join(f"{rule}: {count}" for (address, rule), count in sorted(told.items())
                          if address == self.address) or "-" for told in findings]
        statuses = ", ".join(f"{count} x {status}" for status, count in sorted(self.statuses.items()))
        return f"{self.name:30s} {statuses:32s} {said[0]:28s} {said[1]}"


class Claims:
    """Plays all kinds of clients."""

    def __init__(self, field):
        self.field, self.kinds = field, []
        self.smbd = field.smbd()

    def kind(self, name):
        kind = Kind(name, self.field.network.use_client(len(self.kinds))[0])
        self.kinds.append(kind)
        return kind

    def smbclients(self, proxied):
        for name, before, arguments, succeeds in SMBCLIENT:
            kind = self.kind(f"{name}{' (proxy)' if proxied else ''}")
            # What is killed is killed after 20 to 400 ms: somewhere between the first packet and the last.
            lines = [(before.replace("{number}", f"{20 + 38 * at:03d}"),
                      f"-m {dialect} {arguments.replace('{number}', f'{at}{dialect}')}")
                     for at in range(proxied, ROUNDS, 2) for dialect in DIALECTS]
            for batch in [samba.Batch(self.smbd, lines[worker::WORKERS]) for worker in range(WORKERS)]:
                kind.statuses.update(batch.finish(300)[1].split())
            if succeeds is not None and {status == "0" for status in kind.statuses} != {succeeds}:
                kind.problem = f"had to {'succeed' if succeeds else 'fail'}"

    def one(self, name, make):
        """A client that has to succeed."""
        kind = self.kind(name)
        status, output = make().finish(300)
        kind.statuses[str(status)] += 1
        if status != 0:
            kind.problem = output.strip()[-300:]

    def leaving(self):
        """Clients that leave behind a certain step."""
        for step, how in LEAVES:
            self.one(f"leaves after {step}, {how}", lambda: samba.QuietClient(self.smbd, step, how, str(LEAVES_EACH)))

    def impacket(self):
        for dialect in (0x202, 0x210, 0x300):
            self.one(f"impacket 0x{dialect:04x}", lambda: matrix.Impacket(
                self.field.network, net.server_address(), dialect, IMPACKET_EACH))

    def mounts(self, one):
        kind = Kind("cifs.ko, mount and umount", f"{guest.CLIENT}.10")
        self.kinds.append(kind)
        for number in range(MOUNTS):
            dialect = ("default", "2.1", "3.0", "3.0.2", "3.1.1")[number % 5]
            status, output = guest.Mount(one, net.server_address(), kind.address, dialect).finish()
            kind.statuses[str(status)] += 1
            if status != 0:
                kind.problem = output[-300:]


def await_ends(host, report):
    """Waits until no connection is left: cifs.ko closes 0.1 s behind umount, and longer in a guest."""
    def unended():
        return [flow for flow in host.objects("flows") if "end" not in flow]
    try:
        net.wait_for("all connections to end", lambda: not unended(), 120, 0.2)
    except net.LabError:
        report.result(f"claims/{host.name}: all connections ended", "\n".join(json.dumps(flow) for flow in unended()[:5]))


def judge(host, report):
    """Counts what one host's daemon said; returns {(client, rule): how often}."""
    where = f"claims/{host.name}"
    await_ends(host, report)
    journal = host.journal()
    told = collections.Counter((entry.get("src_ip"), stage.rule(entry)) for entry in journal)
    status = host.objects("status")
    seen, losses = status["engine"], status["losses"]
    print(f"# {host.name}: {seen['connections']} connections, {seen['negotiate']} NEGOTIATE and {seen['validate']} "
          f"VALIDATE exchanges, {seen['smb311']} of 3.1.1, lost: {losses}")
    report.result(f"{where}: at least {CONNECTIONS} connections and {VALIDATES} VALIDATE exchanges were seen",
                  "too few" if seen["connections"] < CONNECTIONS or seen["validate"] < VALIDATES else None)
    report.result(f"{where}: no event was lost", losses if losses["events"] or losses["flows"] else None)
    wrong = [entry for entry in journal if stage.rule(entry) in CLAIMS]
    report.result(f"{where}: nothing is called altered", "\n".join(json.dumps(entry) for entry in wrong[:5]))
    surplus = sorted({rule for _, rule in told} - CLAIMS - ALLOWED)
    report.result(f"{where}: no rule but {', '.join(map(str, sorted(ALLOWED)))}", surplus and f"rules {surplus}")
    rules = collections.Counter(rule for _, rule in told.elements())
    print(f"# {host.name}: alerts by rule: {dict(sorted(rules.items())) or 'none'}")
    return told


def run(report):
    """The guest with cifs.ko is left out, with its reason, where it can't be had."""
    field, skip = None, None
    try:
        try:
            field = matrix.Field({"cifs.ko"})
        except guest.Unavailable as reason:
            field, skip = matrix.Field(set()), reason
        claims = Claims(field)
        field.box.edit(None)
        claims.smbclients(False)
        claims.leaving()
        try:
            claims.impacket()
        except guest.Unavailable as reason:
            report.result("claims/impacket", skip=reason)
        if skip:
            report.result("claims/cifs.ko", skip=skip)
        else:
            claims.mounts(field.guests["cifs.ko"])
        # What the box begins to divert has no end that gets through.
        for name in ("server", "client"):
            await_ends(field.hosts[name], report)
        field.box.edit("pass")
        claims.smbclients(True)
        told = [judge(field.hosts[name], report) for name in ("server", "client")]
        wrong = [f"{kind.name}: {kind.problem}: {dict(kind.statuses)}" for kind in claims.kinds if kind.problem]
        report.result("claims/every client did what it was to do", "\n".join(wrong))
        print(f"# {'client':30s} {'runs x exit status':32s} {'alerts at the server, rule: n':28s} at the client")
        for kind in claims.kinds:
            print(f"# {kind.row(told)}")
    finally:
        if field:
            field.close()
