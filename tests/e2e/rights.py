# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of what the daemon needs: exactly three capabilities and no other right, and no BTF of the kernel."""
import os
import re
import shutil
import signal
import subprocess

import cable
import doctor
import stage
from lab import daemon, net

NO_BTF = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"]


def nobody(missing=None):
    caps = ",".join(f"+{name}" for name in doctor.NEEDED if name != missing)
    return ["setpriv", "--reuid", doctor.NOBODY, "--regid", doctor.NOBODY, "--clear-groups", "--inh-caps", f"-all,{caps}",
            "--ambient-caps", f"-all,{caps}", "--bounding-set", f"-all,{caps}", "--no-new-privs", "--pdeathsig", "KILL"]


def start(network, before, **options):
    """A daemon that owns its directories, whoever it is."""
    directory = os.path.join(network.directory, f"rights-{len(os.listdir(network.directory))}")
    os.mkdir(directory)
    os.makedirs(os.path.join(directory, "state"))
    for path in (directory, os.path.join(directory, "state")):
        os.chmod(path, 0o777)
    return daemon.Daemon(network, network.server, ["nwa"], before=before, directory=directory, answer_timeout=600, **options)


def works(before, **options):
    """Starts, tells a reload from a crash, finds an alteration, ends cleanly and leaves nothing."""
    with cable.lab() as network:
        wire = cable.Cable(network, "nwa")
        host = start(network, before, **options)
        wire.altered(host)
        if host.close() != 0 or cable.attached(network.server, "nwa"):
            raise stage.Failed(f"status {host.process.returncode}, left {cable.attached(network.server, 'nwa')}: "
                               f"{host.said()}")


def as_nobody():
    for options in ({}, {"ingress": "xdp"}, {"ingress": "clsact", "egress": "clsact"}):
        works(nobody(), **options)


def one_missing():
    """Each capability that is missing is named, with status 77."""
    with cable.lab() as network:
        cable.Cable(network, "nwa")
        for missing in doctor.NEEDED:
            try:
                start(network, nobody(missing))
            except net.LabError as refused:
                if f"CAP_{missing.upper()} is missing" not in str(refused) or "status 77" not in str(refused):
                    raise
            else:
                raise stage.Failed(f"it started without CAP_{missing.upper()}")


def without_btf():
    """With /sys/kernel/btf hidden, as root and as nobody."""
    works(NO_BTF)
    works([*NO_BTF, *nobody()])


def dropped():
    """When it runs it has CAP_NET_ADMIN alone, in every set, and status says so; root keeps the right to write, too."""
    for before, wanted in ((nobody(), ["net_admin"]), ((), ["dac_override", "net_admin"])):
        with cable.lab() as network:
            wire = cable.Cable(network, "nwa")
            host = start(network, before)
            rights = host.objects("status")["privileges"]
            if rights["capabilities"] != wanted or rights["uid"] != (int(doctor.NOBODY) if before else 0):
                raise stage.Failed(f"status says {rights}, wanted {wanted}")
            with open(f"/proc/{host.process.pid}/status", encoding="ascii") as lines:
                sets = dict(line.split(":\t") for line in lines.read().splitlines() if line.startswith(("Cap", "NoNew")))
            numbers = sum(1 << {"net_admin": 12, "dac_override": 1}[name] for name in wanted)
            if {int(sets[name], 16) for name in ("CapPrm", "CapEff")} != {numbers} or int(sets["CapAmb"], 16) or \
                    int(sets["CapInh"], 16) or sets["NoNewPrivs"] != "1":
                raise stage.Failed(sets)
            os.kill(host.process.pid, signal.SIGHUP)
            wire.altered(host)


UNIT = os.path.join(daemon.ROOT, "scripts", "negwatchd.service")


def allowed():
    """The system calls of the unit's SystemCallFilter lines, in their order."""
    calls = set()
    with open(UNIT, encoding="ascii") as unit:
        for line in unit:
            key, _, value = line.strip().partition("=")
            if key != "SystemCallFilter":
                continue
            names = value.lstrip("~").split()
            for name in [*names]:
                names += expanded(name) if name.startswith("@") else []
            calls = calls - set(names) if value.startswith("~") else calls | set(names)
    return calls


def expanded(group):
    """All calls of one of systemd's groups, and of the groups in it."""
    text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", group], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    names = [line.split()[0] for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return [call for name in names for call in (expanded(name) if name.startswith("@") else [name])]


def system_calls():
    """What a traced daemon asks of the kernel from start to end is what the unit lets it ask."""
    if not shutil.which("strace") or not shutil.which("systemd-analyze"):
        return stage.Skip("strace or systemd-analyze is not installed")
    with cable.lab() as network:
        wire = cable.Cable(network, "nwa")
        trace = os.path.join(network.directory, "trace")
        host = daemon.Daemon(network, network.server, ["nwa"], before=["strace", "-f", "-o", trace], wait=False,
                             answer_timeout=600, metrics_file=os.path.join(network.directory, "metrics.prom"))
        host.await_answer()
        wire.altered(host)
        for verb in ("flows", "alerts", "peers", "stats", "metrics", "reload", "test-alert"):
            host.ask(verb)
        tracee = int(open(f"/proc/{host.process.pid}/task/{host.process.pid}/children", encoding="ascii").read().split()[0])
        os.kill(tracee, signal.SIGTERM)
        net.wait_for("the traced daemon to end", lambda: host.process.poll() is not None, 60, 0.02)
        host.close()
        with open(trace, encoding="ascii", errors="replace") as lines:
            called = {match.group(1) for match in (re.match(r"\d+ +(\w+)\(", line) for line in lines) if match}
    # Before the filter: systemd's own exec of it.
    refused = called - allowed() - {"execve"}
    print(f"# {len(called)} system calls in a run, {len(refused)} of them not in the unit's filter", flush=True)
    if refused or "bpf" not in called or "capset" not in called:
        raise stage.Failed(f"not allowed by {UNIT}: {sorted(refused)}")
    return None


TESTS = {"nobody": as_nobody, "one-missing": one_missing, "without-btf": without_btf, "dropped": dropped,
         "system-calls": system_calls}
