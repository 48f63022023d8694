# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Hostile clients: whoever can send to port 445 must not stall the daemon, exhaust memory or disk, hide what happens to
another client, forge lines in a log, or make negwatch accuse somebody. One row for each, with its figure.
"""
import contextlib
import json
import os
import signal
import socket
import stat
import struct
import time

import cable
import flood
import forgery
import journal
import replay
import stage
from lab import net, sniffer

FLOOD, GREEDY = 60000, "10.66.6.6"
ESCAPES = b"\x1b]0;pwned\x07\n<11>x"  # 16 bytes: a GUID that renames a terminal and begins a line of its own


def row(what, figure):
    print(f"# {what:46} | {figure}", flush=True)


def as_client(frame, inward, address, port):
    """The frame as of that client."""
    at = replay.link_header(frame) + (12 if inward else 16)
    frame = replay.on_port(frame, inward, port)
    return frame[:at] + socket.inet_aton(address) + frame[at + 4:]


def alter_as(here, address, port):
    """A conversation that meets rule 101, of that client."""
    for frame, inward in here.frames:
        here.wire.send(as_client(frame, inward, address, port), inward)


def memory(host):
    """KiB of its own: of the ring it has mapped more the further it was read."""
    with open(f"/proc/{host.process.pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def work(host):
    """Seconds that the daemon's loop has worked: what it waited for a CPU is no fault of its own."""
    with open(f"/proc/{host.process.pid}/schedstat", encoding="ascii") as text:
        return int(text.read().split()[0]) / 1e9


def drained(host):
    """Waits until the daemon has read all that the programs have told."""
    def read():
        stats = json.loads(host.ask("stats", "--json").stdout)["stats"]
        return stats["engine"]["events"] == next(row["value"] for row in stats["counters"] if row["name"] == "events")
    net.wait_for("the ring to be read", read, 20, 0.01)


def server_of(here):
    """(MAC address, IPv4 address) that the frames of the file go to."""
    frame = next(frame for frame, inward in here.frames if inward)
    at = replay.link_header(frame)
    return frame[:6], socket.inet_ntoa(frame[at + 16:at + 20])


def alerted(host, address):
    return [stage.rule(alert) for alert in host.alerts(address)]


def victim_is_told(here, host, port, what):
    net.wait_for(f"the victim's alert {what}", lambda: cable.alerts_of(host, port) == [101], 20, 0.05)


def stall():
    """Floods of every kind, while questions are asked: each is answered at once, nothing is lost or found."""
    with journal.place() as here:
        host = here.daemon(max_flows=4096)
        maker, slowest, hardest, refused = flood.Flood(*server_of(here), 5), 0.0, 0.0, 0
        here.wire.altered(host)
        before = len(host.alerts())
        for number in range(FLOOD):
            kind = flood.Flood.KINDS[number % 5]
            with contextlib.suppress(OSError):
                here.wire.send(kind(maker), True)
            if number % 2000 == 0:  # they are 1,200 events; half of the ring, from which on it counts by client, has 2,001
                begun, worked = time.monotonic(), work(host)
                refused = journal.status(host)["losses"]["flows"]
                slowest, hardest = max(slowest, time.monotonic() - begun), max(hardest, work(host) - worked)
                drained(host)
            if number == FLOOD // 4:
                settled = memory(host)
        state = journal.status(host)
        row(f"stall: {FLOOD} packets of five kinds", f"slowest answer {slowest * 1000:.0f} ms, most work for one "
            f"{hardest * 1000:.0f} ms, events lost {state['losses']['events']}, flows refused {refused}, "
            f"memory {settled} to {memory(host)} KiB")
        journal.wants("findings of the flood", len(host.alerts()) - before, 0)
        journal.wants("events lost", state["losses"]["events"], 0)
        # 2 s of work are a stall on any machine; 20 s of waiting are one even beside much other work.
        if hardest > 2 or slowest > 20 or memory(host) > settled + 16384:
            raise stage.Failed("the daemon was slow, or grew")
        here.wire.altered(host)
        journal.wants("its end", host.close(), 0)


def disk():
    """Thousands of clients that nobody knows raise an alert each: the journal keeps to its size, and goes on."""
    with journal.place() as here:
        host = here.daemon(journal_file_kib=64, journal_kib=1024, fold_window="10 min", syslog_rate=20)
        for number in range(2000):
            alter_as(here, f"10.99.{number >> 8}.{number & 255}", 4000)
            if number % 200 == 199:  # so many clients at once are more than the ring has room for
                net.wait_for("them to be told", lambda number=number: journal.status(host)["alerts"]["since_start"] > number,
                             20, 0.05)
        net.wait_for("closed files to be packed", lambda: here.filled() < 64 << 10 and not here.files("alerts-*.jsonl"), 20, 0.1)

        def used():
            with contextlib.suppress(FileNotFoundError):  # the oldest goes when the last was packed
                return sum(os.stat(os.path.join(here.state, name)).st_blocks * 512 for name in os.listdir(here.state))
            return None
        try:  # the fold table (384 KiB), the cursor, the last file
            net.wait_for("old files to go", lambda: 0 < (used() or 0) <= (1024 + 64 + 512) * 1024, 20, 0.1)
        except net.LabError as problem:
            raise stage.Failed(f"{problem}: {used()} bytes in {os.listdir(here.state)}") from None
        row("disk: 2000 strangers, an alert each", f"{used() // 1024} KiB in the state directory, journal_kib = 1024")
        journal.wants("its end", host.close(), 0)


def flows():
    """One client begins more flows than the table has places, within an exchange of another."""
    with journal.place() as here:
        host, port, begun = here.daemon(max_flows=4096), next(cable.PORTS), time.monotonic()
        start = [(frame, inward) for frame, inward in here.frames[:6]]
        here.wire.half(port, True)
        for number in range(8000):
            for frame, inward in start[:4]:  # handshake, NEGOTIATE
                here.wire.send(as_client(frame, inward, GREEDY, 1024 + number), inward)
        here.wire.half(port, False)
        victim_is_told(here, host, port, "beside a flood of flows")
        state = journal.status(host)
        share = 4096 // 16 + 4096 // 128 * (time.monotonic() - begun)  # at once, and a second
        row("hide, by flows: 8000 of one client, 4096 places", f"the other's alert is told; refused "
            f"{state['losses']['flows']}, connections now {state['engine']['connections_now']}, its share {share:.0f}")
        # The other's, and a flow or two that CPUs forget to count
        if state["engine"]["connections_now"] > 1.1 * share + 10 or not state["losses"]["flows"]:
            raise stage.Failed("the flood got more than its share")


def ring():
    """The daemon is stopped, one client fills the ring; then another one's request is altered."""
    with journal.place() as here:
        host, port = here.daemon(ring_buffer_kib=512), next(cable.PORTS)
        mac, server = server_of(here)
        source = socket.inet_aton(GREEDY)
        hello = forgery.negotiate(False)

        def greedy(flags, seq, ack, data=b""):
            here.wire.send(flood.frame(mac, source, socket.inet_aton(server), 5555, 445, flags, seq, ack, data), True)
        os.kill(host.process.pid, signal.SIGSTOP)
        try:
            greedy(flood.SYN, 0, 0)
            for number in range(5000):
                greedy(flood.PUSH | flood.ACK, 1 + number * len(hello), 1, hello)
            for frame, inward in here.frames:
                here.wire.send(replay.on_port(frame, inward, port), inward)
        finally:
            os.kill(host.process.pid, signal.SIGCONT)
        victim_is_told(here, host, port, "behind a full ring")
        # Counters are compared each second, numbers when the next event of the same CPU comes.

        def seen():
            lost = journal.status(host)["losses"]["events"]
            return lost if lost >= 4000 else None
        lost = net.wait_for("the loss to be seen", seen, 20, 0.05)
        row("hide, by events: 5000 while nobody reads", f"the other's alert is told; lost and said {lost}")
        net.wait_for("rule 190", lambda: 190 in [stage.rule(alert) for alert in host.alerts()], 20, 0.05)


def rate():
    """One client's alerts use up syslog's rate; another's is told one by one still."""
    with journal.place() as here:
        host, begun = here.daemon(syslog_rate=1, syslog_burst=40), time.monotonic()
        for number in range(300):
            alter_as(here, GREEDY, 3000 + number)
        port = next(cable.PORTS)
        alter_as(here, "10.7.7.7", port)

        def told():
            return [pairs for pairs in here.lines() if pairs.get("src_ip") == "10.7.7.7"]
        net.wait_for("the other's line in syslog", told, 20, 0.05)
        greedy = sum(pairs.get("src_ip") == GREEDY for pairs in here.lines())
        row("hide, by alerts: 300 of one client", f"{greedy} of them in syslog (syslog_burst = 40), the other's too")
        if greedy > 40 + 1 + time.monotonic() - begun:
            raise stage.Failed("there was no limit to be fair about")


def escapes():
    """GUIDs, text and padding that are terminal escapes and lines of their own: they stay numbers wherever they are shown."""
    with journal.place() as here:
        host, port = here.daemon(record="exchanges"), next(cable.PORTS)
        guid = next(frame for frame, inward in here.frames if inward and b"\xfeSMB" in frame)
        at = guid.index(b"\xfeSMB") + 76
        guid = guid[at:at + 16]
        for frame, inward in here.frames:
            here.wire.send(replay.on_port(frame.replace(guid, ESCAPES), inward, port), inward)
        victim_is_told(here, host, port, "with a hostile GUID")
        number = str(host.alerts()[-1]["negwatch"]["alert_id"])
        texts = {" ".join(verb): host.ask(*verb).stdout for verb in (
            ("alerts",), ("alerts", "--json"), ("show", number), ("show", number, "--json"), ("flows",), ("peers",),
            ("flows", "--json"), ("peers", "--json"), ("status",), ("metrics",), ("read", cable.ALTERED))}
        with open(os.path.join(here.state, "alerts.jsonl"), encoding="latin-1") as lines:
            texts["journal"] = lines.read()
        texts |= {f"syslog {at}": text for at, (_, text) in enumerate(list(here.log.lines))}
        texts["output"] = host.said()
        bad = [name for name, text in texts.items()
               if any(ord(char) < 0x20 and char != "\n" or ord(char) > 0x7e for char in text) or "pwned" in text]
        journal.wants("texts with bytes of the packet", bad, [])
        shown = ESCAPES[3::-1].hex()  # a GUID's first part, as Windows writes it
        if shown not in texts["alerts --json"]:
            raise stage.Failed(f"the GUID is not shown: {shown}")
        row("forge: a GUID of escapes and newlines", f"{len(texts)} outputs, {sum(map(len, texts.values()))} characters, "
            "none below a blank or above a tilde")


class Talk(forgery.Pair):
    """A connection after its NEGOTIATE."""

    def __init__(self, lab, port):  # pylint: disable=super-init-not-called # not as far as that goes
        self.lab, self.port = lab, port
        self.ends = {"client": ("10.77.1.10", port), "server": (net.server_address(0), 445)}
        self.sent = {"client": 0, "server": 0}

        def connect():
            sock = socket.socket()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.bind(self.ends["client"])
            sock.settimeout(20)
            sock.connect(self.ends["server"])
            return sock
        self.client = sniffer.socket_in(lab.network.client, connect)
        self.server = lab.listener.accept()[0]
        self.server.settimeout(20)

    def spoof(self, by, ahead, data, ack_ahead=0):
        """A segment in the name of one end, so many bytes behind what it has sent; by a stranger (another TTL)."""
        source, target = self.ends[by], self.ends["server" if by == "client" else "client"]

        def there():
            seen = self.lab.injector.last.get((*source, *target))
            return seen if seen and seen["sent"] >= self.sent[by] else None
        look = net.wait_for("its packets in the box", there)
        tcp = struct.pack(">HHIIBBHHH", source[1], target[1], look["end"] + ahead & 0xFFFFFFFF,
                          look["ack"] + ack_ahead & 0xFFFFFFFF, 0x50, flood.PUSH | flood.ACK, 8192, 0, 0) + data
        ends = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
        total = forgery.injector.checksum(ends + struct.pack(">BBH", 0, 6, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
        self.lab.injector.raw.sendto(struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0x4000, 33, 6, 0) + ends + tcp,
                                     (target[0], 0))

    def received(self, by, count):
        """What the other end's TCP took of it."""
        reader, data = self.server if by == "client" else self.client, b""
        with contextlib.suppress(OSError):
            while len(data) < count:
                data += reader.recv(count - len(data)) or b"?" * count
        return data


def other(message):
    """The same message with another GUID: an alteration, wherever it is believed."""
    return message.replace(forgery.GUID, bytes(reversed(forgery.GUID)))


# name, who is spoofed, how far behind what it has sent, the message, before which step of the conversation
NEGOTIATE, VALIDATE = forgery.negotiate(False), forgery.validate(False)
SPOOFS = [
    ("NEGOTIATE again, old bytes", "client", -len(NEGOTIATE), other(NEGOTIATE), 2),
    ("NEGOTIATE response again, old bytes", "server", -len(forgery.negotiate(True)), other(forgery.negotiate(True)), 2),
    ("NEGOTIATE far ahead", "client", 1 << 28, other(NEGOTIATE), 2),
    ("NEGOTIATE far behind", "client", -(1 << 28), other(NEGOTIATE), 2),
    ("NEGOTIATE response far ahead", "server", 1 << 28, other(forgery.negotiate(True)), 2),
    ("NEGOTIATE response far behind", "server", -(1 << 28), other(forgery.negotiate(True)), 2),
    ("VALIDATE far ahead", "client", 1 << 28, other(VALIDATE), 2),
    ("VALIDATE far behind", "client", -(1 << 28), other(VALIDATE), 2),
    ("VALIDATE answer far ahead", "server", 1 << 28, other(forgery.validate(True)), 3),
    ("VALIDATE answer far behind", "server", -(1 << 28), other(forgery.validate(True)), 3),
    ("VALIDATE again, old bytes", "client", -len(VALIDATE), other(VALIDATE), 3),
    ("VALIDATE behind the window", "client", 200000, other(VALIDATE), 2),
    ("VALIDATE half a window ahead", "client", 20000, other(VALIDATE), 2),
    ("VALIDATE answer half a window ahead", "server", 20000, other(forgery.validate(True)), 3),
    ("first message far ahead, before NEGOTIATE", "client", 1 << 28, other(NEGOTIATE), 0),
    ("NEGOTIATE response before any request", "server", 1 << 28, other(forgery.negotiate(True)), 0),
]
STEPS = [("client", NEGOTIATE), ("server", forgery.negotiate(True)), ("client", VALIDATE),
         ("server", forgery.validate(True)), ("client", forgery.ECHO), ("server", forgery.ECHOED)]


def spoofed():
    """Segments in the name of an end, beside a connection that was seen from its start: nobody is accused."""
    lab = forgery.Lab()
    try:
        accused, whole = [], 0
        for number, (name, by, ahead, data, before) in enumerate(SPOOFS):
            pair = Talk(lab, 43000 + number)
            for step, (sender, message) in enumerate(STEPS):
                if step == before:
                    pair.spoof(by, ahead, data)
                    time.sleep(0.02)  # the spoofed segment comes first
                try:
                    pair.say(sender, message)
                except OSError as problem:
                    raise stage.Failed(f"{name}: step {step}: {problem}") from None
            pair.close()
            for host in ("server", "client"):
                net.wait_for(f"{name}: the end at the {host}'s host",
                             lambda host=host, pair=pair: "end" in (lab.flow(host, pair) or {}), 20, 0.02)
                if lab.rules(host, pair) & {101, 102, 103, 109, 111}:
                    accused.append(f"{name}, {host}: {sorted(lab.rules(host, pair))}")
                seen = lab.flow(host, pair)["validate"]
                if any(exchange.get("request_differs") or exchange.get("response_differs") for exchange in seen):
                    accused.append(f"{name}, {host}: {json.dumps(seen)}")
                whole += len(seen) == 1 and seen[0].get("request_differs") == seen[0].get("response_differs") == []
        # The next byte exactly, which nobody knows who does not see the connection: then the server's TCP takes it, too.
        pair = Talk(lab, 43900)
        for sender, message in STEPS[:2]:
            pair.say(sender, message)
        pair.spoof("client", 0, other(VALIDATE))
        taken = pair.received("client", len(VALIDATE)) == other(VALIDATE)
        pair.say("server", forgery.validate(True), read=False)  # the client's TCP wonders what is acknowledged there
        net.wait_for("what the server believed, too", lambda: 101 in lab.rules("server", pair), 20, 0.02)
        pair.close()
        row(f"accuse: {len(SPOOFS)} spoofs, two hosts each", f"{len(accused)} accusations, {whole} of "
            f"{2 * len(SPOOFS)} exchanges compared in spite of it; with the exact next byte 1, and the server's TCP took "
            f"it: {taken}")
        journal.wants("accused", accused, [])
        journal.wants("the exact one was taken", taken, True)
    finally:
        lab.network.close()


def made_up():
    """Whole connections in another's name, of one side or with a guessed answer: the server never took part."""
    with journal.place() as here:
        host = here.daemon()
        mine = [frame for frame, inward in here.frames if inward]
        ways = {"without a handshake": [frame for frame in mine if b"\xfeSMB" in frame], "with a SYN": mine}
        for number, sent in enumerate(ways.values()):
            for client in range(50):
                for frame in sent:
                    here.wire.send(as_client(frame, True, f"10.50.{number}.{client + 1}", 7777), True)
        port = next(cable.PORTS)
        alter_as(here, "10.51.1.1", port)  # what came later is told
        victim_is_told(here, host, port, "behind made-up connections")
        time.sleep(1.2)  # outcome_wait, twice
        found = [alert for alert in host.alerts() if stage.rule(alert) in (101, 102, 103, 109)
                 and alert["src_ip"].startswith("10.50.")]
        row("accuse: 100 connections that the server never had", f"{len(found)} accusations")
        journal.wants("accused", [(alert["src_ip"], stage.rule(alert)) for alert in found[:5]], [])


def files():
    """Links and pipes in the place of each file of the daemon's: none is followed, written to, or waited for."""
    names = ("alerts.jsonl", "alerts.cursor", "alerts.folds", "alerts.gz.tmp", "peers.jsonl", "peers.jsonl.new")
    refused = 0
    for kind in ("symlink", "hard link", "pipe"):
        for name in (*names, "metrics.prom", "metrics.prom.new", "control.sock"):
            with journal.place() as here:
                victim = os.path.join(here.network.directory, "precious")
                with open(victim, "w", encoding="ascii") as out:
                    out.write("precious")
                where = os.path.join(here.directory if name == "control.sock" else here.state, name)
                if kind == "pipe":
                    os.mkfifo(where)
                else:
                    (os.symlink if kind == "symlink" else os.link)(victim, where)
                try:
                    host = here.daemon(metrics_file=os.path.join(here.state, "metrics.prom"))
                    here.alter()
                    net.wait_for("the alert", lambda: cable.alerts_of(host, 0) or host.alerts(), 20, 0.02)
                    wanted = 0
                    net.wait_for("the metrics", lambda: os.path.exists(os.path.join(here.state, "metrics.prom")), 20, 0.02)
                    status = host.close()
                    mode = stat.S_IMODE(os.stat(os.path.join(here.state, "alerts.jsonl")).st_mode)
                    if mode & 0o027:
                        raise stage.Failed(f"the journal's mode is {mode:o}")
                except net.LabError as problem:
                    if f"{name}" not in str(problem):
                        raise stage.Failed(f"{kind} {name}: {problem}") from None
                    refused, status, wanted = refused + 1, 0, 0
                journal.wants(f"{kind} {name}: end", status, wanted)
                with open(victim, encoding="ascii") as text:
                    journal.wants(f"{kind} {name}: the file behind it", text.read(), "precious")
    row("files: 9 names, links, hard links, pipes", f"27 starts, {refused} refused with the name of the file, nothing followed")


TESTS = {"stall": stall, "disk": disk, "flows": flows, "ring": ring, "rate": rate, "escapes": escapes, "spoofed": spoofed,
         "made-up": made_up, "files": files}
