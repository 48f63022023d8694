# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of `negwatch doctor`: what it says about a host, and that it attaches nothing while it looks."""
import contextlib
import json
import os
import re
import shutil
import socket
import subprocess

import stage
from lab import daemon, logsocket, net

FOREIGN = os.path.join(daemon.ROOT, "build", "empty.bpf.o")
NOBODY = "65534"
NEEDED = ("bpf", "net_admin", "perfmon")
SECONDS = 240  # --cost alone transfers for 6.5 s, and loads programs twice


class Patient:
    """A namespace with one veth pair, and a configuration whose directories and syslog socket are the test's own."""

    def __init__(self, **options):
        net.remove_leftovers()
        self.directory = net.private_dir()
        self.namespace = self.log = None
        try:
            self.namespace = net.Namespace("doctor")
            tag = "nwdoc" + self.directory[-3:].lower()
            self.dev, self.peer = tag + "a", tag + "b"
            self.namespace.ip("link set lo up", f"link add {self.dev} type veth peer name {self.peer}",
                              f"link set {self.dev} up", f"link set {self.peer} up",
                              f"addr add 10.78.1.1/24 dev {self.dev}")
            self.log = logsocket.LogSocket(os.path.join(self.directory, "log"))
            self.config = os.path.join(self.directory, "conf")
            settings = {"run_dir": self.directory, "state_dir": self.directory, "syslog_socket": self.log.path,
                        **options}
            with open(self.config, "w", encoding="ascii") as text:
                text.writelines(f"{key} = {value}\n" for key, value in settings.items())
        except BaseException:
            self.close()
            raise

    def doctor(self, *argv, before=()):
        argv = [*before, daemon.CLI, "doctor", "--config", self.config, *argv]
        try:
            return subprocess.run(self.namespace.command(argv), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  timeout=SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise stage.Failed(f"{' '.join(argv)}: no end after {SECONDS} s") from None

    def checks(self, *argv, before=()):
        """({(interface or "", check): object}, exit status)."""
        done = self.doctor("--json", *argv, before=before)
        try:
            found = json.loads(done.stdout)
        except ValueError:
            raise stage.Failed(f"status {done.returncode}: {done.stdout[:500]!r} {done.stderr!r}") from None
        if found["version"] != 1:
            raise stage.Failed(f"version {found['version']}")
        return {(row.get("interface", ""), row["check"]): row for row in found["checks"]}, done.returncode

    def attached(self):
        """All that hooks, qdiscs and filters of the namespace look like; counters left out, and the carrier, which the
        kernel may notice a second after the other end of a veth pair is up."""
        run = self.namespace.run
        links = re.sub(r"NO-CARRIER,| state \S+", "", run("ip", "-details", "link", "show"))
        return [links, run("bpftool", "net", "show"), run("tc", "qdisc", "show"),
                *(run("tc", "filter", "show", "dev", dev, side) for dev in (self.dev, self.peer)
                  for side in ("ingress", "egress"))]

    def close(self):
        if self.log:
            self.log.close()
        if self.namespace:
            self.namespace.close()
        shutil.rmtree(self.directory, ignore_errors=True)


@contextlib.contextmanager
def patient(**options):
    """A patient on whom nothing may have changed at the end."""
    here = Patient(**options)
    try:
        yield here
    finally:
        here.close()


@contextlib.contextmanager
def untouched(here):
    before = here.attached()
    yield
    for was, now in zip(before, here.attached()):
        if was != now:
            raise stage.Failed(f"doctor changed what is attached; before:\n{was}\nafter:\n{now}")
    try:
        net.wait_for("the doctor's own programs to go", lambda: "nw_doctor" not in programs(), 20, 0.05)
    except net.LabError as problem:
        raise stage.Failed(str(problem)) from None


def programs():
    return subprocess.run(["bpftool", "prog", "show"], stdout=subprocess.PIPE, text=True, check=False).stdout


def wants(checks, where, name, state, *texts):
    """The check has that state, and says all of these texts in what it says or advises."""
    row = checks.get((where, name))
    if not row:
        raise stage.Failed(f"there is no check {name} of {where or 'the host'}: {sorted(checks)}")
    said = f"{row['text']} - {row['advice']}"
    missing = [text for text in texts if text not in said]
    if row["state"] != state or missing:
        raise stage.Failed(f"{where} {name}: {row['state']} - {said}; wanted {state}, with {missing or texts}")


def veth():
    """On a veth: tc, and why; exit 0; no line is wider than 80 columns; the same without naming the interface."""
    with patient() as here, untouched(here):
        checks, status = here.checks(here.dev)
        bad = {key: row for key, row in checks.items() if row["state"] == "fail"}
        if status != 0 or bad:
            raise stage.Failed(f"status {status}, failed: {bad}")
        wants(checks, here.dev, "device", "ok", "veth", "MTU 1500")
        wants(checks, here.dev, "ingress", "ok", "auto takes tc by", "veth: native XDP costs more")
        wants(checks, here.dev, "egress", "ok", "auto takes tc by")
        wants(checks, here.dev, "xdp", "ok", "nobody holds it")
        wants(checks, "", "programs", "ok", "the verifier took them")
        wants(checks, "", "features", "ok", "xdp.frags")
        wants(checks, "", "config", "ok", "read")
        wants(checks, "", "syslog", "ok", "takes messages")
        if here.checks()[0].keys() != checks.keys():
            raise stage.Failed("without a name it judges other interfaces than the one with an address")
        text = here.doctor(here.dev).stdout.splitlines()
        if any(len(line) > 80 for line in text):
            raise stage.Failed("wider than 80 columns: " + max(text, key=len))
        if f"ok    {here.dev} ingress - auto takes tc" not in "\n".join(text):
            raise stage.Failed("the text lacks the line about ingress:\n" + "\n".join(text))


def holder():
    """A foreign XDP program and a foreign clsact filter: named with id, counted, and still there afterwards."""
    with patient() as here:
        here.namespace.ip(f"link set dev {here.dev} xdp object {FOREIGN} section xdp.frags")
        here.namespace.run("tc", "qdisc", "add", "dev", here.dev, "clsact")
        here.namespace.run("tc", "filter", "add", "dev", here.dev, "ingress", "bpf", "object-file", FOREIGN,
                           "section", "tc")
        link = json.loads(here.namespace.run("ip", "-json", "link", "show", "dev", here.dev))[0]
        number = link["xdp"]["prog"]["id"]
        with untouched(here):
            checks, status = here.checks(here.dev)
            wants(checks, here.dev, "xdp", "ok", 'program "empty_xdp"', f"id {number}", "left alone")
            wants(checks, here.dev, "tc", "ok", "clsact", "1 filter of others")
            if status != 0:
                raise stage.Failed(f"status {status}")
            with open(here.config, "a", encoding="ascii") as config:
                config.write("ingress = xdp\n")
            checks, status = here.checks(here.dev)
            wants(checks, here.dev, "xdp", "fail", 'program "empty_xdp"', f"id {number}", "ingress = auto")
            if status != 1:
                raise stage.Failed(f"status {status} with XDP insisted on and held by another, wanted 1")


def privileges():
    """As nobody: fine with exactly the three capabilities; each one that is missing is named."""
    with patient() as here, untouched(here):
        os.chmod(here.directory, 0o777)
        for missing in (None, *NEEDED):
            caps = ",".join(f"+{name}" for name in NEEDED if name != missing)
            before = ["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--inh-caps", f"-all,{caps}",
                      "--ambient-caps", f"-all,{caps}"]
            checks, status = here.checks(here.dev, before=before)
            if not missing:
                wants(checks, "", "privileges", "ok")
                wants(checks, "", "programs", "ok")
                if status != 0:
                    raise stage.Failed(f"status {status} with the three capabilities: {checks}")
                continue
            wants(checks, "", "privileges", "fail", f"missing: CAP_{missing.upper()};")
            wants(checks, "", "programs", "fail", f"CAP_{missing.upper()} is missing")
            if status != 1:
                raise stage.Failed(f"status {status} without CAP_{missing.upper()}, wanted 1")


def running():
    """A negwatchd that runs and watches is told with its pid; its hooks stay as they are."""
    with patient() as here:
        argv = [daemon.DAEMON, "--foreground", "--config", here.config, "--interface", here.dev]
        process = here.namespace.spawn(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            ask = [daemon.CLI, "--socket", os.path.join(here.directory, "control.sock"), "status"]
            net.wait_for("negwatchd to answer", lambda: subprocess.run(
                here.namespace.command(ask), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                check=False).returncode == 0, 40)
            with untouched(here):
                checks, status = here.checks(here.dev)
            wants(checks, "", "daemon", "ok", f"pid {process.pid}")
            wants(checks, here.dev, "ingress", "ok", "watched by the negwatchd that runs")
            if status != 0:
                raise stage.Failed(f"status {status} beside a negwatchd that runs")
        finally:
            net.stop(process)


def deaf_syslog():
    """A syslog socket whose queue is full because nobody reads."""
    with patient() as here, untouched(here):
        path = os.path.join(here.directory, "deaf")
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as deaf, \
                contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sender:
            deaf.bind(path)
            sender.setblocking(False)
            sender.connect(path)
            with contextlib.suppress(BlockingIOError):
                while True:
                    sender.send(b"x")
            with open(here.config, "a", encoding="ascii") as config:
                config.write(f"syslog_socket = {path}\n")
            wants(here.checks(here.dev)[0], "", "syslog", "warn", "doesn't read")


def ingress_qdisc():
    """Somebody's ingress qdisc where clsact is wanted: doctor says that it fails, and the daemon does fail."""
    with patient(egress="clsact") as here:
        here.namespace.run("tc", "qdisc", "add", "dev", here.dev, "ingress")
        with untouched(here):
            checks, status = here.checks(here.dev)
            wants(checks, here.dev, "tc", "fail", '"ingress" qdisc', "clsact")
            if status != 1:
                raise stage.Failed(f"status {status}, wanted 1")
            argv = ["timeout", "60", daemon.DAEMON, "--foreground", "--config", here.config, "--interface", here.dev]
            done = subprocess.run(here.namespace.command(argv), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False)
            if done.returncode != 69 or "in the place of clsact" not in done.stdout:
                raise stage.Failed(f"negwatchd had to refuse; status {done.returncode}: {done.stdout}")


def complaints():
    """What is wrong fails with what to do: no such interface, a syslog nobody reads, a directory that is not there."""
    options = {"syslog_socket": "/nonexistent/log", "state_dir": "/nonexistent/a/b"}
    with patient(**options) as here, untouched(here):
        checks, status = here.checks("nw-nosuch0")
        wants(checks, "nw-nosuch0", "device", "fail", "no interface", "ip link")
        wants(checks, "", "syslog", "warn", "/nonexistent/log", "rsyslog")
        wants(checks, "", "state-dir", "fail", "/nonexistent/a/b", "can't be made")
        if status != 1:
            raise stage.Failed(f"status {status}, wanted 1")
        if here.doctor("a-name-that-is-too-long").returncode != 2:
            raise stage.Failed("a name that can't be an interface's is not refused with status 2")


def cost():
    """--cost: figures for every packet and every way, in namespaces of its own; with a name, nothing is attached."""
    with patient() as here, untouched(here):
        done = here.doctor("--cost", "--json")
        if done.returncode != 0:
            raise stage.Failed(f"status {done.returncode}: {done.stderr}")
        found = json.loads(done.stdout)["cost"]
        packets = {(row["hook"], row["packet"]): row["ours_ns"] - row["empty_ns"] for row in found["packets"]}
        if len(packets) != 6 or any(over < -10 for over in packets.values()):
            raise stage.Failed(f"figures per packet: {packets}")
        setups = {row["setup"]: row for row in found["transfer"]}
        if len(setups) != 5 or any(row["cpu_s_per_gb"] <= 0 or row["gb_per_s"] <= 0 for row in setups.values()):
            raise stage.Failed(f"figures of the transfer: {setups}")
        done = here.doctor("--cost", here.dev)
        if done.returncode != 0 or "Nothing was attached to it" not in done.stdout or "GB" in done.stdout:
            raise stage.Failed(f"with an interface: status {done.returncode}\n{done.stdout}")
        if max(len(line) for line in done.stdout.splitlines()) > 80:
            raise stage.Failed("wider than 80 columns:\n" + done.stdout)
        if here.doctor("--cost", "nw-nosuch0").returncode != 1:
            raise stage.Failed("an interface that isn't there is not refused with status 1")


TESTS = {"veth": veth, "holder": holder, "privileges": privileges, "running": running, "deaf-syslog": deaf_syslog,
         "ingress-qdisc": ingress_qdisc, "complaints": complaints,
         "cost": cost}
