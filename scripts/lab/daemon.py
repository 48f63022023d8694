# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs negwatchd in a namespace of the lab and asks it questions with negwatch."""
import json
import os
import subprocess
import tempfile

from lab import logsocket, net, schema

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DAEMON = os.path.join(ROOT, "build", "negwatchd")
CLI = os.path.join(ROOT, "build", "negwatch")
UNDER = []  # what the daemon is run by
ends = []   # exit statuses of those that were ended, not killed


def fits(kind, value):
    """Holds what negwatch wrote against its schema."""
    complaints = schema.complaints(kind, value)
    if complaints:
        raise net.LabError("\n".join(complaints[:5]))


class Daemon:
    """A negwatchd on interfaces of one namespace; it is attached and answers when the constructor returns.

    `before` is put in front of its command line, `directory` is that of an earlier one (or a new one), `config` a
    configuration file; with `wait` False it is only started: await_answer() is the caller's.
    """

    def __init__(self, network, namespace, interfaces, before=(), directory=None, config=None, wait=True,
                 hostname=None, **options):
        self.name = namespace.name
        self.directory = directory or tempfile.mkdtemp(prefix=f"daemon-{namespace.name}-", dir=network.directory)
        self.socket = os.path.join(self.directory, "control.sock")
        self.log = logsocket.LogSocket(os.path.join(self.directory, "log"))
        settings = {"run_dir": self.directory, "state_dir": os.path.join(self.directory, "state"),
                    "syslog_socket": self.log.path, "fold_window": 0,  # most tests repeat themselves
                    **options}
        os.makedirs(settings["state_dir"], exist_ok=True)
        if before:  # it may be another user's
            for path in (self.directory, settings["state_dir"]):
                os.chmod(path, 0o777)
        self.output = os.path.join(self.directory, "output")
        argv = [*before, *UNDER, DAEMON, "--foreground"]
        if config:
            argv += ["--config", config]
        for interface in interfaces:
            argv += ["--interface", interface]
        for key, value in settings.items():
            argv += ["--option", f"{key}={value}"]
        if hostname:
            argv = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', hostname, *argv]
        with open(self.output, "wb") as output:
            self.process = namespace.spawn(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.closed = False
        network.on_close(self.close)
        if wait:
            self.await_answer()

    def await_answer(self):
        try:
            net.wait_for(f"negwatchd in namespace {self.name} to answer", self.answers, 40, 0.02)
        except net.LabError as problem:
            raise net.LabError(f"{problem}\nnegwatchd said:\n{self.said()}") from None

    def answers(self):
        if self.process.poll() is not None:
            raise net.LabError(f"negwatchd ended with status {self.process.returncode}")
        return os.path.exists(self.socket) and self.ask("status").returncode == 0

    def ask(self, *argv):
        """Runs `negwatch ARGV` against this daemon; returns the finished process."""
        try:
            return subprocess.run([CLI, "--socket", self.socket, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=60 * net.SLOWER, check=False)
        except subprocess.TimeoutExpired:
            raise net.LabError(f"negwatch {' '.join(argv)}: no end after 60 s") from None

    def objects(self, command, *argv):
        """The list that `negwatch COMMAND --json` prints under the command's own name."""
        done = self.ask(command, *argv, "--json")
        try:
            answer = json.loads(done.stdout)
            fits(f"printed_{command}", answer)
            return answer[command]
        except (ValueError, KeyError, TypeError):
            raise net.LabError(f"negwatch {command} --json: status {done.returncode}, {done.stdout[:500]!r} "
                               f"{done.stderr.strip()}") from None

    def alerts(self, client=None):
        """Alerts, oldest first; of one client address if one is given."""
        return self.objects("alerts", *(["--client", client] if client else []))

    def flows(self, client):
        return self.objects("flows", "--client", client)

    def journal(self):
        """The lines of the alert journal, parsed; without one that is just being written."""
        path = os.path.join(self.directory, "state", "alerts.jsonl")
        with open(path, encoding="utf-8", errors="replace") as lines:
            entries = [json.loads(line) for line in lines if line.endswith("\n")]
        for entry in entries:
            fits(entry["event_type"], entry)
        return entries

    def recorded(self, clients):
        """How many alerts of these clients the journal has."""
        return sum(entry.get("src_ip") in clients for entry in self.journal())

    def said(self):
        with open(self.output, encoding="utf-8", errors="replace") as text:
            return text.read()[-4000:]

    def interfaces(self):
        """What `negwatch status` says of each interface, by name."""
        return {row["name"]: row for row in self.objects("status")["interfaces"]}

    def kill(self):
        """SIGKILL, and all that is the test's own of it."""
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        """Ends it with SIGTERM; returns its exit status."""
        if not self.closed:
            self.closed = True
            running = self.process.poll() is None
            net.stop(self.process)
            if running:
                ends.append(self.process.returncode)
            self.log.close()
        return self.process.returncode
