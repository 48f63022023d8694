# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The lab's network: client - box - server in three namespaces without names, which end with this process.

The namespaces are held by child processes only, so that even a SIGKILL leaves nothing: the kernel ends the children
and with the last one the namespace, its interfaces and whatever was attached to them.

    client 10.77.1.10..  fd77:1::a..      box 10.77.1.1 | 10.77.2.1      server 10.77.2.2..  fd77:2::2..
"""
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

CLIENTS = 240  # addresses of the client: one for each case, so that an alert tells which case it belongs to
SERVERS = 4   # addresses of the server: one for each smbd
TEMP = "/tmp"
PREFIX = "nwlab."
VLANTAP = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vlantap.py")
SLOWER = LARGER = 1  # how many times longer all may take here, and grow; set once, by who runs such programs
TABLE = "77"  # the box's routing table that hands everything that it should forward to the tamper program


class LabError(Exception):
    """Something that the lab needs did not work; the text says what."""


def wait_for(what, check, seconds=20.0, pause=0.005):
    """Returns the first true result of check(); raises with its name and last result when the time is over.
    A long time costs nothing where all is well, and a busy machine needs it."""
    seconds *= SLOWER
    deadline = time.monotonic() + seconds
    while True:
        result = check()
        if result:
            return result
        if time.monotonic() > deadline:
            raise LabError(f"waited {seconds:g} s for {what}; last seen: {result!r}")
        time.sleep(pause)


def start_time(pid):
    """The start time of a process in clock ticks, or None when it is gone: with the pid it names one process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def private_dir():
    """Makes a temporary directory marked with this process, so that a later run can tell whether it is in use."""
    path = tempfile.mkdtemp(prefix=PREFIX, dir=TEMP)
    with open(os.path.join(path, "owner"), "w", encoding="ascii") as owner:
        owner.write(f"{os.getpid()} {start_time(os.getpid())}\n")
    os.chmod(path, 0o755)
    return path


def remove_leftovers():
    """Removes directories of earlier runs that were killed. Their processes and namespaces ended with them."""
    for name in os.listdir(TEMP):
        path = os.path.join(TEMP, name)
        if not name.startswith(PREFIX) or os.path.islink(path) or not os.path.isdir(path):
            continue
        try:
            with open(os.path.join(path, "owner"), encoding="ascii") as owner:
                pid, started = owner.read().split()
            if start_time(int(pid)) == started:
                continue
        except (OSError, ValueError):
            if time.time() - os.lstat(path).st_mtime < 60:  # being made just now
                continue
        shutil.rmtree(path, ignore_errors=True)


class Namespace:
    """A network namespace, held by a child that ends when this process does."""

    def __init__(self, name):
        self.name = name
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sh", "-c", "echo ready; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True)
        if self.holder.stdout.readline() != b"ready\n":
            raise LabError(f"namespace {name}: unshare --net failed (rc {self.holder.wait()}); is this root?")
        self.path = f"/proc/{self.holder.pid}/ns/net"

    def command(self, argv):
        """argv, made to run inside and to be killed when the lab's own process dies."""
        return ["setpriv", "--pdeathsig", "KILL", "nsenter", f"--net={self.path}", "--", *argv]

    def run(self, *argv, text=None):
        try:
            done = subprocess.run(self.command(argv), input=text, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True, timeout=60, check=False)
        except subprocess.TimeoutExpired:
            raise LabError(f"in namespace {self.name}: {' '.join(argv)}: no end after 60 s") from None
        if done.returncode != 0:
            raise LabError(f"in namespace {self.name}: {' '.join(argv)}: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def ip(self, *lines, family=()):
        self.run("ip", *family, "-batch", "-", text="".join(line + "\n" for line in lines))

    def await_carrier(self, *devices):
        """Waits until the kernel has taken note that both ends of these veth pairs are up. It does so a while later, in a
        worker of its own: the end that was up first drops silently what it is given until then."""
        def missing():
            links = json.loads(self.run("ip", "-json", "link", "show"))
            return [link["ifname"] for link in links if link["ifname"] in devices and link["operstate"] != "UP"]
        wait_for(f"{', '.join(devices)} to have a carrier", lambda: not missing(), 20, 0.01)

    def spawn(self, argv, **how):
        return subprocess.Popen(self.command(argv), start_new_session=True, **how)

    def close(self):
        end(self.holder)


def end(process):
    """Kills a child that keeps no state and closes its pipes."""
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe:
            pipe.close()


def stop(process, seconds=20.0):
    """Ends a child that spawn() made, with its process group; returns its exit status."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds * SLOWER)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode


class Network:
    """Three namespaces in a row. `with Network() as net:` removes all of it at the end."""

    def __init__(self, vlan=None, mtu=1500):
        remove_leftovers()
        self.vlan = vlan
        self.directory = private_dir()
        self.namespaces = []
        self.proxied = False
        self.closing = []
        tag = "nwlab" + self.directory[-3:].lower()
        self.client_dev, self.server_dev = tag + "c", tag + "s"
        self.box_client, self.box_server = tag + "b", tag + "d"
        try:
            self._build(mtu)
        except BaseException:
            self.close()
            raise

    def _namespace(self, name):
        namespace = Namespace(name)
        self.namespaces.append(namespace)
        namespace.run("sh", "-c", "echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad;"
                      "echo 0 > /proc/sys/net/ipv6/conf/default/disable_ipv6;"
                      "echo 0 > /proc/sys/net/ipv6/conf/default/router_solicitations;"
                      "echo 1 > /proc/sys/net/ipv4/ip_forward;"
                      "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")
        namespace.ip("link set lo up")
        return namespace

    def _build(self, mtu):
        self.client, self.box, self.server = (self._namespace(name) for name in ("client", "box", "server"))
        for dev, peer, far in ((self.box_client, self.client_dev, self.client),
                               (self.box_server, self.server_dev, self.server)):
            self.box.ip(f"link add {dev} mtu {mtu} type veth peer name {peer} mtu {mtu} netns {far.holder.pid}",
                        f"link set {dev} up")
            far.ip(f"link set {peer} up")
        self.box.await_carrier(self.box_client, self.box_server)
        server_side, box_side = self.server_dev, self.box_server
        if self.vlan:
            server_side, box_side = f"{server_side}.{self.vlan}", f"{box_side}.{self.vlan}"
            self._tag(self.server, self.server_dev, server_side)
            self._tag(self.box, self.box_server, box_side)
        self.inner_dev, self.box_inner = server_side, box_side
        self.box.ip(f"addr add 10.77.1.1/24 dev {self.box_client}", f"addr add 10.77.2.1/24 dev {box_side}",
                    f"addr add fd77:1::1/64 dev {self.box_client} nodad", f"addr add fd77:2::1/64 dev {box_side} nodad",
                    f"route add local default dev lo table {TABLE}", f"route add local ::/0 dev lo table {TABLE}")
        self.client.ip(*(f"addr add 10.77.1.{10 + n}/24 dev {self.client_dev}" for n in range(CLIENTS)),
                       *(f"addr add fd77:1::{10 + n:x}/64 dev {self.client_dev} nodad" for n in range(CLIENTS)))
        self.server.ip(*(f"addr add 10.77.2.{2 + n}/24 dev {server_side}" for n in range(SERVERS)),
                       *(f"addr add fd77:2::{2 + n:x}/64 dev {server_side} nodad" for n in range(SERVERS)),
                       "route add default via 10.77.2.1", "route add ::/0 via fd77:2::1")
        self.use_client(0)

    def _tag(self, namespace, dev, name):
        """Makes the VLAN interface `name` over `dev`."""
        process = namespace.spawn(["/usr/bin/python3", VLANTAP, dev, name, str(self.vlan)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.on_close(lambda: end(process))
        if process.stdout.readline() != "ready\n":
            raise LabError(f"no VLAN interface on {dev}: {VLANTAP} ended with status {process.wait()}")
        namespace.ip(f"link set {name} up")

    def use_client(self, number):
        """Makes connections of the client leave from its address `number`; returns (IPv4, IPv6) of it."""
        four, six = f"10.77.1.{10 + number}", f"fd77:1::{10 + number:x}"
        self.client.ip(f"route replace default via 10.77.1.1 src {four}",
                       f"route replace ::/0 via fd77:1::1 src {six}")
        return four, six

    def use_proxy(self, proxied):
        """Hands the connections that cross the box to the tamper program, or just routes them."""
        if proxied == self.proxied:
            return
        verb = "add" if proxied else "del"
        for family in (["-4"], ["-6"]):  # a rule names no address to tell it by
            self.box.ip(*(f"rule {verb} iif {dev} lookup {TABLE}" for dev in (self.box_client, self.box_inner)),
                        family=family)
        self.proxied = proxied

    def on_close(self, function):
        """Has a function called before the namespaces go, last one first."""
        self.closing.append(function)

    def close(self):
        while self.closing:
            self.closing.pop()()
        while self.namespaces:
            self.namespaces.pop().close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def server_address(number=0, six=False):
    return f"fd77:2::{2 + number:x}" if six else f"10.77.2.{2 + number}"
