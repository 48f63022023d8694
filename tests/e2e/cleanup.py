# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests that nothing stays behind: after a clean end, after a killed daemon, and after a killed run."""
import glob
import hashlib
import os
import signal
import subprocess
import sys
import traceback

import cable
import cases
import stage
from lab import bpf, daemon, net, samba

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run")
ONE = next(case for case in cases.CASES if case.name == "request-guid")
LINES = 30  # of output until a run has its first result


def output(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout


def host_state():
    """What the lab could have changed on the host; of what others change too, only what looks like the lab's."""
    passwd = b"".join(open(path, "rb").read() for path in ("/etc/passwd", "/etc/group", "/etc/shadow"))
    return {
        "named namespaces": [name for name in output("ip", "netns", "list").split() if "nwlab" in name],
        "interfaces": [name for name in os.listdir("/sys/class/net") if name.startswith("nwlab")],
        "clsact qdiscs": [line for line in output("tc", "qdisc", "show").splitlines() if "clsact" in line],
        "mounts": [line for line in open("/proc/self/mounts", encoding="utf-8") if "nwlab" in line],
        "users": hashlib.sha256(passwd).hexdigest(),
        "/etc/samba": sorted(glob.glob("/etc/samba/*")),
        "/var/lib/samba": sorted(glob.glob("/var/lib/samba/*")),
    }


def programs(pids):
    """Ids of the BPF programs that these processes hold."""
    return {number for pid in pids for kind, number in bpf.held(pid) if kind == "prog"}


def loaded(numbers):
    """Those of the programs that are still in the kernel."""
    return sorted(number for number in numbers if bpf.exists("prog", number))


def processes(text):
    """Processes whose command line names `text`, without this one."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as line:
                if text.encode() in line.read() and path.split("/")[2] != str(os.getpid()):
                    found.append(path.split("/")[2])
        except OSError:
            continue
    return found


def namespace_of(pid):
    """The inode of a process' network namespace; None when it is gone."""
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return None


def namespace_users(inodes):
    return [pid for pid in (path.split("/")[2] for path in glob.glob("/proc/[0-9]*")) if namespace_of(pid) in inodes]


def gone(what, check, seconds=20):
    """Waits until check() finds nothing more; raises with what it still finds."""
    try:
        net.wait_for(what, lambda: not check(), seconds, 0.05)
    except net.LabError:
        raise stage.Failed(f"{what} still there: {check()}") from None


def attached(network):
    """BPF programs and clsact qdiscs on the lab's interfaces, as text; empty when there are none."""
    found = []
    for namespace, dev in ((network.server, network.server_dev), (network.client, network.client_dev)):
        link = namespace.run("ip", "-details", "link", "show", "dev", dev)
        found += [f"{dev}: {line.strip()}" for line in link.splitlines() if "xdp" in line]
        qdiscs = namespace.run("tc", "qdisc", "show", "dev", dev)
        found += [f"{dev}: {line.strip()}" for line in qdiscs.splitlines() if "clsact" in line]
        found += [f"{dev}: {line}" for line in cable.attached(namespace, dev)]
    return found


def daemon_pids(here):
    return [here.daemons[name].process.pid for name in ("server", "client")]


def nothing_left():
    """A whole lab, played on with each hook, and then everything as it was before."""
    before = host_state()
    here = stage.Stage(False)
    try:
        held = set()
        for ingress in ("xdp", "tc"):
            here.play(ONE, ingress)
            held |= programs(daemon_pids(here))
            here.stop_daemons()
            if attached(here.network):
                raise stage.Failed("the daemon ended and left " + "; ".join(attached(here.network)))
        if not held:
            raise stage.Failed("the daemons held no BPF program while they ran: the test can't see them")
        inodes = {os.stat(namespace.path).st_ino for namespace in here.network.namespaces}
        directory = here.network.directory
    finally:
        here.close()
    gone("BPF programs", lambda: loaded(held))
    gone("processes of the lab", lambda: processes(directory) + namespace_users(inodes))
    if os.path.exists(directory):
        raise stage.Failed(f"{directory} is still there")
    after = host_state()
    for what, value in before.items():
        if after[what] != value:
            raise stage.Failed(f"{what} changed from {value!r} to {after[what]!r}")


def killed_daemon():
    """SIGKILL of the daemons: no program stays (TCX and XDP links end with their owner), and new ones start."""
    here = stage.Stage(False)
    try:
        for ingress in ("xdp", "tc"):
            here.play(ONE, ingress)
            held = programs(daemon_pids(here))
            if not held:
                raise stage.Failed("the daemons held no BPF program while they ran: the test can't see them")
            for name in ("server", "client"):
                here.daemons[name].process.kill()
                here.daemons[name].process.wait()
                here.daemons.pop(name).close()
            here.daemons.clear()
            gone("BPF programs of a killed daemon", lambda: loaded(held))
            if attached(here.network):
                raise stage.Failed("the killed daemon left " + "; ".join(attached(here.network)))
            here.play(ONE, ingress)
    finally:
        here.close()


def killed_run():
    """SIGKILL of a whole run in the middle: its children and namespaces end with it, and the next run works."""
    before = host_state()
    child = subprocess.Popen([sys.executable, RUN, "xdp/"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    directory, held, inodes = None, set(), set()
    try:
        for _ in range(LINES):
            line = child.stdout.readline()
            if line.startswith("# lab "):
                directory = line.split()[2]
            elif line.startswith("ok ") and directory:
                pids = processes(directory)
                held, inodes = programs(pids), {namespace_of(pid) for pid in pids} - {namespace_of("self"), None}
                break
        else:
            raise stage.Failed("the run that was to be killed did not get as far as its first result")
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    if not held:
        raise stage.Failed("the run that was to be killed held no BPF program: it did not get far enough")
    gone("processes of the killed run", lambda: processes(directory) + namespace_users(inodes))
    gone("BPF programs of the killed run", lambda: loaded(held))
    again = subprocess.run([sys.executable, RUN, "xdp/request-guid"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, check=False)
    if again.returncode != 0:
        raise stage.Failed(f"the next run failed:\n{again.stdout}")
    if os.path.exists(directory):
        raise stage.Failed(f"the next run did not remove {directory}")
    after = host_state()
    for what, value in before.items():
        if after[what] != value:
            raise stage.Failed(f"{what} changed from {value!r} to {after[what]!r}")


def run_command():
    """scripts/run picks the interface, prints the alert, and ends on SIGINT without a trace."""
    here = stage.Stage(False)
    try:
        output_path = os.path.join(here.network.directory, "run-output")
        with open(output_path, "wb") as out:
            # A shell can't trap what it was started to ignore, as behind `&`.
            run = here.network.server.spawn(["env", "--default-signal=INT", os.path.join(daemon.ROOT, "scripts", "run")],
                                            stdin=subprocess.DEVNULL, stdout=out, stderr=out)

        def said():
            with open(output_path, encoding="utf-8", errors="replace") as text:
                return text.read()
        try:
            net.wait_for("scripts/run to attach", lambda: f"{here.network.server_dev}  ingress" in said(), 120, 0.05)
            own = glob.glob(f"/tmp/negwatch-run.{run.pid}.*")
            server = here.server(0)
            here.box.edit("req_guid")
            samba.Client(server).finish()
            net.wait_for("scripts/run to print the alert", lambda: "rule 101 request-altered" in said(), 20, 0.05)
            run.send_signal(signal.SIGINT)
            run.wait(60)
        except (net.LabError, subprocess.TimeoutExpired) as problem:
            raise stage.Failed(f"{problem}\nit said:\n{said()}") from None
        finally:
            net.stop(run)
        if run.returncode not in (0, 130):
            raise stage.Failed(f"scripts/run ended with status {run.returncode} on SIGINT:\n{said()}")
        if attached(here.network):
            raise stage.Failed("scripts/run left " + "; ".join(attached(here.network)))
        if not own or glob.glob(f"/tmp/negwatch-run.{run.pid}.*"):
            raise stage.Failed(f"scripts/run had {own}, and left {glob.glob(f'/tmp/negwatch-run.{run.pid}.*')}")
    finally:
        here.close()


def test(function):
    """A test function that returns its problem, or why it can't be run, instead of raising it."""
    def run():
        try:
            said = function()
            return said if isinstance(said, stage.Skip) else None
        except (stage.Failed, net.LabError, OSError) as problem:
            return str(problem) or repr(problem)
        except Exception:  # the others are to be run nevertheless
            return traceback.format_exc()
    return run


TESTS = {"nothing-left": test(nothing_left), "killed-daemon": test(killed_daemon), "killed-run": test(killed_run),
         "run-command": test(run_command)}
