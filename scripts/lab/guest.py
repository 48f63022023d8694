# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A guest of the lab: another kernel in QEMU, by software emulation, behind a host of the lab, as SMB client or server.

The client's guest is 10.77.3.10.. behind the client namespace, the server's guest 10.77.4.2 behind the server one, so
that all that they say to others passes the box.
"""
import functools
import hashlib
import json
import os
import platform
import re
import select
import shlex
import shutil
import subprocess
import time

from lab import net, samba
from lab.daemon import ROOT

PACKAGES = os.path.join(ROOT, "tests", "kernels", "packages")
IMAGE = os.path.join(ROOT, "tests", "kernels", "image")
SERIES = "6.12"
CLIENT, SERVER = "10.77.3", "10.77.4"  # networks of the guests; their gateways are .1
SERVER_ADDRESS = f"{SERVER}.2"
KSMBD_CONF = f"""[global]
    netbios name = NWGUEST
    workgroup = NWLAB
    server min protocol = SMB2_10
    server max protocol = SMB3_11
    map to guest = never
    interfaces = eth0
    bind interfaces only = yes
[{samba.SHARE}]
    path = /share
    read only = no
"""


class Unavailable(Exception):
    """Guests can't be had on this machine; the text is one line that says why."""


@functools.cache
def packages(*what):
    """The folder of unpacked Debian packages that the name stands for."""
    done = subprocess.run([PACKAGES, *what], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    if done.returncode != 0:
        raise Unavailable(" ".join(done.stdout.split()) or f"{PACKAGES} ended with status {done.returncode}")
    return done.stdout.split()[1]


class Image:
    """Kernel and initramfs for the guests of one network. Raises Unavailable."""

    def __init__(self, network):
        if platform.machine() != "x86_64":
            raise Unavailable(f"the guests are x86-64, this machine is {platform.machine()}")
        if not shutil.which("qemu-system-x86_64"):
            raise Unavailable("qemu-system-x86_64 is missing: scripts/setup --test installs it")
        kernel, ksmbd = packages("kernel", SERIES), packages("tools", "ksmbd")
        self.initrd = os.path.join(network.directory, "guest.initrd")
        boot = os.path.join(kernel, "boot")
        self.kernel = os.path.join(boot, os.listdir(boot)[0])
        done = subprocess.run([IMAGE, "lab", kernel, ksmbd, self.initrd], cwd=ROOT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise net.LabError(f"the guests' image can't be made: {done.stdout.strip()}")


class Guest:
    """One guest behind a host. Booting goes on in the background until ready()."""

    def __init__(self, network, image, namespace, subnet, addresses):
        self.network, self.name = network, f"guest-{namespace.name}"
        self.subnet, self.addresses = subnet, addresses
        tap = f"{network.client_dev[:-1]}{'y' if namespace is network.client else 'z'}"
        namespace.ip(f"tuntap add dev {tap} mode tap", f"addr add {subnet}.1/24 dev {tap}", f"link set {tap} up")
        network.box.ip(f"route add {subnet}.0/24 via {'10.77.1.10' if namespace is network.client else '10.77.2.2'}")
        self.console = os.path.join(network.directory, f"{self.name}.console")
        self.pending, self.number = b"", 0
        with open(f"{self.console}.qemu", "wb") as said:
            self.process = namespace.spawn(
                ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "512", "-smp", "1", "-nodefaults",
                 "-no-reboot", "-display", "none", "-monitor", "none", "-serial", f"file:{self.console}",
                 "-kernel", image.kernel, "-initrd", image.initrd,
                 "-append", "console=ttyS0 quiet panic=-1 mitigations=off net.ifnames=0",
                 "-netdev", f"tap,id=n,ifname={tap},script=no,downscript=no",
                 "-device", f"virtio-net-pci,netdev=n,mac=52:54:00:00:77:0{subnet[-1]},romfile=",
                 "-chardev", "stdio,id=c,signal=off", "-serial", "chardev:c"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said)
        network.on_close(lambda: net.end(self.process))

    def ready(self, seconds=300):
        """Waits until the guest takes commands, and gives it its addresses."""
        self._await(None, seconds, "to boot")
        lines = [f"ip addr add {self.subnet}.{host}/24 dev eth0" for host in self.addresses]
        self.do("; ".join([*lines, f"ip route add default via {self.subnet}.1"]))

    def said(self):
        """The last words of kernel and emulator."""
        parts = []
        for path in (self.console, f"{self.console}.qemu"):
            with open(path, encoding="utf-8", errors="replace") as text:
                parts.append(text.read()[-1500:])
        return "\n".join(parts)

    def _await(self, line, seconds, doing):
        """The answer to a command; what the serial line breaks or loses is sent again (the guest runs it once)."""
        answer = re.compile(rb"@got %d\r?\n(.*?)\r?\n@status %d (\d+)\r?\n" % (self.number, self.number), re.DOTALL)
        deadline = time.monotonic() + seconds
        sent = time.monotonic()
        while True:
            found = answer.search(self.pending)
            if found:
                self.pending = self.pending[found.end():]
                return int(found.group(2)), found.group(1).decode("utf-8", "replace").replace("\r", "").strip("\n")
            lost = b"@got %d" % self.number not in self.pending and time.monotonic() - sent > 5
            if line and (lost or b"@again" in self.pending):
                self.pending = self.pending.replace(b"@again", b"")
                self._send(b"\n" + line if lost else line)
                sent = time.monotonic()
            left = deadline - time.monotonic()
            data = b""
            if left > 0:
                if not select.select([self.process.stdout], [], [], min(left, 1))[0]:
                    continue
                data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                raise net.LabError(f"waited {seconds} s for {self.name} {doing}; it said {self.pending[-500:]!r}\n"
                                   f"{self.said()}")
            self.pending += data

    def _send(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def run(self, command, seconds=120):
        """Runs one line of shell in the guest; returns (exit status, output)."""
        self.number += 1
        line = b"%d %s %s\n" % (self.number, hashlib.md5(command.encode()).hexdigest().encode(), command.encode())
        self._send(line)
        return self._await(line, seconds, f"to run {command!r}")

    def do(self, command, seconds=120):
        """The same for what has to succeed; returns the output."""
        status, output = self.run(command, seconds)
        if status != 0:
            raise net.LabError(f"in {self.name}: {command!r} ended with status {status}: {output}\n{self.said()}")
        return output

    def write(self, path, text):
        """Puts a small file there."""
        self.do(f"mkdir -p {os.path.dirname(path)}")
        for number, line in enumerate(text.splitlines()):
            self.do(f"echo {shlex.quote(line)} {'>>' if number else '>'}{path}")

    def complaints(self):
        """What a kernel says when it has found a fault in itself."""
        return self.run("dmesg | grep -E 'BUG:|WARNING:|Oops|Call Trace'")[1]


def start_ksmbd(guest):
    """Makes the guest a server: ksmbd.ko with its daemon in a root of its own."""
    guest.write("/ksmbd/etc/ksmbd/ksmbd.conf", KSMBD_CONF)
    guest.do("chmod 777 /share; echo hello >/share/file")
    guest.do("for i in proc sys dev share; do mount -o bind /$i /ksmbd/$i; done")
    run = "env -u LD_LIBRARY_PATH PATH=/usr/sbin chroot /ksmbd"
    guest.do(f"{run} ksmbd.adduser -a -p {samba.PASSWORD} {samba.USER}")
    guest.do(f"{run} ksmbd.mountd")
    net.wait_for("ksmbd to listen", lambda: guest.run("netstat -ltn | grep -q ':445 '")[0] == 0, 120, 0.2)


class Daemon:
    """negwatchd on a guest's interface, as lab.daemon.Daemon is one in a namespace."""

    def __init__(self, guest, answer_timeout):
        self.guest, self.name = guest, guest.name
        guest.do("negwatchd --foreground -i eth0 -o run_dir=/run/negwatch -o state_dir=/tmp/state "
                 f"-o syslog_socket=none -o fold_window=0 -o answer_timeout={answer_timeout} >/tmp/negwatchd.log 2>&1 &")
        try:
            net.wait_for("negwatchd", lambda: guest.run("negwatch status >/dev/null 2>&1")[0] == 0, 120, 0.1)
        except net.LabError as problem:
            raise net.LabError(f"{problem}\n{guest.run('cat /tmp/negwatchd.log')[1]}") from None

    def objects(self, command, client):
        return json.loads(self.guest.do(f"negwatch {command} --json --client {client}"))[command]

    def alerts(self, client):
        return self.objects("alerts", client)

    def flows(self, client):
        return self.objects("flows", client)

    def recorded(self, _clients):
        """How many alerts the journal has; nobody but those clients came here."""
        return int(self.guest.do("cat /tmp/state/alerts.jsonl 2>/dev/null | wc -l"))


class Mount:
    """One mount by cifs.ko, a listing, and the end of the mount; in the place of samba.Client."""

    DIALECTS = {"2.1": "2.1", "3.0": "3.0", "3.0.2": "3.02", "3.1.1": "3.1.1", "default": "default"}

    def __init__(self, guest, server, source, dialect, background=False):
        self.guest, self.status, self.output = guest, None, ""
        options = f"username={samba.USER},password={samba.PASSWORD},srcaddr={source},vers={self.DIALECTS[dialect]}"
        self.command = (f"timeout -s KILL 100 mount -t cifs //{server}/{samba.SHARE} /mnt -o {options} && "
                        "ls -la /mnt && umount /mnt")
        if background:
            guest.do(f"{{ {self.command}; }} >/dev/null 2>&1 &")

    def finish(self, seconds=150):
        """Mounts; returns (exit status, output)."""
        self.status, self.output = self.guest.run(self.command, seconds)
        return self.status, self.output

    def end(self):
        """One in the background is left to its time limit; nothing is to follow in this guest."""
