# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Two namespaces with a veth pair between them: client 10.78.2.1, 10.77.2.1 - server 10.78.2.2, 10.77.2.2."""
import array
import fcntl
import os
import signal
import socket
import struct
import subprocess

from lab import net, sniffer

SIOCETHTOOL = 0x8946
ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO = 0x1F, 0x24, 0x2C


class Pair(net.Network):
    """Where the bench sends its traffic. The server's interface is what is watched."""

    def _build(self, mtu):
        self.client, self.server = (self._namespace(name) for name in ("client", "server"))
        self.server.ip(f"link add {self.server_dev} mtu {mtu} type veth peer name {self.client_dev} mtu {mtu} "
                       f"netns {self.client.holder.pid}")
        for end, dev, number in ((self.client, self.client_dev, 1), (self.server, self.server_dev, 2)):
            end.ip(f"addr add 10.78.2.{number}/24 dev {dev}", f"addr add 10.77.2.{number}/24 dev {dev}",
                   f"addr add fd77:2::{number}/64 dev {dev} nodad", f"link set {dev} up")

    def _switch(self, namespace, dev, command, on):
        def make():
            return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sniffer.socket_in(namespace, make) as sock:
            value = array.array("B", struct.pack("II", command, on))
            address, _ = value.buffer_info()
            fcntl.ioctl(sock, SIOCETHTOOL, struct.pack("16sP", dev.encode(), address) + bytes(16))

    def super_packets(self, on):
        """veth's default, or frames of the wire's size that GRO joins, as behind a network card."""
        for namespace, dev in ((self.client, self.client_dev), (self.server, self.server_dev)):
            for command in (ETHTOOL_STSO, ETHTOOL_SGSO):
                self._switch(namespace, dev, command, on)
            self._switch(namespace, dev, ETHTOOL_SGRO, not on)


def tree(pid):
    """A process and all below it."""
    yield pid
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
            for child in children.read().split():
                yield from tree(int(child))
    except OSError:
        pass


def cpu_seconds(pid):
    """CPU time of a process, its threads and its children that live."""
    total = 0
    for one in tree(pid):
        try:
            for thread in os.listdir(f"/proc/{one}/task"):
                with open(f"/proc/{one}/task/{thread}/schedstat", encoding="ascii") as stat:
                    total += int(stat.read().split()[0])
        except OSError:
            continue
    return total / 1e9


class Tool:
    """A program that runs beside the traffic: ready when `word` appears in what it says; ended on leaving."""

    def __init__(self, network, namespace, argv, word, directory):
        self.said = os.path.join(directory, "tool.said")
        with open(self.said, "wb") as said, open(os.devnull, "wb") as null:
            self.process = namespace.spawn(argv, stdin=subprocess.PIPE, stdout=said if word == "ready" else null, stderr=said)
        self.word = word
        self.closed = False
        network.on_close(self.close)
        net.wait_for(f"{argv[0]} to be ready", self._ready, 60, 0.01)

    def _ready(self):
        with open(self.said, encoding="utf-8", errors="replace") as said:
            text = said.read()
        if self.process.poll() is not None:
            raise net.LabError(f"ended with status {self.process.returncode}: {text.strip()[-400:]}")
        return self.word in text

    @property
    def pid(self):
        return self.process.pid

    def close(self):
        if self.closed:
            return
        self.closed = True
        self.process.stdin.close()
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
