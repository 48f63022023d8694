# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Two monitored hosts, each with its negwatchd and a real rsyslogd as scripts/contrib has it, and a third rsyslogd that
gathers both journals: `negwatch locate` on that one file has to name the leg on which the tamper box sits.
"""
import collections
import contextlib
import glob
import json
import os
import signal
import subprocess

import cable
import replay
import stage
from lab import box, daemon, net, samba

CONTRIB = os.path.join(daemon.ROOT, "scripts", "contrib")
PORT = 10514
ROTATED, PER_FILE, PER_CLOSED = 400, 20, 64 << 10  # an alert has 4 KiB: each batch closes a file


class Rsyslog:
    """An rsyslogd in a namespace, with a recipe of scripts/contrib in which `changes` are made."""

    def __init__(self, network, namespace, recipe, changes):
        self.work = os.path.join(network.directory, f"rsyslog-{namespace.name}")
        os.makedirs(self.work)
        with open(os.path.join(CONTRIB, recipe), encoding="ascii") as text:
            config = text.read()
        for old, new in changes.items():
            if config.count(old) != 1:
                raise stage.Failed(f"{recipe} has {config.count(old)} times {old!r}, wanted 1")
            config = config.replace(old, new)
        for name, text in (("rsyslog.conf", f'global(workDirectory="{self.work}")\n{config}'), ("group", "root:x:0:\n"),
                           ("passwd", "root:x:0:0::/:/bin/sh\n"), ("nsswitch.conf", "passwd: files\nhosts: files\n")):
            with open(os.path.join(self.work, name), "w", encoding="ascii") as out:
                out.write(text)
        self.output = os.path.join(self.work, "output")
        self.argv = samba.inside(namespace, self.work, ["rsyslogd", "-n", "-f", f"{self.work}/rsyslog.conf", "-i", f"{self.work}/pid"])
        self.start()
        network.on_close(lambda: net.stop(self.process))

    def start(self):
        with open(self.output, "ab") as out:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)

    def await_listening(self):
        """Waits until it has its port; looked up, not connected to, so that it gets no connection but its clients'."""
        def listening():
            with open(f"/proc/{self.process.pid}/net/tcp", encoding="ascii") as sockets:
                return any(line.split()[1].endswith(f":{PORT:04X}") and line.split()[3] == "0A" for line in sockets)
        try:
            net.wait_for(f"rsyslogd to listen on port {PORT}", listening, 40, 0.02)
        except net.LabError as problem:
            raise stage.Failed(f"{problem}; {self.said()}") from None
        return self

    def said(self):
        with open(self.output, encoding="utf-8", errors="replace") as text:
            return f"rsyslogd ({self.process.poll()}): {text.read()[-1500:]}"


def locate(path):
    """(exit status, connections, summary)"""
    done = subprocess.run([daemon.CLI, "locate", "--json", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=30, check=False)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return done.returncode, lines[:-1], lines[-1] if lines else {"said": done.stderr}


def told(connection):
    return [(change["message"], change.get("field"), change["leg"]) for change in connection["changes"]]


def rsyslog():
    """An edited request, an edited response and a good one, over the central file of two hosts."""
    with net.Network() as network:
        tamper, server = box.Box(network), samba.Server(network)
        central = os.path.join(network.directory, "rsyslog-box", "fleet.jsonl")
        logs = [Rsyslog(network, network.box, "rsyslog-central.conf", {'"/var/log/negwatch-fleet.jsonl"': f'"{central}"'}).await_listening()]
        hosts = {}
        for name, namespace, dev, target in (("ws11", network.client, network.client_dev, "10.77.1.1"),
                                             ("fs01", network.server, network.server_dev, "10.77.2.1")):
            host = hosts[name] = daemon.Daemon(network, namespace, [dev], hostname=name, record="exchanges")
            journal = os.path.join(host.directory, "state", "alerts.jsonl")
            logs.append(Rsyslog(network, namespace, "rsyslog-host.conf", {
                '"/var/lib/negwatch/alerts.jsonl"': f'"{journal}"', '"logs.example.org"': f'"{target}"'}))
        wanted = []
        for edit, message, field in (("req_guid", "negotiate-request", "guid"),
                                     ("resp_caps", "negotiate-response", "capabilities"), ("pass", None, None)):
            tamper.edit(edit)
            samba.Client(server).finish()
            wanted.append([(message, field, ["ws11", "fs01"])] if message else [])
        answer = (None, [], {})

        def complete():
            nonlocal answer
            answer = locate(central) if os.path.exists(central) else answer
            # rsyslogd writes a long line in parts.
            return [told(connection) for connection in answer[1]] == wanted and not answer[2]["broken_lines"]
        try:
            net.wait_for(f"{wanted} from both hosts in the central file", complete, 60, 0.1)
        except net.LabError as problem:
            journals = "\n".join(f"{name}: {[entry['event_type'] for entry in host.journal()]}"
                                 for name, host in hosts.items())
            raise stage.Failed("\n".join([f"{problem}; {answer}", journals] + [log.said() for log in logs])) from None
        status, connections, summary = answer
        if status != 1 or {connection["order"] for connection in connections} != {"vantage"}:
            raise stage.Failed(f"status {status}, {json.dumps(connections)} {summary}")
        for name, host in hosts.items():
            def agree(host=host):
                kinds = [entry["event_type"] for entry in host.journal()]
                return kinds.count("exchange") == 1 and len(host.alerts()) == kinds.count("alert")
            # More alerts may come at any time, as of what nobody answers.
            net.wait_for(f"{name}: one exchange in the journal, and `alerts` to show all its alerts", agree, 20, 0.1)
            host.log.settle()
            if any("exchange" in text for _, text in host.log.lines):
                raise stage.Failed(f"{name}: a good exchange is in syslog")


def ids_in(path):
    """The numbers of the alerts in a file of JSON lines, as often as they are there."""
    if not os.path.exists(path):
        return collections.Counter()
    with open(path, encoding="utf-8") as lines:
        return collections.Counter(json.loads(line)["negwatch"]["alert_id"] for line in lines if line.endswith("\n"))


def rotation():
    """rsyslogd follows a journal whose files are closed and compressed all the time, rests while one is closed, and is
    started again between two: each alert arrives, once."""
    with cable.lab() as network:
        central = os.path.join(network.directory, "rsyslog-box", "fleet.jsonl")
        Rsyslog(network, network.box, "rsyslog-central.conf", {'"/var/log/negwatch-fleet.jsonl"': f'"{central}"'}).await_listening()
        wire, frames, made = cable.Cable(network, "nwa"), replay.frames(cable.ALTERED), 0
        host = daemon.Daemon(network, network.server, ["nwa"], hostname="fs01", journal_file_kib=PER_CLOSED >> 10, syslog_rate=0)
        state = os.path.join(host.directory, "state")
        follower = Rsyslog(network, network.server, "rsyslog-host.conf", {
            '"/var/lib/negwatch/alerts.jsonl"': f'"{state}/alerts.jsonl"', '"logs.example.org"': '"10.77.2.1"'})

        def alter(count):
            nonlocal made
            made += count
            for _ in range(count):
                port = next(cable.PORTS)
                for frame, inward in frames:
                    wire.send(replay.on_port(frame, inward, port), inward)
            net.wait_for(f"{made} alerts", lambda: host.objects("status")["alerts"]["total"] == made, 20, 0.02)
            net.wait_for("a full file to be closed", lambda: filled() < PER_CLOSED, 20, 0.02)

        def filled():
            with contextlib.suppress(FileNotFoundError):  # between two
                return os.path.getsize(os.path.join(state, "alerts.jsonl"))
            return 0

        def begin_file():
            """Alerts until the current file has only begun: what comes then closes one file when it is a batch, and none
            when it is an alert or two."""
            for _ in range(PER_FILE):
                if filled() < PER_CLOSED // 4:
                    return
                alter(1)
                await_all()
            raise stage.Failed(f"no file was closed by {PER_FILE} alerts; the current one has {filled()} bytes")

        def await_all():
            try:
                net.wait_for("all alerts in the central file", lambda: len(ids_in(central)) >= made, 40, 0.05)
            except net.LabError as problem:
                missing = sorted(set(range(1, made + 1)) - set(ids_in(central)))
                raise stage.Failed(f"{problem}; missing {missing[:20]} of {made}; {follower.said()}") from None

        def closed():  # one that is packed has two names for a moment
            return len({os.path.basename(name).split(".")[0] for name in glob.glob(os.path.join(state, "alerts-*"))})
        alter(1)
        await_all()  # it is there, and follows
        for _ in range(ROTATED // PER_FILE):
            alter(PER_FILE)
            await_all()
        begin_file()
        followed = closed()
        with open(f"/proc/{follower.process.pid}/comm", encoding="ascii") as name:
            if name.read() != "rsyslogd\n":
                raise stage.Failed("the process to be stopped is not rsyslogd itself")
        follower.process.send_signal(signal.SIGSTOP)
        alter(PER_FILE)
        net.wait_for("a closed file", lambda: closed() > followed, 20, 0.02)
        follower.process.send_signal(signal.SIGCONT)
        await_all()
        begin_file()
        net.stop(follower.process)
        alter(2)
        follower.start()
        await_all()
        alter(PER_FILE)
        await_all()
        twice = [which for which, times in ids_in(central).items() if times > 1]
        if twice or followed < ROTATED // PER_FILE // 2:
            raise stage.Failed(f"{followed} files were closed; arrived more than once: {twice[:20]}")
        print(f"# {made} alerts in {closed()} closed files and one more, each once in the central file", flush=True)


TESTS = {"rsyslog": rsyslog, "rotation": rotation}
