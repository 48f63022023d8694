# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A cable into the server's namespace: a veth pair of the test's own, to watch, rename, move and pull out."""
import contextlib
import itertools
import json
import os

import replay
import stage
from lab import bpf, net, sniffer

ALTERED = os.path.join(replay.OWN, "request-guid.srv.pcap")        # one connection, rule 101
UNTOUCHED = os.path.join(replay.OWN, "untouched-3.0.2.srv.pcap")   # one connection, nothing to find
PORTS = itertools.count(20000)


class Cable:
    """From `far` in the box's namespace to `near` in the server's."""

    def __init__(self, network, near, mtu=1500):
        self.network, self.near, self.far = network, near, near + "f"
        network.box.ip(f"link add {self.far} mtu {mtu} type veth peer name {near} mtu {mtu} netns "
                       f"{network.server.holder.pid}", f"link set {self.far} up")
        network.server.ip(f"link set {near} up")
        network.box.await_carrier(self.far)
        self.inward = replay.sender(network.box, self.far)
        self.outward = replay.sender(network.server, near)
        network.on_close(self.close)

    def send(self, frame, inward):
        (self.inward if inward else self.outward).send(frame)

    def altered(self, host):
        """A new connection with an altered request; the daemon has to find just that."""
        replay.play(host, ALTERED, self.send, next(PORTS))

    def replug(self, name):
        """After the near end was down: it is called `name` now."""
        self.network.box.await_carrier(self.far)
        self.outward.close()
        self.outward = replay.sender(self.network.server, name)

    def half(self, port, first):
        """The first or the second half of such a connection, cut between NEGOTIATE and VALIDATE."""
        frames = replay.frames(ALTERED)
        cut = len(frames) // 2
        for frame, inward in frames[:cut] if first else frames[cut:]:
            self.send(replay.on_port(frame, inward, port), inward)

    def count(self):
        """[to the server, from it]: how many frames altered() sends."""
        ways = [inward for _, inward in replay.frames(ALTERED)]
        return [ways.count(True), ways.count(False)]

    def link(self):
        """What `ip link` says of the end that is watched."""
        return json.loads(self.network.server.run("ip", "-json", "link", "show", "dev", self.near))[0]

    def close(self):
        self.inward.close()
        self.outward.close()


@contextlib.contextmanager
def lab():
    """A network whose own interfaces nobody watches."""
    network = net.Network()
    try:
        yield network
    finally:
        network.close()


def await_log(host, text, seconds=20):
    net.wait_for(f"negwatchd to say {text!r}", lambda: text in host.said(), seconds, 0.02)


def await_state(host, name, state, seconds=20):
    """Waits until status tells that state of an interface (None: does not tell of it); returns its row."""
    def there():
        row = host.interfaces().get(name)
        return (row or {}).get("state") == state and (row or True)
    return net.wait_for(f"{name} to be {state}", there, seconds, 0.02)


def await_flow(host, port):
    """Waits until the daemon knows the connection from that port, up to the answer to NEGOTIATE."""
    net.wait_for(f"the connection from port {port}", lambda: any(
        flow["client_port"] == port and "response" in flow["negotiate"][-1] for flow in host.objects("flows")
        if flow.get("negotiate")), 20, 0.02)


def alerts_of(host, port):
    return [stage.rule(alert) for alert in host.alerts() if alert.get("src_port") == port]


def attached(namespace, dev):
    """What of ours is on an interface, as text. Debian's bpftool does not know tcx."""
    show = namespace.run("bpftool", "net", "show", "dev", dev)
    index = json.loads(namespace.run("ip", "-json", "link", "show", "dev", dev))[0]["ifindex"]
    names = [f"{dev}: tcx {name}" for where in (bpf.TCX_INGRESS, bpf.TCX_EGRESS)
             for name in sniffer.socket_in(namespace, lambda where=where: bpf.tcx(index, where))]
    return [line.strip() for line in [*show.splitlines(), *names] if "nw_" in line]


