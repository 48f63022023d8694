# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What may watch an interface while traffic passes: nothing, empty programs, negwatchd, and what people run otherwise."""
import os
import shutil
import subprocess

import pair
from lab import daemon, net

ROOT = daemon.ROOT
BUILD = os.path.join(ROOT, "build", "bench")
XDP_TOOLS = os.path.join(BUILD, "xdp-tools")
UNPACK = os.path.join(ROOT, "scripts", "lab", "unpack")
# Of all SMB2 messages at the beginning of a segment's payload those that negwatch is about: NEGOTIATE and IOCTL.
PAYLOAD = "((tcp[12]&0xf0)>>2)"
TIGHT = (f"tcp port 445 and tcp[{PAYLOAD}+4:4]=0xfe534d42 and "
         f"(tcp[{PAYLOAD}+16:2]=0x0000 or tcp[{PAYLOAD}+16:2]=0x0b00)")
# In a mount namespace of its own, where it finds its files, and pins its maps.
XDP_FILTER = ("mount --make-rprivate / && mount -t overlay -o ro,lowerdir=\"$0\"/usr:/usr nwbench /usr && "
              "mount -t bpf bpf /sys/fs/bpf && mount -t tmpfs nwbench /run && xdp-filter load -m native \"$1\" && "
              "xdp-filter port -m dst -p udp 9 && echo ready && exec cat")


class Missing(Exception):
    """What is compared can't be had here; the text says why."""


class Nothing:
    """The wire alone."""

    def cpu(self):
        return 0.0

    def close(self):
        """There is nothing to end."""


class _Tool(Nothing):
    def __init__(self, network, namespace, argv, word):
        self.tool = pair.Tool(network, namespace, argv, word, network.directory)

    def cpu(self):
        return pair.cpu_seconds(self.tool.pid)

    def close(self):
        self.tool.close()


class Ours(Nothing):
    """negwatchd; what it uses counts."""

    def __init__(self, network, namespace, dev, ingress):
        self.daemon = daemon.Daemon(network, namespace, [dev], ingress=ingress)
        said = self.daemon.interfaces()[dev]
        if ingress not in str(said["ingress"]):
            self.daemon.close()
            raise net.LabError(f"negwatchd took {said['ingress']} instead of {ingress}")

    def cpu(self):
        return pair.cpu_seconds(self.daemon.process.pid)

    def close(self):
        counters = {row["name"]: row["value"] for row in self.daemon.objects("stats")["counters"]}
        self.daemon.close()
        if counters["body"] + counters["walked"] == 0:
            raise net.LabError("the programs of negwatchd have not followed the traffic")


def _program(name, package):
    path = shutil.which(name)
    if not path:
        raise Missing(f"{name} is not installed (Debian's package {package})")
    return path


def _empty(how):
    def make(network, namespace, dev):
        return _Tool(network, namespace, [os.path.join(BUILD, "bench_hooks"), dev, how], "ready")
    return make


def _ours(how):
    return lambda network, namespace, dev: Ours(network, namespace, dev, how)


def _tcpdump(*what):
    def make(network, namespace, dev):
        return _Tool(network, namespace, [_program("tcpdump", "tcpdump"), "-n", "-i", dev, "-w", "/dev/null", *what],
                     "listening on")
    return make


def _tshark(network, namespace, dev):
    return _Tool(network, namespace, [_program("tshark", "tshark"), "-n", "-i", dev, "-Y", "smb2", "-T", "fields",
                                      "-e", "smb2.cmd"], "Capturing on")


class _XdpFilter(_Tool):
    """Its programs stay on the interface when it ends."""

    def __init__(self, network, namespace, dev):
        super().__init__(network, namespace, ["unshare", "--mount", "sh", "-c", XDP_FILTER, XDP_TOOLS, dev], "ready")
        self.namespace, self.dev = namespace, dev

    def close(self):
        super().close()
        self.namespace.ip(f"link set {self.dev} xdp off")


def _xdp_filter(network, namespace, dev):
    if not os.path.exists(os.path.join(XDP_TOOLS, "usr", "sbin", "xdp-filter")):
        done = subprocess.run([UNPACK, XDP_TOOLS, "xdp-tools"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        if done.returncode != 0:
            raise Missing(f"Debian's package xdp-tools: {done.stdout.strip()[-200:]}")
    return _XdpFilter(network, namespace, dev)


# Each: function of network, namespace and device.
SETUPS = {
    "none": lambda *_: Nothing(),
    "empty-tc": _empty("tc"),
    "tc": _ours("tc"),
    "empty-xdp": _empty("xdp"),
    "xdp": _ours("xdp"),
    "xdp-filter": _xdp_filter,
    "tcpdump": _tcpdump(),
    "tcpdump-tight": _tcpdump(TIGHT),
    "tshark": _tshark,
}
