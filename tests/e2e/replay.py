# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Replays captures over a veth pair into the running daemon; it has to find what `negwatch read` finds in the file."""
import glob
import json
import os
import socket
import struct
import subprocess
import time

import stage
from lab import daemon, net, sniffer, vlantap

# The tree's own captures and, where they are at hand, those of the larger lab; or what NEGWATCH_CAPTURES names.
OWN = os.path.join(daemon.ROOT, "tests", "captures")
OTHERS = os.environ.get("NEGWATCH_CAPTURES") or os.path.join(daemon.ROOT, "..", "shared", "captures", "lab")
STRANGER = bytes.fromhex("02006e770001")  # a destination that is nobody's: the kernel must not answer what is replayed
DEVICE = "nwtun"
ETHERTYPES = {4: 0x0800, 6: 0x86DD}         # by IP version
AGAIN = 0.05                              # seconds; a reset that takes longer to the next interface may be another, and what comes
                                          # so long behind one shows that its sender lives on (bpf/tap.h)
ATTEMPTS = 9                              # how often a file is played again because a frame took that long
UNANSWERED = 106                          # depends on the time that passes, which a replay does not keep


def files():
    return sorted(glob.glob(os.path.join(OWN, "*.pcap"))) + sorted(glob.glob(os.path.join(OTHERS, "*.pcap")))


def frames(path):
    """The frames of a classic pcap file with Ethernet frames, as (frame, whether it goes to the server)."""
    with open(path, "rb") as capture:
        data = capture.read()
    order = {0xA1B2C3D4: "<", 0xA1B23C4D: "<", 0xD4C3B2A1: ">", 0x4D3CB2A1: ">"}.get(struct.unpack_from("<I", data)[0])
    if order is None or struct.unpack_from(order + "I", data, 20)[0] != 1:
        raise stage.Failed(f"{path} is no pcap file with Ethernet frames; only those can be replayed")
    at, result = 24, []
    while at + 16 <= len(data):
        length = struct.unpack_from(order + "I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + length]
        at += 16 + length
        result.append((STRANGER + frame[6:], to_server(frame)))
    return result


def on_port(frame, inward, port):
    """The frame as of another connection of the same client: from that port."""
    at = tcp_header(frame) + (0 if inward else 2)
    return frame[:at] + struct.pack(">H", port) + frame[at + 2:]


def link_header(frame):
    """The length of a frame's Ethernet header with its tags."""
    at = 12
    while struct.unpack_from(">H", frame, at)[0] in (0x8100, 0x88A8):
        at += 4
    return at + 2


def tcp_header(frame):
    """Where the TCP header of an IPv4 or (plain) IPv6 frame begins."""
    at = link_header(frame)
    return at + (frame[at] & 15) * 4 if frame[at] >> 4 == 4 else at + 40


def to_server(frame):
    """Whether a TCP frame goes to an SMB port; others are taken for the client's."""
    source, target = struct.unpack_from(">HH", frame, tcp_header(frame))
    return target in sniffer.PORTS or source not in sniffer.PORTS


def wanted(path):
    """What `negwatch read` finds: a set of (client address, port, rule, fields)."""
    done = subprocess.run([daemon.CLI, "read", "--json", "--vantage", "between", path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    if done.returncode not in (0, 1):
        raise stage.Failed(f"negwatch read ended with status {done.returncode}: {done.stderr.strip()}")
    flows = [entry for entry in map(json.loads, done.stdout.splitlines()) if entry["type"] == "flow"]
    return {(flow["client_ip"], flow["client_port"], finding["rule"], tuple(sorted(finding.get("fields", []))))
            for flow in flows for finding in flow["findings"] if finding["rule"] != UNANSWERED}


def told(host, after):
    """The same of the daemon's alerts behind the first `after`."""
    return {(alert["src_ip"], alert["src_port"], stage.rule(alert),
             tuple(sorted(alert["negwatch"]["finding"].get("fields", []))))
            for alert in host.alerts()[after:] if stage.rule(alert) != UNANSWERED}


def sender(namespace, interface, hears=0):
    """A socket that sends frames out of an interface, and receives what has the protocol that it hears."""
    def make():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(hears))
        sock.bind((interface, hears))
        return sock
    return sniffer.socket_in(namespace, make)


def play(host, path, send, port=None):
    """Sends a file's frames by send(frame, inward); a daemon has to find what is in it. With a port, the file's one
    connection comes from there: the same file again is another connection."""
    expected = {(client, port or own, *rest) for client, own, *rest in wanted(path)}
    before = len(host.alerts())

    def found():
        return {alert for alert in told(host, before) if port in (None, alert[1])}

    for frame, inward in frames(path):
        send(on_port(frame, inward, port) if port else frame, inward)
    try:
        net.wait_for("the findings of the file", lambda: expected <= found(), 20, 0.02)
    except net.LabError:
        pass
    if found() != expected:
        raise stage.Failed(f"only offline: {sorted(expected - found())}\nonly live: {sorted(found() - expected)}\n"
                           f"daemon said: {host.said()[-600:]}")


class Replay:
    """A daemon on one end of a veth pair, and a socket on either end to send from."""

    def __init__(self, ingress):
        self.network = net.Network()
        try:
            self.host = daemon.Daemon(self.network, self.network.server, [self.network.server_dev], ingress=ingress,
                                      answer_timeout=600)
            self.inward = self._socket(self.network.box, self.network.box_server)
            self.outward = self._socket(self.network.server, self.network.server_dev)
        except BaseException:
            self.network.close()
            raise

    def _socket(self, namespace, interface):
        sock = sender(namespace, interface)
        self.network.on_close(sock.close)
        return sock

    def send(self, frame, inward):
        (self.inward if inward else self.outward).send(frame)

    def play(self, path):
        play(self.host, path, self.send)


class TunReplay(Replay):
    """The same over a tun device, whose packets have no link header: in by the device's file, out by a socket."""

    def __init__(self):
        self.network = net.Network()
        try:
            self.tun = sniffer.socket_in(self.network.server, lambda: vlantap.open_tun(DEVICE))
            self.network.on_close(lambda: os.close(self.tun))
            self.network.server.ip(f"link set {DEVICE} mtu 65535 up")
            self.host = daemon.Daemon(self.network, self.network.server, [DEVICE], answer_timeout=600)
            self.socket = self._socket(self.network.server, DEVICE)
        except BaseException:
            self.network.close()
            raise

    def send(self, frame, inward):
        packet = frame[link_header(frame):]
        if inward:
            os.write(self.tun, packet)
        else:
            self.socket.send(packet)


class TwiceReplay(Replay):
    """Over interfaces on which every frame can be seen twice."""

    slowest, passed = 0, 0  # seconds from frame to frame; when the last one had passed

    def watch(self, interfaces, **options):
        self.host = daemon.Daemon(self.network, self.network.server, interfaces, ingress="tc", answer_timeout=600,
                                  **options)

    def hear(self, inward, outward):
        """Each is (namespace, interface): the last that a frame of that direction passes. A socket for one protocol
        hears a frame that comes in behind the programs there, one for all protocols would before them."""
        self.arrivals = {}
        for direction, place in ((True, inward), (False, outward)):
            for protocol in ETHERTYPES.values():
                sock = self.arrivals[direction, protocol] = sender(*place, protocol)
                sock.settimeout(20)
                self.network.on_close(sock.close)

    def send(self, frame, inward):
        """A server answers what has reached it: the next frame goes when this one has passed all interfaces."""
        begin = self.passed or time.monotonic()
        self.hand(frame, inward)
        packet = frame[link_header(frame):]
        ear = self.arrivals[inward, ETHERTYPES[packet[0] >> 4]]
        while not ear.recv(1 << 17).endswith(packet):
            pass
        self.passed = time.monotonic()
        self.slowest = max(self.slowest, self.passed - begin)

    def hand(self, frame, inward):
        (self.inward if inward else self.outward).send(frame)

    def counted(self):
        """The programs' counters of packets that may be SMB's, and of events."""
        values = {row["name"]: row["value"] for row in self.host.objects("stats")["counters"]}
        return values["packets"] - sum(values[name] for name in ("not_ip", "not_tcp", "other_port")), values["events"]

    def events(self, path, wanted_packets=0, port=None):
        """Plays a file; returns how many packets and events it made, and how many alerts came twice. Notes how long its
        slowest frame took."""
        packets, events = self.counted()
        known = len(self.host.alerts())
        self.slowest = self.passed = 0
        play(self.host, path, self.send, port)
        try:
            net.wait_for("the packets", lambda: self.counted()[0] - packets >= wanted_packets, 20, 0.01)
        except net.LabError:
            pass
        after = self.counted()
        fresh = self.host.alerts()[known:]
        keys = [(alert["src_ip"], alert["src_port"], stage.rule(alert)) for alert in fresh]
        return after[0] - packets, after[1] - events, len(keys) - len(set(keys))


class LoopReplay(TwiceReplay):
    """Loopback, which every frame leaves and enters."""

    def __init__(self, both):
        self.network = net.Network()
        try:
            self.watch(["lo"], egress="tc" if both else "none")
            self.inward = self.outward = self._socket(self.network.server, "lo")
            self.hear((self.network.server, "lo"), (self.network.server, "lo"))
        except BaseException:
            self.network.close()
            raise


class BridgeReplay(TwiceReplay):
    """A bridge, and its port."""

    def __init__(self, both):
        self.network = net.Network()
        try:
            port = self.network.server_dev
            # promiscuous: the stranger's frames are to reach the bridge's own device, too
            self.network.server.ip("link add nwbr type bridge", f"link set {port} master nwbr",
                                   "link set nwbr promisc on", "link set nwbr up")
            self.watch([port, "nwbr"] if both else [port])
            self.inward = self._socket(self.network.box, self.network.box_server)
            self.outward = self._socket(self.network.server, "nwbr")
            self.hear((self.network.server, "nwbr"), (self.network.box, self.network.box_server))
        except BaseException:
            self.network.close()
            raise


class VlanReplay(TwiceReplay):
    """A VLAN interface (the lab's own, kernels without 802.1Q have no other), and its parent, where the tag is on."""

    def __init__(self, both):
        self.network = net.Network(vlan=10)
        try:
            parent, inner = self.network.server_dev, self.network.inner_dev
            self.watch([parent, inner] if both else [parent])
            self.inward = self._socket(self.network.box, self.network.box_server)
            self.outward = self._socket(self.network.server, inner)
            self.hear((self.network.server, inner), (self.network.box, self.network.box_server))
        except BaseException:
            self.network.close()
            raise

    def hand(self, frame, inward):
        super().hand(frame[:12] + struct.pack(">HH", 0x8100, 10) + frame[12:] if inward else frame, inward)


TWICE = {"lo": LoopReplay, "bridge": BridgeReplay, "vlan": VlanReplay}


def twice(one, two, path):
    """What is wrong with a file that is seen once and twice; None: nothing."""
    for port in (None, *range(50001, 50001 + ATTEMPTS)):
        single = one.events(path, port=port)
        double = two.events(path, 2 * single[0], port)
        if double == (2 * single[0], single[1], 0):
            return None
        slowest = max(one.slowest, two.slowest)
        if slowest < AGAIN:
            break
    return f"packets, events, repeated alerts: seen once {single}, seen twice {double}; slowest {slowest:.3f} s"


def run_twice(name, report):
    """Each capture once seen once and once seen twice: twice the packets, the same events and findings."""
    for end in (".srv.pcap", ".cli.pcap"):
        one, two = TWICE[name](False), None
        try:
            two = TWICE[name](True)
            for path in (path for path in files() if path.endswith(end)):
                if name == "vlan" and any(link_header(frame) > 14 for frame, _ in frames(path)):
                    continue
                try:
                    problem = twice(one, two, path)
                except (stage.Failed, net.LabError, OSError, KeyError, struct.error) as failure:
                    problem = str(failure) or repr(failure)
                report.result(f"replay/{name}/{os.path.basename(path)[:-5]}", problem)
        finally:
            one.network.close()
            if two:
                two.network.close()


def run(hook, report):
    """Replays every capture into a daemon with one kind of ingress hook. A routed connection was recorded at both ends
    with the same addresses and sequence numbers, and would be its own retransmission: one daemon for each end."""
    if hook in TWICE and files():
        run_twice(hook, report)
        return
    if not files():
        report.result(f"replay/{hook}", skip=f"no *.pcap in {OWN} and {OTHERS}")
        return
    for end in (".srv.pcap", ".cli.pcap"):
        replay = TunReplay() if hook == "tun" else Replay(hook)
        try:
            for path in (path for path in files() if path.endswith(end)):
                problem = None
                try:
                    replay.play(path)
                except (stage.Failed, net.LabError, OSError, KeyError, struct.error) as failure:
                    problem = str(failure) or repr(failure)
                report.result(f"replay/{hook}/{os.path.basename(path)[:-5]}", problem)
        finally:
            replay.network.close()
