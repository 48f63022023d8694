# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Forged and genuine resets between two real TCP stacks: what grade either host's daemon gives, against the truth."""
import socket
import struct

import stage
from lab import daemon, injector, net, sniffer

OUTCOME_WAIT = 5  # seconds; what is to follow a reset follows within it even when this process is slow
LINGER = struct.pack("ii", 1, 0)
ACK_RST = injector.RST | injector.ACK
SESSION, GUID = 0x1122334455667788, bytes(range(16))


def message(command, body, *, answer=False, mid=0, signed=False):
    header = struct.pack("<4sHHIHHIIQIIQ16s", b"\xfeSMB", 64, 1, 0, command, 31, answer | signed << 3, 0, mid, 0, 0,
                         SESSION if command else 0, bytes(16))
    return struct.pack(">I", len(header) + len(body)) + header + body


def negotiate(answer):
    if answer:
        return message(0, struct.pack("<HHHH16sIIIIQQHHI", 65, 1, 0x0302, 0, GUID, 0x4F, 65536, 65536, 65536, 0, 0, 128,
                                      0, 0), answer=True)
    return message(0, struct.pack("<HHHHI16sQ2H", 36, 2, 1, 0, 0x7F, GUID, 0, 0x0300, 0x0302))


def validate(answer):
    head = struct.pack("<HHI16s", 49 if answer else 57, 0, 0x00140204, b"\xff" * 16)
    if answer:
        return message(11, head + struct.pack("<IIIIII", 112, 0, 112, 24, 0, 0)
                       + struct.pack("<I16sHH", 0x4F, GUID, 1, 0x0302), answer=True, mid=3, signed=True)
    return message(11, head + struct.pack("<IIIIIIII", 120, 28, 0, 0, 0, 24, 1, 0)
                   + struct.pack("<I16sHH2H", 0x7F, GUID, 1, 2, 0x0300, 0x0302), mid=3, signed=True)


ECHO, ECHOED = message(13, b"\4\0\0\0", mid=4), message(13, b"\4\0\0\0", answer=True, mid=4)


def unacknowledged(sock):
    """How many segments the socket's TCP still has to hear of: tcpi_unacked of struct tcp_info (linux/tcp.h)."""
    return struct.unpack_from("=I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]


class Pair:
    """A connection between the lab's client and server, after NEGOTIATE and a VALIDATE request that nobody answered."""

    def __init__(self, lab, port):
        self.lab, self.port = lab, port
        address = net.server_address(0)
        self.ends = {"client": ("10.77.1.10", port), "server": (address, 445)}

        def connect():
            sock = socket.socket()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.bind(self.ends["client"])
            sock.settimeout(20)
            sock.connect(self.ends["server"])
            return sock
        self.sent = {"client": 0, "server": 0}
        self.client = sniffer.socket_in(lab.network.client, connect)
        self.server = lab.listener.accept()[0]
        self.server.settimeout(20)
        self.say("client", negotiate(False))
        self.say("server", negotiate(True))
        self.say("client", validate(False))

    def say(self, by, data, read=True):
        sender, reader = (self.client, self.server) if by == "client" else (self.server, self.client)
        sender.sendall(data)
        self.sent[by] += len(data)
        while read and data:
            data = data[len(reader.recv(len(data))):]

    def go_on(self):
        """Both ends talk; one of them may be dead."""
        for by, data in (("server", validate(True)), ("client", ECHO), ("server", ECHOED), ("client", ECHO)):
            try:
                self.say(by, data)
            except OSError:
                return

    def forge(self, toward, **how):
        """Sends the forgery when the line is silent: a delayed acknowledgement that meets the dead socket is answered
        with a reset of its own, and then the other end has nothing more to say."""
        by = "client" if toward == "server" else "server"
        net.wait_for("all to be acknowledged", lambda: not any(map(unacknowledged, (self.client, self.server))), 20)
        self.lab.injector.reset(self.ends[by], self.ends[toward], self.sent[by], self.sent[toward], **how)

    def close(self):
        self.client.close()
        self.server.close()


# --- the table: what happens; which end is forged at the server's host and at the client's; the grades that are right

COPY = {"ttl": None, "ident": None}


def forged(toward, then=None, **how):
    def play(pair):
        for end in ("server", "client") if toward == "both" else (toward,):
            pair.forge(end, **how)
        if then:
            pair.lab.reset_at(pair, toward)
            try:
                then(pair)
            except OSError:  # an end that noticed
                pass
    return play


def from_server(pair):
    pair.say("server", validate(True), read=False)


def from_client(pair):
    pair.say("client", ECHO, read=False)


def lost_race(pair):
    pair.say("server", validate(True))
    pair.forge("client", ahead=-140)
    pair.lab.reset_at(pair, "client")
    pair.go_on()
    pair.go_on()


def outside(ahead, **how):
    def play(pair):
        pair.forge("server", ahead=ahead, **how)
        pair.lab.reset_at(pair, "server")
        pair.go_on()
        pair.go_on()
    return play


def linger(by, before=None):
    def play(pair):
        end = pair.client if by == "client" else pair.server
        if before:
            before(pair, end)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        end.close()
    return play


def unread(pair):
    pair.say("client", ECHO, read=False)
    net.wait_for("data to be unread", lambda: pair.server.recv(1, socket.MSG_PEEK))
    pair.server.close()


def late_data(pair):
    pair.server.close()
    net.wait_for("the FIN", lambda: pair.client.recv(1) == b"")
    pair.say("client", ECHO, read=False)


def client_gone(pair):
    pair.client.close()
    net.wait_for("the FIN", lambda: pair.server.recv(1) == b"")
    pair.say("server", validate(True), read=False)


def killed(pair):
    pair.lab.network.server.run("ss", "-K", "sport", "=", "445", "dport", "=", str(pair.port))


def new_path(pair, end):
    end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 57)
    pair.say("client", ECHO)
    pair.say("server", ECHOED)


def new_path_at_last(_, end):
    end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 57)


def two_paths(pair, end):
    for ttl in (60, 64, 60, 64):
        end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
        pair.say("client", ECHO)
        pair.say("server", ECHOED)
    end.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 60)


# A client whose server was reset in its name soon repeats what nobody acknowledged, if it had not been: certain then.
CERTAIN, LIKELY, EITHER = {"certain"}, {"likely"}, {"likely", "certain"}
HONEST, ANY = {"no", "likely"}, {"no", "likely", "certain"}
# name, what happens, grade of what is forged in the client's name (at the server's host), in the server's (at the client's)
FORGED = [
    ("toward the server", forged("server"), EITHER, None),
    ("toward the server, the client goes on", forged("server", from_client), EITHER, None),
    ("toward the client", forged("client"), None, LIKELY),
    ("toward the client, the server answers", forged("client", from_server), None, EITHER),
    ("toward both", forged("both"), LIKELY, LIKELY),
    ("late, behind the answer", lambda pair: (pair.go_on(), pair.forge("client")), None, LIKELY),
    ("lost the race", lost_race, None, CERTAIN),
    ("out of window", outside(1 << 28), CERTAIN, None),
    ("in window, not exact (RFC 5961)", outside(100), CERTAIN, None),
    ("out of window, all looks copied", outside(1 << 28, **COPY), CERTAIN, None),
    ("TTL copied", forged("server", ttl=None), ANY, None),
    ("TTL copied, bare RST with a window", forged("server", ttl=None, window=8192), ANY, None),
    ("TTL, IP id, window copied", forged("both", **COPY), HONEST, HONEST),
    ("all copied, RST/ACK", forged("both", flags=ACK_RST, window=None, **COPY), HONEST, HONEST),
    ("all copied, the server answers", forged("client", from_server, **COPY), None, EITHER),
]
# name, what happens, the highest grade that a reset of it may have
GENUINE = [
    ("abort with unread data", unread, "no"),
    ("SO_LINGER 0 of the client", linger("client"), "no"),
    ("SO_LINGER 0 of the server", linger("server"), "no"),
    ("late data on a dead socket", late_data, "no"),
    ("data for a client that has gone", client_gone, "no"),
    ("ss -K", killed, "no"),
    ("the path changed before", linger("client", new_path), "no"),
    ("the path changes at the reset", linger("client", new_path_at_last), "likely"),
    ("two paths of another TTL", linger("client", two_paths), "no"),
]
GRADES = ["no", "likely", "certain"]


class Lab:
    """Network, injector, a listener and both daemons."""

    def __init__(self, **options):
        self.network = net.Network()
        try:
            self.injector = injector.Injector(self.network)
            self.listener = sniffer.socket_in(
                self.network.server, lambda: socket.create_server((net.server_address(0), 445)))
            self.network.on_close(self.listener.close)
            self.listener.settimeout(20)
            self.hosts = {
                "server": daemon.Daemon(self.network, self.network.server, [self.network.server_dev], ingress="tc",
                                        **options),
                "client": daemon.Daemon(self.network, self.network.client, [self.network.client_dev], ingress="tc",
                                        **options)}
        except BaseException:
            self.network.close()
            raise

    def flow(self, host, pair):
        return next((flow for flow in self.hosts[host].flows(pair.ends["client"][0])
                     if flow["client_port"] == pair.port), None)

    def resets(self, host, pair):
        flow = self.flow(host, pair)
        return flow["resets"] if flow else []

    def reset_at(self, pair, host):
        """Waits until the daemon of a host has seen a reset."""
        net.wait_for(f"a reset at the {host}'s host", lambda: self.resets(host, pair), 20, 0.02)

    def rules(self, host, pair):
        return {stage.rule(alert) for alert in self.hosts[host].alerts(pair.ends["client"][0])
                if alert["src_port"] == pair.port}


def said(resets):
    return ", ".join(f"{reset['by']} {reset['forged']} ({' '.join(reset['signs']) or '-'})"
                     + (" survived" if reset.get("survived") else "") for reset in resets) or "-"


class View:
    """What both daemons say at one moment of all connections: a few questions, not some for each row."""

    def __init__(self, lab):
        client = "10.77.1.10"
        self.flows = {name: {flow["client_port"]: flow for flow in host.flows(client)} for name, host in lab.hosts.items()}
        self.alerts = {name: host.alerts(client) for name, host in lab.hosts.items()}

    def flow(self, host, pair):
        return self.flows[host].get(pair.port)

    def resets(self, host, pair):
        return (self.flow(host, pair) or {}).get("resets", [])

    def rules(self, host, pair):
        return {stage.rule(alert) for alert in self.alerts[host] if alert["src_port"] == pair.port}


class Played:
    """A row that was played, and what the last view says of it."""

    def __init__(self, row, pair, problem):
        self.row, self.pair, self.problem = row, pair, problem
        self.told, self.at = False, {"server": [], "client": []}

    def look(self, view, check):
        """A daemon forgets a connection a minute after its end: the last word on it stands."""
        if self.problem or not all(view.flow(host, self.pair) for host in self.at):
            return
        self.at = {host: view.resets(host, self.pair) for host in self.at}
        said = check(view, self.row, self.pair)
        self.told, self.problem = said is True, said if isinstance(said, str) else None


def play(lab, rows, report, check, first):
    """Plays all rows, looks at what was played behind each, and goes on until all is told."""
    played = []

    def look():
        view = View(lab)
        for one in played:
            one.look(view, check)
        return all(one.told or one.problem for one in played)
    for number, row in enumerate(rows):
        pair = Pair(lab, first + number)
        try:
            row[1](pair)
            problem = None
        except (OSError, net.LabError) as failure:
            problem = f"the lab itself: {failure!r}"
        played.append(Played(row, pair, problem))
        look()
    late = None
    try:
        net.wait_for("all rows to be told", look, 20, 0.05)
    except net.LabError as failure:
        late = str(failure)
    for one in played:
        problem = one.problem or (None if one.told else late)
        print(f"# {one.row[0]:38} | {said(one.at['server']):52} | {said(one.at['client'])}", flush=True)
        report.result(f"forgery/{one.row[0]}", problem and f"{problem}\n{one.at}")
        one.pair.close()


def check_forged(lab, row, pair):
    """True, or what is missing yet is false."""
    for host, name, wanted in (("server", "client", row[2]), ("client", "server", row[3])):
        mine = [reset for reset in lab.resets(host, pair) if reset["by"] == name]
        others = [reset for reset in lab.resets(host, pair) if reset["by"] != name]
        if any(reset["forged"] == "certain" for reset in others):
            return f"a genuine reset is graded certain at the {host}'s host"
        if not wanted:
            continue
        if not mine or mine[0]["forged"] not in wanted:
            return False
        rules, doubted = lab.rules(host, pair), mine[0]["forged"] != "no"
        if doubted and 107 not in rules:
            return False
        if doubted and rules & {104, 105, 108}:
            return f"an end is blamed for a forged reset at the {host}'s host: {sorted(rules)}"
    if row[0].startswith(("lost", "out of", "in window")):
        host = "client" if row[3] else "server"
        return bool(lab.resets(host, pair)[0].get("survived")) and "end" not in lab.flow(host, pair)
    return True


def check_genuine(lab, row, pair):
    seen = lab.resets("server", pair), lab.resets("client", pair)
    if not seen[0] or not seen[1]:
        return False
    worst = max(GRADES.index(reset["forged"]) for resets in seen for reset in resets)
    return worst <= GRADES.index(row[2]) or f"graded {GRADES[worst]}, at most {row[2]} is right"


def run(report):
    """The tables of truth and grade."""
    lab = Lab(outcome_wait=OUTCOME_WAIT)
    try:
        print(f"# {'forged':38} | {'at the server: in the name of, grade (signs)':52} | at the client", flush=True)
        play(lab, FORGED, report, check_forged, 41000)
        print("# genuine", flush=True)
        play(lab, GENUINE, report, check_genuine, 42000)
    finally:
        lab.network.close()
