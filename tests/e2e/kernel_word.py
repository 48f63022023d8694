# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of the kernel's own word on resets: sent and accepted, not sent, not accepted, and absent without harm."""
import contextlib
import ctypes
import json
import os
import socket
import struct

import stage
from lab import daemon, logsocket, net, samba

LINGER_RESET = struct.pack("ii", 1, 0)
TCP_REPAIR, TCP_REPAIR_QUEUE, TCP_QUEUE_SEQ = 19, 20, 21  # linux/tcp.h
SEND_QUEUE, REPAIR_OFF = 2, -1                            # the latter sends no window probe
CLONE_NEWNET = 0x40000000
FIN, RST, ACK = 0x01, 0x04, 0x10
ADDRESS = net.server_address(3)  # where no smbd is
NOBODY = ["--reuid", "65534", "--regid", "65534", "--clear-groups"]
CAPS = "-all,+bpf,+net_admin,+perfmon"
HIDE_BTF = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"]


@contextlib.contextmanager
def inside(namespace):
    """This thread's new sockets are the namespace's."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", "rb") as home, open(namespace.path, "rb") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            if libc.setns(home.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")


def negotiate():
    """A NEGOTIATE request that offers 3.0.2 (MS-SMB2 2.2.3)."""
    header = struct.pack("<4sHHIHHIIQIIQ16s", b"\xfeSMB", 64, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, bytes(16))
    body = struct.pack("<HHHHI16sQH", 36, 1, 1, 0, 0x7f, bytes(range(16)), 0, 0x0302)
    return struct.pack(">I", len(header) + len(body)) + header + body


class Scene:
    """A lab with a daemon at the server's host, and one connection after another that it follows."""

    def __init__(self, network, **how):
        self.network, self.used = network, 0
        self.host = daemon.Daemon(network, network.server, [network.server_dev], **how)
        with inside(network.server):
            self.listener = socket.create_server((ADDRESS, 445))
        self.listener.settimeout(20)
        network.on_close(self.listener.close)
        self.speaks = json.loads(self.host.ask("status", "--json").stdout)["status"]["kernel_resets"]

    def connect(self, to=ADDRESS):
        """A connection whose NEGOTIATE request the daemon has seen: the client's socket, and who it is."""
        client = self.network.use_client(self.used)[":" in to]
        self.used += 1
        with inside(self.network.client):
            sock = socket.create_connection((to, 445), timeout=20)
        self.network.on_close(sock.close)
        sock.sendall(negotiate())
        net.wait_for("the daemon to see NEGOTIATE", lambda: any(f["negotiate"] for f in self.host.flows(client)), 20)
        return sock, client

    def pair(self, to=ADDRESS):
        """The same with our own server at the other end, which has read nothing yet."""
        sock, client = self.connect(to)
        accepted = self.listener.accept()[0]
        accepted.settimeout(20)
        self.network.on_close(accepted.close)
        return sock, accepted, client

    def reset(self, client, wanted, reason=None):
        """Waits until the flow has a reset with exactly these values; returns the flow."""
        seen = []

        def there():
            seen[:] = self.host.flows(client)
            return any(wanted.items() <= {**r, "reason": r.get("reason")}.items() for f in seen for r in f["resets"])
        if reason and self.speaks.get("reasons"):
            wanted = {**wanted, "reason": reason}
        try:
            net.wait_for("the reset", there, 20, 0.02)
        except net.LabError:
            raise stage.Failed(f"no reset with {wanted}: {json.dumps(seen)}\n{self.host.said()}") from None
        return seen[0]


def position(sock):
    """The next sequence number that the socket's end will send."""
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR_QUEUE, SEND_QUEUE)
    seq = sock.getsockopt(socket.IPPROTO_TCP, TCP_QUEUE_SEQ) & 0xffffffff
    sock.setsockopt(socket.IPPROTO_TCP, TCP_REPAIR, REPAIR_OFF)
    return seq


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def inject(namespace, sock, seq, flags):
    """Sends a segment in the name of the socket, past its host's TCP."""
    (src, sport), (dst, dport) = sock.getsockname()[:2], sock.getpeername()[:2]
    src, dst = src.removeprefix("::ffff:"), dst.removeprefix("::ffff:")
    ends = socket.inet_aton(src) + socket.inet_aton(dst)
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, 0, 5 << 4, flags, 0, 0, 0)
    tcp = tcp[:16] + struct.pack(">H", checksum(ends + struct.pack(">HH", 6, len(tcp)) + tcp)) + tcp[18:]
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0) + ends
    with inside(namespace), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(ip + tcp, (dst, 0))


def sent_and_accepted():
    """What the host's TCP does itself, with the reason where the kernel tells it."""
    with net.Network() as network:
        here = Scene(network)
        if not here.speaks["available"]:
            raise stage.Failed(f"the kernel has no word: {here.speaks}")
        ours = {"by": "server", "forged": "no", "kernel": "sent"}
        # closed with the request unread, as by a killed process
        _, accepted, client = here.pair()
        accepted.close()
        flow = here.reset(client, ours, "TCP_ABORT_ON_CLOSE")
        if flow["end"].get("kernel") != "sent":
            raise stage.Failed(f"the end does not repeat it: {flow['end']}")
        # closed with linger 0, which is a disconnect to the kernel
        _, accepted, client = here.pair()
        accepted.recv(1000)
        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        accepted.close()
        here.reset(client, ours)
        # a packet for a socket that nobody holds any more is answered with a reset: sent before it is seen
        sock, accepted, client = here.pair()
        accepted.recv(1000)
        accepted.close()
        sock.recv(1)
        sock.sendall(negotiate())
        here.reset(client, ours)
        # the client's own reset
        sock, _, client = here.pair()
        ends, seq = sock.dup(), position(sock)
        network.on_close(ends.close)
        inject(network.client, ends, seq, RST)
        flow = here.reset(client, {"by": "client", "forged": "no", "kernel": "accepted"})
        if flow["end"] != {**flow["end"], "by": "client", "how": "rst", "kernel": "accepted"}:
            raise stage.Failed(f"the end: {flow['end']}")
        # a packet for no socket at all, of which kernels before 6.10 don't tell
        here.listener.close()
        inject(network.client, ends, seq, FIN | ACK)
        if here.speaks["reasons"]:
            here.reset(client, ours, "NO_SOCKET")


def both_families():
    """IPv6, and IPv4 on a socket for both, as most servers have it."""
    with net.Network() as network:
        here = Scene(network)
        ours = {"by": "server", "forged": "no", "kernel": "sent"}
        here.listener.close()
        with inside(network.server):
            here.listener = socket.create_server(("::", 445), family=socket.AF_INET6, dualstack_ipv6=True)
        here.listener.settimeout(20)
        network.on_close(here.listener.close)
        for to in (ADDRESS, net.server_address(3, six=True)):
            _, accepted, client = here.pair(to)
            accepted.close()
            here.reset(client, ours, "TCP_ABORT_ON_CLOSE")
            sock, accepted, client = here.pair(to)
            accepted.recv(1000)
            accepted.close()
            sock.recv(1)
            sock.sendall(negotiate())
            here.reset(client, ours)
            sock, accepted, client = here.pair(to)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            sock.close()
            here.reset(client, {"by": "client", "forged": "no", "kernel": "accepted"})
        if here.speaks["reasons"]:  # that it is a socket of this host is known
            _, accepted, client = here.pair()
            inject(network.server, accepted, position(accepted), RST)
            here.reset(client, {"by": "server", "kernel": "not-sent"})


def smbd_reset():
    """A real smbd's connection, aborted under it."""
    with net.Network() as network:
        samba.Server(network)
        here = Scene(network)
        _, client = here.connect(net.server_address(0))
        network.server.run("ss", "--kill", "--tcp", "dst", client)
        here.reset(client, {"by": "server", "forged": "no", "kernel": "sent"})


def not_sent():
    """A reset in the server's name past its own TCP is foreign: rule 107, in all that is told of it."""
    with net.Network() as network:
        here = Scene(network)
        if not here.speaks.get("reasons"):
            return
        sock, accepted, client = here.pair()
        inject(network.server, accepted, position(accepted), RST)
        flow = here.reset(client, {"by": "server", "forged": "certain", "kernel": "not-sent"})
        if "not_sent" not in flow["resets"][0]["signs"]:
            raise stage.Failed(f"the signs lack not_sent: {flow['resets']}")
        alert = net.wait_for("alert 107", lambda: [a for a in here.host.alerts(client) if stage.rule(a) == 107], 20)[0]
        if "this host's TCP did not send the reset" not in alert["negwatch"]["text"]:
            raise stage.Failed(f"the alert says: {alert['negwatch']['text']}")
        line = net.wait_for("its line", lambda: [text for _, text in list(here.host.log.lines) if client in text], 20)[0]
        if logsocket.fields(line).get("kernel") != "not-sent":
            raise stage.Failed(f"syslog: {line}")
        shown = here.host.ask("show", str(alert["negwatch"]["alert_id"])).stdout
        if "did not send it" not in " ".join(shown.split()):
            raise stage.Failed(f"show: {shown}")


def not_accepted():
    """A reset that the server's TCP does not take has ended nothing."""
    with net.Network() as network:
        here = Scene(network)
        sock, accepted, client = here.pair()
        inject(network.client, sock, (position(sock) + 0x10000000) & 0xffffffff, RST)
        flow = here.reset(client, {"by": "client", "kernel": "not-accepted"})
        if "end" in flow:
            raise stage.Failed(f"the flow ended: {flow['end']}")
        accepted.recv(1000)
        sock.sendall(b"\0")
        if accepted.recv(1) != b"\0":
            raise stage.Failed("the lab itself: the connection did not survive")


def nobody():
    """As the unit's user: nobody, with exactly the three capabilities, of which CAP_NET_ADMIN stays (rights.py)."""
    with net.Network() as network:
        here = Scene(network, before=["setpriv", *NOBODY, "--inh-caps", CAPS, "--ambient-caps", CAPS])
        with open(f"/proc/{here.host.process.pid}/status", encoding="ascii") as status:
            state = dict(line.rstrip().split(":\t") for line in status if line.startswith(("Uid", "CapEff")))
        if not state["Uid"].startswith("65534") or int(state["CapEff"], 16) != 1 << 12:
            raise stage.Failed(f"the daemon is not what it was to be: {state}")
        if not here.speaks["available"]:
            raise stage.Failed(f"the kernel has no word: {here.speaks}")
        _, accepted, client = here.pair()
        accepted.close()
        here.reset(client, {"by": "server", "kernel": "sent"}, "TCP_ABORT_ON_CLOSE")
        if here.speaks["reasons"]:
            # asks sock_diag, too
            _, accepted, client = here.pair()
            inject(network.server, accepted, position(accepted), RST)
            here.reset(client, {"by": "server", "kernel": "not-sent"})


def without_btf():
    """Where the kernel does not describe itself: status and doctor say so, and all else works."""
    with net.Network() as network:
        here = Scene(network, before=HIDE_BTF)
        if here.speaks["available"] or "/sys/kernel/btf" not in here.speaks["why"]:
            raise stage.Failed(f"status says: {here.speaks}")
        said = " ".join(here.host.ask("status").stdout.split())
        if "kernel's word on resets: no, because" not in said:
            raise stage.Failed(f"status says: {said}")
        _, accepted, client = here.pair()
        accepted.close()
        flow = here.reset(client, {"by": "server", "forged": "no"})
        if "kernel" in flow["resets"][0] or flow["end"]["how"] != "rst":
            raise stage.Failed(f"the flow: {flow}")
        doctor = network.server.run(*HIDE_BTF, "sh", "-c", f"{daemon.CLI} doctor --json {network.server_dev} || true")
        rows = {row["check"]: row for row in json.loads(doctor)["checks"]}
        if rows["resets"]["state"] != "warn" or "no, because" not in rows["resets"]["text"] or \
                rows["programs"]["state"] != "ok":
            raise stage.Failed(f"doctor says: {rows['resets']}, {rows['programs']}")


TESTS = {"sent-and-accepted": sent_and_accepted, "both-families": both_families, "smbd": smbd_reset,
         "not-sent": not_sent, "not-accepted": not_accepted, "nobody": nobody, "without-btf": without_btf}
