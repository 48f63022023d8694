# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of evidence: its files in tshark, their bounds, directories that can't be written, and who may read."""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time

import cable
import control
import held
import replay
import stage
from lab import daemon, net

RESUMES = 40  # seconds; the daemon tries again after 10 s


def wants(what, found, wanted):
    if found != wanted:
        raise stage.Failed(f"{what}: {found!r}, wanted {wanted!r}")


def status(host):
    return json.loads(host.ask("status", "--json").stdout)["status"]["evidence"]


def alerts_with_findings(host):
    return [alert for alert in host.alerts() if "finding" in alert["negwatch"]]


def copy_of(host, alert):
    """(A copy of the alert's file, its packets), with the connection's end where that was seen: the daemon replaces the file
    when more of the connection comes."""
    path = held.hold(host, alert)
    copy = os.path.join(host.directory, os.path.basename(path))

    def whole():
        shutil.copyfile(path, copy)
        rows = held.packets(copy, "frame.comment", "frame.time_epoch", "frame.interface_name", "frame.packet_flags_direction",
                            "ip.src", "frame.cap_len", "frame.len")
        ended = any(re.search(r"^(FIN|RST) of|; (FIN|RST)", row[0]) for row in rows)
        return rows if ended or "end" not in alert["negwatch"]["flow"] else None
    return copy, net.wait_for(f"the end in {path}", whole, 20, 0.05)


def look(host, alert, begun, link_type="ether"):
    """One file, of since `begun`, through tshark and capinfos; returns how many packets it has."""
    path, rows = copy_of(host, alert)
    wants(f"tshark -V {path}", held.complaints(path), [])
    said = subprocess.run(["capinfos", "-M", path], stdout=subprocess.PIPE, text=True, timeout=30, check=True).stdout
    facts = dict(re.split(r":\s+", line.strip(), maxsplit=1) for line in said.splitlines() if re.search(r":\s+\S", line))
    wants("capinfos: packets", int(facts["Number of packets"]), len(rows))
    wants("capinfos: time precision", facts["File timestamp precision"], "nanoseconds (9)")
    wants("capinfos: encapsulation", facts["File encapsulation"], link_type)
    number = alert["negwatch"]["alert_id"]
    if f"evidence for alert {number}: " not in said:
        raise stage.Failed(f"no comment on the file: {said}")
    comments = [row[0] for row in rows]
    if not all(comments) or sum(f"alert {number}: " in text for text in comments) != 1:
        raise stage.Failed(f"comments: {comments}")
    fields = alert["negwatch"]["finding"].get("fields")
    if stage.rule(alert) in (101, 102) and sum(f": {', '.join(fields)}" in text and "DIFFERS" in text
                                               for text in comments) != 1:
        raise stage.Failed(f"no packet differs in {fields}: {comments}")
    for row in rows:
        # The clock may have been set a little meanwhile.
        if not begun - 1 <= float(row[1]) <= time.time() + 1 or int(row[5]) > int(row[6]):
            raise stage.Failed(f"time or lengths: {row}")
        # 1: in, 2: out; the server is here
        wants("direction", int(row[3], 0), 1 if row[4] == alert["src_ip"] or (not row[4] and "of the client" in row[0]) else 2)
    wants("interfaces", {row[2] for row in rows}, {alert["in_iface"]})
    wants("order", [float(row[1]) for row in rows], sorted(float(row[1]) for row in rows))
    return len(rows)


def look_at_all(replayed, paths, link_type="ether"):
    """[(rule, packets)] of the evidence of each alert that these captures lead to."""
    begun = time.time()
    for path in paths:
        replayed.play(path)
    return [(stage.rule(alert), look(replayed.host, alert, begun, link_type)) for alert in alerts_with_findings(replayed.host)]


def without_tshark():
    if not shutil.which("tshark"):
        return stage.Skip("no tshark: apt-get install tshark")
    return None


def opens_in_tshark():
    """Each alert's file: packets, comments, times, interface, direction; over Ethernet, tun and VLAN."""
    if without_tshark():
        return without_tshark()
    own = [path for path in replay.files() if path.startswith(replay.OWN) and path.endswith(".srv.pcap")]
    tagged = os.path.join(replay.OWN, "request-guid.srv.pcap")
    seen = []
    for make, paths, link_type in ((lambda: replay.Replay("tc"), own, "ether"),
                                   (replay.TunReplay, own[:6], "rawip"),
                                   (lambda: replay.VlanReplay(False), [tagged], "ether")):
        replayed = make()
        try:
            seen += look_at_all(replayed, paths, link_type)
            if paths == [tagged]:
                for alert in alerts_with_findings(replayed.host):
                    wants("VLAN", {row[0] for row in held.packets(held.path_of(replayed.host, alert), "vlan.id")}, {"10"})
        finally:
            replayed.network.close()
    print(f"# {len(seen)} files of rules {sorted({rule for rule, _ in seen})}, {sum(count for _, count in seen)} packets, "
          "no complaint of tshark", flush=True)
    if len({rule for rule, _ in seen}) < 4:
        raise stage.Failed("too few rules to prove anything")
    return None


def of_client(frame, inward, number):
    """The frame (IPv4, untagged) as of another client. Checksums don't count here."""
    at = replay.link_header(frame) + (12 if inward else 16)
    return frame[:at] + socket.inet_aton(f"10.9.{number >> 8}.{number & 255}") + frame[at + 4:]


class Place:
    """A network with a cable, and a directory that outlives daemons."""

    def __init__(self, network):
        self.network, self.wire, self.frames = network, cable.Cable(network, "nwa"), replay.frames(cable.ALTERED)
        self.directory = os.path.join(network.directory, "evidence-test")
        self.state = os.path.join(self.directory, "state")
        self.files = os.path.join(self.state, "evidence")
        os.makedirs(self.state)

    def daemon(self, **options):
        return daemon.Daemon(self.network, self.network.server, ["nwa"], directory=self.directory, syslog_rate=0,
                             **{"answer_timeout": 600, **options})

    def alter(self, client=None):
        """A connection that meets rule 101."""
        port = next(cable.PORTS)
        for frame, inward in self.frames:
            frame = of_client(frame, inward, client) if client is not None else frame
            self.wire.send(replay.on_port(frame, inward, port), inward)

    def names(self):
        """Of the files that are whole: a new one gets its name last."""
        return sorted(name for name in os.listdir(self.files) if name.endswith(".pcapng")) if os.path.isdir(self.files) else []

    def clients(self):
        """Whose the files are."""
        return sorted(name.rsplit("-", 1)[1] for name in self.names())

    def found(self):
        """[(bytes, mode)] of the files; nothing while they change."""
        with contextlib.suppress(FileNotFoundError):
            states = [os.stat(os.path.join(self.files, name)) for name in self.names()]
            return [(state.st_size, oct(state.st_mode & 0o777)) for state in states]
        return []

    def bounded(self, size, count):
        """What found() says, if these are so many files, and so many bytes in all."""
        found = self.found()
        return found if len(found) == count and sum(bytes_ for bytes_, _ in found) == size else None


@contextlib.contextmanager
def place():
    with cable.lab() as network:
        yield Place(network)


def written(host, count):
    net.wait_for(f"{count} alerts with evidence", lambda: len(host.alerts()) == count and not status(host)["absent"] and
                 status(host)["written"] >= count, 20, 0.02)


def bounds():
    """Count and bytes are kept, by client, over restarts and reloads; oldest first out; the CLI says what is gone."""
    with place() as here:
        host = here.daemon(evidence_files=20)
        here.alter(7)
        for _ in range(40):
            here.alter(1)
        written(host, 41)
        # Those that had to go are written, and go, once more when the client's FIN comes behind the alert.
        net.wait_for("one client's share", lambda: here.clients() == ["10.9.0.1.pcapng"] * 5 + ["10.9.0.7.pcapng"], 20, 0.02)
        wants("the newest stay", host.ask("evidence", "41", "--json").returncode, 0)
        gone = host.ask("evidence", "3")
        if gone.returncode != 1 or "had to make room" not in gone.stderr:
            raise stage.Failed(gone.stderr)
        wants("no such alert", host.ask("evidence", "99").returncode, 1)
        wants("exit status", host.close(), 0)
        host = here.daemon(evidence_files=20, evidence_kib=64)
        wants("after a restart", status(host)["files"], 6)
        for client in range(100, 160):
            here.alter(client)
        net.wait_for("60 more", lambda: len(host.alerts()) == 101 and status(host)["written"] >= 60, 20, 0.02)
        found = net.wait_for("the bound, and status to say the same bytes", lambda: here.bounded(status(host)["bytes"], 20), 20, 0.02)
        size = sum(bytes_ for bytes_, _ in found)
        if size > 64 << 10 or {mode for _, mode in found} != {"0o640"}:
            raise stage.Failed(f"{size} bytes, (bytes, mode) {found}")
        print(f"# 101 alerts: {len(here.names())} files, {size} bytes", flush=True)
        wants("exit status", host.close(), 0)
        names = here.names()
        host = here.daemon(evidence_files=0)
        here.alter(200)
        net.wait_for("one more", lambda: len(host.alerts()) == 102, 20, 0.02)
        wants("switched off", (host.alerts()[-1]["negwatch"].get("evidence"), status(host)["enabled"]), (None, False))
        wants("exit status", host.close(), 0)
        wants("files are left alone", here.names(), names)


def ill(here, host, heal, alerts):
    """With a directory that can't be written: said once and in status, alerts go on; resumes by itself."""
    for _ in range(alerts):
        here.alter()
    net.wait_for("the alerts", lambda: len(host.alerts()) == alerts, 20, 0.02)
    net.wait_for("the fault in status", lambda: status(host).get("error"), 20, 0.05)
    with open(host.output, encoding="utf-8") as text:
        wants("complaints", text.read().count("Evidence can't be written"), 1)
    if "FAILS" not in host.ask("status").stdout or host.ask("check").returncode == 0:
        raise stage.Failed(host.ask("status").stdout)
    wants("the journal", len(host.journal()), alerts)
    heal()
    net.wait_for("it to resume", lambda: "error" not in status(host) and status(host)["files"], RESUMES, 0.1)
    here.alter()
    net.wait_for("the next", lambda: host.ask("evidence", str(alerts + 1), "--json").returncode == 0, 20, 0.05)
    held.hold(host, host.alerts()[-1])
    cable.await_log(host, "can be written to")


def symlink():
    """Somebody put a symlink, then a file, in the directory's place: neither is followed nor removed."""
    with place() as here:
        elsewhere = os.path.join(here.directory, "elsewhere")
        os.mkdir(elsewhere)
        os.symlink(elsewhere, here.files)
        host = here.daemon()

        def heal():
            wants("behind the symlink", os.listdir(elsewhere), [])
            os.unlink(here.files)
        ill(here, host, heal, 20)
        wants("exit status", host.close(), 0)


def full_disk():
    """The disk has less left than belongs to the journal: no evidence is written, until there is room."""
    with place() as here:
        host = daemon.Daemon(here.network, here.network.server, ["nwa"], directory=here.directory, answer_timeout=600,
                             before=["unshare", "--mount", "--propagation", "private", "sh", "-c",
                                     f'mount -t tmpfs -o size=512k none {here.state} && exec "$@"', "sh"])
        inside = f"/proc/{host.process.pid}/root{here.state}"
        host.journal = lambda: open(os.path.join(inside, "alerts.jsonl"), encoding="utf-8").readlines()

        def heal():
            subprocess.run(["nsenter", "-t", str(host.process.pid), "-m", "mount", "-o", "remount,size=8m", here.state], check=True)
        for _ in range(5):
            here.alter()
        net.wait_for("the alerts", lambda: len(host.alerts()) == 5, 20, 0.02)
        net.wait_for("the fault in status", lambda: status(host).get("error") == "No space left on device", 20, 0.05)
        wants("the journal", len(host.journal()), 5)
        heal()
        net.wait_for("it to resume", lambda: "error" not in status(host) and status(host)["files"] == 5, RESUMES, 0.1)
        wants("exit status", host.close(), 0)


def readers():
    """`negwatch evidence` as root, as a member of the group, as nobody; -o and its own name; nothing is overwritten."""
    with control.place() as here:
        here.wire.altered(here.daemon)
        host = here.daemon
        net.wait_for("evidence", lambda: host.ask("evidence", "1", "--json").returncode == 0, 20, 0.02)
        path = held.path_of(host, host.alerts()[0])
        for directory in (host.directory, os.path.join(host.directory, "state")):
            os.chmod(directory, 0o755)
        os.chmod(here.network.directory, 0o755)

        def ask(*argv):
            done = subprocess.run([daemon.CLI, "--socket", host.socket, "evidence", "1", *argv], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=20, check=False)
            return [done.returncode, done.stdout[:4].hex(), done.stderr.decode()]

        for who, uid, groups, wanted in (("root", 0, [], 0), ("group", 65534, [control.GROUP], 0), ("nobody", 65534, [], 3)):
            found = control.as_user(uid, groups, lambda: ask("-o", "-"))
            if found[0] != wanted or (found[1] != "0a0d0d0a") == (wanted == 0):
                raise stage.Failed(f"{who}: {found}")
        os.chmod(host.socket, 0o666)  # nobody may ask now, but not read
        found = control.as_user(65534, [], lambda: ask("-o", "-"))
        if found[0] != 1 or "member of the daemon's group" not in found[2]:
            raise stage.Failed(f"nobody at the file: {found}")
        with tempfile.TemporaryDirectory() as directory:
            for status_, said in ((0, os.path.basename(path)), (1, "")):
                done = subprocess.run([daemon.CLI, "--socket", host.socket, "evidence", "1"], cwd=directory, timeout=20, text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
                wants("its own name", (done.returncode, done.stdout.strip()), (status_, said))
            copy = os.path.join(directory, "copy.pcapng")

            def copied():
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(copy)
                wants("-o", ask("-o", copy)[0], 0)
                with open(copy, "rb") as one, open(path, "rb") as other:
                    return one.read() == other.read()
            net.wait_for("the copy to be the same", copied, 20, 0.02)  # the file is replaced once more, behind the end


TESTS = {"opens-in-tshark": opens_in_tshark, "bounds": bounds, "symlink": symlink, "full-disk": full_disk, "readers": readers}
