# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The deb and the rpm: built, checked, installed on a Debian of their own whose systemd runs, used, upgraded, removed."""
import os
import re
import shutil
import subprocess
import tempfile

import harness
from harness import Failed, Skip, expect, run
from lab import net

OUT = os.path.join(harness.BUILD, "package")
BASE = os.path.join(OUT, "base")
MACHINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "machine")
# Beyond the minimum: what the package depends on, so that no network is needed to install it.
INCLUDE = "systemd,libbpf1,libjansson4,libpcap0.8,libelf1,libsmartcols1"
KEPT = 1 << 12                  # NET_ADMIN
GIVEN = KEPT | 1 << 38 | 1 << 39  # and PERFMON, BPF, which only the start needs
UNIT = "negwatchd.service"
SOON = 90      # seconds for what takes one or two on an idle machine
WATCHDOG = 10  # seconds; the daemon reports after half of that, and a busy machine may keep it from that for a while


def base():
    """A minimal Debian; made once."""
    if not os.path.exists(os.path.join(BASE, "complete")):
        if not shutil.which("debootstrap"):
            raise Skip("debootstrap is not there")
        shutil.rmtree(BASE, ignore_errors=True)
        os.makedirs(BASE)
        done = run("debootstrap", "--variant=minbase", f"--include={INCLUDE}", "bookworm", BASE, check=False)
        if done.returncode:
            raise Skip(f"debootstrap has no Debian for us: {done.stdout.strip().splitlines()[-1]}")
        run("sh", "-c", f"rm -f {BASE}/var/cache/apt/archives/*.deb")
        harness.write(BASE, "complete", "")
    return BASE


def files_of(listed):
    """All of it but what dpkg, apt, rpm and systemd note for themselves, and the accounts."""
    skip = (r"\./(proc|sys|dev|run|tmp|root|var/(lib/(dpkg|rpm|apt|systemd)|log|cache)|usr/lib/sysimage|etc/(passwd|group|g?shadow)-?$|"
            r"etc/\.pwd\.lock)")
    return {path for path in listed.splitlines() if not re.match(skip, path)}


class Machine:
    """A Debian with a running systemd in namespaces of its own; its changes are gone with it."""

    def __init__(self, root=None):
        self.directory = tempfile.mkdtemp(prefix="nwmachine.", dir="/tmp")
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", MACHINE, root or base(), self.directory],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.init = None
        try:
            self.init = net.wait_for("the machine's init", self.find_init, SOON, 0.05)
            net.wait_for("systemd to run", lambda: self.run("systemctl", "is-system-running", check=False).stdout.strip() == "running",
                         SOON, 0.1)
        except net.LabError as problem:
            self.close()
            raise Failed(f"{problem}\n{self.process.stdout.read().decode(errors='replace')[-1500:]}") from None

    def find_init(self):
        if self.process.poll() is not None:
            raise net.LabError(f"the machine ended with status {self.process.returncode}")
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
            found = children.read().split()
        try:
            with open(f"/proc/{found[0]}/comm" if found else os.devnull, encoding="utf-8") as name:
                return found[0] if name.read().strip() == "systemd" else None
        except OSError:  # one of the script's own commands, and it has ended since
            return None

    @property
    def root(self):
        return f"/proc/{self.init}/root"

    def run(self, *argv, check=True):
        return run("nsenter", "--target", self.init, "--all", "--root", "--wd", *argv, check=check)

    def systemctl(self, *argv):
        return self.run("systemctl", *argv).stdout.strip()

    def show(self, what):
        return self.systemctl("show", UNIT, "--property", what, "--value")

    def take(self, path):
        shutil.copy(path, f"{self.root}/root/")
        return f"/root/{os.path.basename(path)}"

    def files(self):
        # systemd makes and removes files meanwhile.
        return files_of(self.run("sh", "-c", "cd / && find . -xdev -ignore_readdir_race").stdout)

    def close(self):
        self.process.kill()
        self.process.wait()
        if self.init:
            net.wait_for("the machine to be gone", lambda: not os.path.exists(f"/proc/{self.init}/ns"), SOON, 0.05)
        # Its cgroup is left; a mount namespace of this moment removes it.
        run("unshare", "--mount", "sh", "-c", f"mount -t cgroup2 none {self.directory} && find {self.directory}/nwmachine.{self.process.pid} "
            "-depth -type d -exec rmdir {} +", check=False)
        os.rmdir(self.directory)


def with_machine(body):
    def test():
        machine = Machine()
        try:
            return body(machine)
        finally:
            machine.close()
    return test


def built(kind):
    """Builds the package, once in a run."""
    if kind not in built.done:
        for program in {"deb": ("dh", "lintian"), "rpm": ("rpmbuild",)}[kind]:
            if not shutil.which(program):
                raise Skip(f"{program} is not there")
        built.done[kind] = run("scripts/package", kind).stdout.splitlines()[-1]
    return built.done[kind]


built.done = {}


def deb_builds():
    path = built("deb")
    said = run("lintian", "--allow-root", "--fail-on", "error,warning", path, check=False)
    expect(said.returncode == 0, said.stdout)
    return f"{os.path.getsize(path) // 1024} KiB; lintian: no error, no warning"


def other_version(path, directory):
    """The same deb as 0.0.1, from which an upgrade leads to it."""
    run("dpkg-deb", "--raw-extract", path, f"{directory}/tree")
    control = f"{directory}/tree/DEBIAN/control"
    with open(control, encoding="utf-8") as file:
        text = re.sub("(?m)^Version: .*", "Version: 0.0.1", file.read())
    harness.write(f"{directory}/tree/DEBIAN", "control", text)
    run("dpkg-deb", "--root-owner-group", "--build", f"{directory}/tree", f"{directory}/negwatch_0.0.1.deb")
    return f"{directory}/negwatch_0.0.1.deb"


def status_of(machine, pid):
    with open(f"{machine.root}/proc/{pid}/status", encoding="utf-8") as file:
        return dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)


def at_work(machine):
    """The unit is active in its sandbox, and watches the machine's interface."""
    try:
        net.wait_for("negwatchd to be active", lambda: machine.show("ActiveState") == "active", SOON, 0.1)
    except net.LabError as problem:
        said = machine.run("journalctl", "--unit", UNIT, "--no-pager", "--lines=30", "--output=short-precise", check=False).stdout
        raise Failed(f"{problem}; {machine.show('ActiveState')}, {machine.show('SubState')}, {machine.show('Result')}\n{said}") from None
    pid = machine.show("MainPID")
    status = status_of(machine, pid)
    expect(int(status["CapEff"], 16) == int(status["CapPrm"], 16) == KEPT and int(status["CapBnd"], 16) == GIVEN,
           f"capabilities {status['CapEff']}, may regain {status['CapPrm']}, of {status['CapBnd']}")
    expect(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and status["Uid"].split()[0] != "0", f"sandbox: {status}")
    told = machine.run("negwatch", "status").stdout
    expect("nwp" in told and re.search(r"(?i)xdp|tc", told), told)
    return pid


def lives(machine):
    """What systemd does with it: reload, watchdog, a crash."""
    pid = at_work(machine)
    machine.systemctl("reload", UNIT)
    net.wait_for("the reload", lambda: "Configuration read again" in machine.run("journalctl", "--unit", UNIT, "--no-pager").stdout, SOON, 0.1)
    expect(machine.show("MainPID") == pid, "a reload is no restart")
    drop_in = f"{machine.root}/run/systemd/system/{UNIT}.d"
    os.makedirs(drop_in)
    harness.write(drop_in, "test.conf", f"[Service]\nWatchdogSec={WATCHDOG}\nRestartSec=100ms\n")
    machine.systemctl("daemon-reload")
    machine.systemctl("restart", UNIT)
    pid = at_work(machine)
    machine.run("sh", "-c", f"kill -STOP {pid}")
    net.wait_for("the watchdog to start another one", lambda: machine.show("MainPID") not in (pid, "0"), WATCHDOG + SOON, 0.1)
    net.wait_for("the journal's word of the watchdog", lambda: "watchdog" in machine.run("journalctl", "--unit", UNIT, "--no-pager").stdout.lower(), SOON, 0.1)
    pid = at_work(machine)
    machine.run("sh", "-c", f"kill -SEGV {pid}")
    net.wait_for("a new one after a crash", lambda: machine.show("MainPID") not in (pid, "0"), SOON, 0.1)
    at_work(machine)


def deb_life(machine):
    with tempfile.TemporaryDirectory(prefix="nwdeb.", dir="/tmp") as directory:
        fresh, old = machine.take(built("deb")), machine.take(other_version(built("deb"), directory))
    before = machine.files()
    machine.run("dpkg", "--install", old)
    pid = at_work(machine)
    expect(machine.systemctl("is-enabled", UNIT) == "enabled", "it does not start at boot")
    with open(f"{machine.root}/etc/negwatch/negwatchd.conf", "a", encoding="utf-8") as conf:
        conf.write("\nsyslog_facility = local3\n")
    machine.run("dpkg", "--force-confdef", "--force-confold", "--install", fresh)
    expect(at_work(machine) != pid, "the old program still runs after the upgrade")
    with open(f"{machine.root}/etc/negwatch/negwatchd.conf", encoding="utf-8") as conf:
        expect("local3" in conf.read(), "the administrator's change is gone")
    lives(machine)
    machine.run("dpkg", "--remove", "negwatch")
    expect(machine.run("systemctl", "is-active", UNIT, check=False).stdout.strip() != "active", "it runs on after its removal")
    expect(not os.path.exists(f"{machine.root}/usr/sbin/negwatchd"), "the program is still there")
    expect(os.path.exists(f"{machine.root}/etc/negwatch/negwatchd.conf"), "a removal keeps the configuration")
    machine.run("dpkg", "--purge", "negwatch")
    left = machine.files() - before
    expect(not left, f"left behind: {sorted(left)}")
    shown = run("nsenter", "--target", machine.init, "--net", "ip", "-details", "link", "show", "dev", "nwp").stdout
    expect("nwp" in shown and "prog/xdp" not in shown, f"a program is still attached: {shown}")


def rpm_builds():
    path = built("rpm")
    listed = run("rpm", "-qp", "--nosignature", "--list", path).stdout.split()
    staged = [os.path.join(where, name) for where, names in ((
        "/usr", ("sbin/negwatchd", "bin/negwatch", "lib/systemd/system/negwatchd.service", "lib/sysusers.d/negwatch.conf",
                 "share/man/man8/negwatchd.8.gz", "lib/systemd/catalog/negwatch.catalog")), ("/etc", ("negwatch/negwatchd.conf",)))
        for name in names]
    expect(not set(staged) - set(listed), f"the rpm lacks {set(staged) - set(listed)}")
    expect(run("rpm", "-qp", "--nosignature", "--configfiles", path).stdout.split() == ["/etc/negwatch/negwatchd.conf"], "configuration")
    needs = run("rpm", "-qp", "--nosignature", "--requires", path).stdout
    for library in ("libbpf.so.1", "libjansson.so.4", "libpcap.so", "libsmartcols.so.1"):
        expect(library in needs, f"{library} is not among what it requires: {needs}")
    scripts = run("rpm", "-qp", "--nosignature", "--scripts", path).stdout
    bodies = re.split(r"(?m)^\w+ scriptlet \(using /bin/sh\):$", scripts)[1:]
    expect(len(bodies) == 4, scripts)
    for body in bodies:
        run("sh", "-nc", body)
    return f"{os.path.getsize(path) // 1024} KiB, {len(listed)} files, {len(bodies)} scriptlets"


def rpm_life():
    """Installed by `rpm --root` in a Debian of its own, which is booted then. Debian has no rpm that says what is there, hence --nodeps."""
    path = built("rpm")
    with tempfile.TemporaryDirectory(prefix="root.", dir=OUT) as root:
        def rpm(*argv, check=True):
            # A path without links: rpm resolves it, and its database must not be the host's.
            return run("rpm", "--root", root, "--dbpath", "/var/lib/rpm", "--nosignature", *argv, check=check).stdout

        def change(*argv):
            said = rpm("--force-debian", "--nodeps", *argv)
            expect("scriptlet" not in said and "error" not in said, said)

        run("cp", "-a", f"{base()}/.", root)
        os.makedirs(f"{root}/var/lib/rpm", exist_ok=True)
        before = files_of(run("find", ".", "-xdev", cwd=root).stdout)
        change("--install", path)
        wanted = f"{root}/etc/systemd/system/multi-user.target.wants/{UNIT}"
        with open(f"{root}/etc/passwd", encoding="utf-8") as users:
            expect("\nnegwatch:" in users.read(), "there is no user negwatch")
        expect(os.path.islink(wanted), "it does not start at boot")
        machine = Machine(root)
        try:
            machine.systemctl("start", UNIT)
            at_work(machine)
        finally:
            machine.close()
        with open(f"{root}/etc/negwatch/negwatchd.conf", "a", encoding="utf-8") as conf:
            conf.write("\nsyslog_facility = local3\n")
        change("--upgrade", "--force", path)
        with open(f"{root}/etc/negwatch/negwatchd.conf", encoding="utf-8") as conf:
            expect("local3" in conf.read(), "the administrator's change is gone")
        bad = [line for line in rpm("--verify", "--nodeps", "negwatch", check=False).splitlines() if " c /etc/negwatch/" not in line]
        expect(not bad, f"rpm --verify: {bad}")
        change("--erase", "negwatch")
        expect(not os.path.lexists(wanted), "it starts at boot after its removal")
        left = files_of(run("find", ".", "-xdev", cwd=root).stdout) - before
        # As rpm does it: a changed configuration stays beside its place; the folder of all licences is another package's.
        expect(left <= {"./usr/share/licenses", "./etc/negwatch", "./etc/negwatch/negwatchd.conf.rpmsave"}, f"left behind: {sorted(left)}")


def tests():
    return {"deb": {"builds": deb_builds, "life": with_machine(deb_life)},
            "rpm": {"builds": rpm_builds, "life": rpm_life}}
