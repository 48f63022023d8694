# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Faults: what negwatch does when its host lets it down. One row for each: the fault, what negwatch does, the loss that
it counts, and the loss that is proven by what the test has sent. Those of time are in clocks.py.
"""
import datetime
import os
import resource
import signal
import struct
import time

import cable
import hostile
import interfaces
import journal
import life
import replay
import stage
from lab import logsocket, net

ACCUSES = {101, 102, 103, 109}
STOPPED, TIMEOUT = 10, 8  # seconds; of the latter most may pass before the stop
IPV4 = replay.ETHERTYPES[4]
RING_KIB, RING_EACH = 256, 150
RING_LEAST, MESSAGE, SMALL = 65536, 648, 416  # bytes; of a usual message's event and of others, with the ring's own 8
FLOWS, OLD, TOO_MANY = 512, 128, 1024
LIVES = 5
BROKEN = ("nonsense:\n", "max_flows = many\n", "no_such_key = 1\n", "interfaces = nwa\nsyslog_rate = -1\n", "[half\n")


def row(fault, behaviour, counted, proven):
    print(f"# {fault:28} | {behaviour:74} | {counted:34} | {proven}", flush=True)


class Talks:
    """Connections of many clients over the cable; what was sent is counted, and has passed the programs."""

    def __init__(self, here):
        self.here, self.sent = here, 0
        self.altered, self.good = here.frames, replay.frames(cable.UNTOUCHED)
        self.ear = replay.sender(here.network.server, here.wire.near, IPV4)
        self.ear.settimeout(20)
        here.network.on_close(self.ear.close)

    def play(self, frames, client, port=4000):
        for frame, inward in frames:
            self.here.wire.send(hostile.as_client(frame, inward, client, port), inward)
            if inward:  # else a busy host may drop what waits to be received
                self.ear.recv(1)
        self.sent += len(frames)

    def arrived(self, host):
        """Waits until the programs have seen all of it; returns their counters."""
        def seen():
            count = {entry["name"]: entry["value"] for entry in host.objects("stats")["counters"]}
            smb = count["packets"] - sum(count[name] for name in ("not_ip", "not_tcp", "other_port"))
            return smb >= self.sent and count
        return net.wait_for("all packets to be seen", seen, 20, 0.02)

    def events(self, host, frames, client):
        """How many events one such connection makes."""
        before = journal.status(host)["engine"]["events"]
        self.play(frames, client)
        sent = self.arrived(host)["events"]
        return net.wait_for("its events", lambda: self.read(host) == sent and sent, 20, 0.02) - before

    @staticmethod
    def read(host):
        return journal.status(host)["engine"]["events"]


def halves(frames):
    """Cut between NEGOTIATE and VALIDATE."""
    cut = len(frames) // 2
    return frames[:cut], frames[cut:]


def accused(host, net_):
    """Rules that say "altered", of clients of that network."""
    return [(alert["src_ip"], stage.rule(alert)) for alert in host.objects("alerts", "--client", net_)
            if stage.rule(alert) in ACCUSES]


def found_behind(here, host):
    """What comes after the fault is found."""
    port = next(cable.PORTS)
    hostile.alter_as(here, "10.9.9.9", port)
    hostile.victim_is_told(here, host, port, "behind the fault")


def ring_overflow():
    """Nobody reads while more events come than the ring holds."""
    with journal.place() as here:
        host, talks = here.daemon(ring_buffer_kib=RING_KIB), Talks(here)
        each = [talks.events(host, talks.altered, "10.8.0.1"), talks.events(host, talks.good, "10.8.0.2")]
        begin, rest = halves(talks.good)
        total = sum(each)
        for number in range(1, 11):
            talks.play(begin, f"10.21.0.{number}")
        talks.arrived(host)
        os.kill(host.process.pid, signal.SIGSTOP)
        try:
            for number in range(RING_EACH):
                talks.play(talks.altered, f"10.22.{number >> 8}.{number & 255}")
                talks.play(talks.good, f"10.23.{number >> 8}.{number & 255}")
            for number in range(1, 11):
                talks.play(rest, f"10.21.0.{number}")   # what was begun before goes on, unread
                talks.play(begin, f"10.24.0.{number}")  # what goes on afterwards begins, unread
        finally:
            os.kill(host.process.pid, signal.SIGCONT)
        talks.arrived(host)
        net.wait_for("the loss", lambda: journal.status(host)["losses"]["events"], 20, 0.05)
        for number in range(1, 11):
            talks.play(rest, f"10.24.0.{number}")
        talks.arrived(host)
        total += RING_EACH * sum(each) + 20 * each[1]

        def balance():
            state = journal.status(host)
            return state["engine"]["events"] + state["losses"]["events"] == total and state
        try:
            state = net.wait_for("read and lost to be what was sent", balance, 20, 0.05)
        except net.LabError:
            state = journal.status(host)
            raise stage.Failed(f"sent {total} events; read {state['engine']['events']}, counted as lost "
                               f"{state['losses']['events']}") from None
        lost, read = state["losses"]["events"], state["engine"]["events"]
        found_behind(here, host)
        journal.wants("untouched ones that are called altered", [accused(host, f"10.{n}.0.0/16") for n in (21, 23, 24)],
                      [[], [], []])
        told = len(accused(host, "10.22.0.0/16"))
        whole = [(flow["client_ip"], flow["observed"]) for n in range(1, 11) for flow in host.flows(f"10.24.0.{n}")
                 if flow["observed"] == "full"]
        journal.wants("flows without their NEGOTIATE that are called seen in full", whole, [])
        journal.wants("its end", host.close(), 0)
        journal.wants("said to be lost", sum(int(pairs["count"]) for pairs in here.lines() if pairs["rule"] == "190"), lost)
        if lost < RING_EACH or told == RING_EACH:
            raise stage.Failed(f"the ring was not filled: lost {lost}, told {told}")
        row("ring overflow", f"{told} of {RING_EACH} altered told; 0 untouched accused; what comes behind is found",
            f"{lost} events, said by rule 190", f"{total} sent - {read} read = {total - read}")


def behind(frame, other):
    """The frame as the next of its sender behind another one, which acknowledges no more."""
    at, tcp = replay.tcp_header(frame), replay.tcp_header(other)
    sent = len(other) - tcp - (other[tcp + 12] >> 4) * 4
    seq, ack = struct.unpack_from(">II", other, tcp + 4)
    return frame[:at + 4] + struct.pack(">II", seq + sent & 0xFFFFFFFF, ack) + frame[at + 12:]


def lost_between():
    """A ring that has no room for a VALIDATE pair, and then for the request behind it, which alone would mean that the
    client does not validate (110). All of that is read at once."""
    with journal.place() as here:
        host, talks = here.daemon(ring_buffer_kib=RING_LEAST // 1024), Talks(here)
        asked = next(at for at, (frame, _) in enumerate(talks.good) if validates(frame))
        used = asked + 2
        bye = next(frame for frame, inward in talks.good if inward and frame[replay.tcp_header(frame) + 13] & 1)
        hello = talks.good[:4]  # three of the handshake, and NEGOTIATE
        leave = (behind(bye, hello[3][0]), True)
        sent = talks.events(host, talks.good[:asked], "10.25.0.1")
        few = next(few for few in range(6) if (RING_LEAST - 1 - few * SMALL) % MESSAGE >= SMALL)
        many = (RING_LEAST - 1 - few * SMALL) // MESSAGE
        os.kill(host.process.pid, signal.SIGSTOP)
        try:
            for number in range(1, many + 1):
                talks.play([*hello, leave] if number <= few else hello, f"10.26.0.{number}")
            talks.play(talks.good[asked:used + 1], "10.25.0.1")
        finally:
            os.kill(host.process.pid, signal.SIGCONT)
        sent += many + few + 4
        net.wait_for("what fitted to be read", lambda: talks.read(host) >= sent - 3, 20, 0.02)
        talks.play([(behind(bye, talks.good[used][0]), True)], "10.25.0.1")
        talks.arrived(host)
        net.wait_for("all to be read", lambda: talks.read(host) >= sent - 2, 20, 0.02)
        flow = net.wait_for("its end", lambda: [flow for flow in host.flows("10.25.0.1") if "end" in flow], 20, 0.02)[0]
        state = journal.status(host)
        journal.wants("read, lost", (state["engine"]["events"], state["losses"]["events"]), (sent - 2, 2))
        journal.wants("the flow", (flow["observed"], flow["validate"], [s["what"] for s in flow["steps"]][-1:]),
                      ("partial", [], ["use"]))
        journal.wants("told of it", hostile.alerted(host, "10.25.0.1"), [])
        found_behind(here, host)
        row("loss amid a connection", "known before what comes behind it is judged: no rule 110 for a VALIDATE that was lost",
            f"{state['losses']['events']} events", f"{sent} sent - {sent - 2} read = 2, the VALIDATE pair")


def stopped():
    """SIGSTOP for 10 s, which is longer than an answer may take, and on."""
    with journal.place() as here:
        host, talks = here.daemon(answer_timeout=f"{TIMEOUT} s"), Talks(here)
        asked = next(at for at, (frame, _) in enumerate(talks.good) if validates(frame)) + 1
        talks.play(talks.good[:asked], "10.31.0.1")
        talks.arrived(host)
        sent = {}
        os.kill(host.process.pid, signal.SIGSTOP)
        try:
            talks.play(talks.good[asked:], "10.31.0.1")  # answered at once, and read 10 s later
            end = time.monotonic() + STOPPED
            while time.monotonic() < end:
                client = f"10.32.0.{len(sent) + 1}"
                before = time.time()
                talks.play(talks.altered, client)
                sent[client] = before, time.time()
                time.sleep(STOPPED / 50)
        finally:
            os.kill(host.process.pid, signal.SIGCONT)
        begun = time.monotonic()
        net.wait_for("the alerts", lambda: len(accused(host, "10.32.0.0/16")) >= len(sent), 20, 0.05)
        took = time.monotonic() - begun
        told = host.objects("alerts", "--client", "10.32.0.0/16")
        late = [(sent[alert["src_ip"]], stamp(alert)) for alert in told
                if not sent[alert["src_ip"]][0] - 0.01 <= stamp(alert) <= sent[alert["src_ip"]][1] + 0.01]
        journal.wants("told of what was answered meanwhile", hostile.alerted(host, "10.31.0.1"), [])
        lost = journal.status(host)["losses"]["events"]
        journal.wants("events lost", lost, 0)
        journal.wants("alerts with another time than their packets'", late, [])
        found_behind(here, host)
        row(f"SIGSTOP for {STOPPED} s", f"all {len(sent)} told {took:.1f} s after it, by their own time; no timeout made up",
            f"{lost} events", f"{len(sent)} altered sent, {len(told)} told")


def validates(frame):
    """Is it a request FSCTL_VALIDATE_NEGOTIATE_INFO? (MS-SMB2 2.2.31)"""
    at = frame.find(b"\xfeSMB")
    return at >= 0 and frame[at + 12:at + 14] == b"\x0b\0" and not frame[at + 16] & 1 and b"\x04\x02\x14\0" in frame[at:]


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def stamp(alert):
    return seconds(alert["timestamp"])


def lru_pressure():
    """More connections at once than there is room for, all of which validate later."""
    with journal.place() as here:
        host, talks = here.daemon(max_flows=FLOWS), Talks(here)
        (begin, rest), (good_begin, good_rest) = halves(talks.altered), halves(talks.good)
        old = [f"10.41.0.{number}" for number in range(1, OLD + 1)]
        new = [f"10.42.{number >> 7}.{number & 127}" for number in range(TOO_MANY)]
        for client in old:
            talks.play(good_begin, client)
        for client in new:
            talks.play(begin, client)
        talks.arrived(host)
        state = net.wait_for("the evictions", lambda: (found := journal.status(host))["engine"]["connections"]
                             == OLD + TOO_MANY and found, 20, 0.05)
        kernel, engine = state["losses"]["flows_evicted"], state["engine"]["evicted"]
        for client in reversed(new):
            talks.play(rest, client)
        for client in old:
            talks.play(good_rest, client)
        sent = talks.arrived(host)["events"]
        net.wait_for("all events to be read", lambda: talks.read(host) == sent, 20, 0.05)
        found_behind(here, host)
        after = journal.status(host)
        told = len({client for client, _ in accused(host, "10.42.0.0/16")})
        journal.wants("untouched ones that are called altered", accused(host, "10.41.0.0/16"), [])
        journal.wants("refused", state["losses"]["flows"], 0)
        missing, most = TOO_MANY - told, after["losses"]["flows_evicted"] + after["engine"]["evicted"]
        # Whoever is evicted by either is missing; those that begin anew amid their connection evict others in turn.
        if not max(kernel, engine) - OLD <= missing <= most or not missing or not told:
            raise stage.Failed(f"evicted {kernel} and {engine}, {most} in the end, yet {missing} of {TOO_MANY} are missing")
        row(f"LRU: {OLD + TOO_MANY} flows, {FLOWS} places", f"{told} of {TOO_MANY} altered told, 0 of {OLD} untouched accused",
            f"evicted {kernel} in the kernel, {engine} here", f"{missing} not told")


def restarted():
    """Killed and restarted under load, five times."""
    with journal.place() as here:
        load, spans, sure, unsure, unseen = life.Traffic(here.wire), [], 0, 0, 0
        partial = 0
        for _ in range(LIVES):
            host = here.daemon()
            if spans:
                here.wire.half(spans[-1], False)
                net.wait_for("what spans the restart", lambda: partial_flow(host, spans[-1]), 20, 0.02)
                partial += 1
            here.alter(10)
            net.wait_for("the alerts", lambda: journal.status(host)["alerts"]["by_rule"].get("101", 0) >= 10, 20, 0.02)
            sure += 10
            spans.append(next(cable.PORTS))
            here.wire.half(spans[-1], True)
            here.alter(5)
            unsure += 5
            host.kill()
            here.alter(3)
            unseen += 3
        load.close()
        last = here.daemon()
        net.wait_for("syslog to have all", lambda: journal.status(last)["syslog"]["backlog"] == 0, 60, 0.05)
        journal.wants("exit status", last.close(), 0)
        alerts = here.journalled()
        journal.told_right(here, alerts)
        journal.wants("of connections that span a restart", [a for a in alerts if a.get("src_port") in spans], [])
        journal.wants("rules", {stage.rule(alert) for alert in alerts} - {101}, set())
        if not sure <= len(alerts) <= sure + unsure:
            raise stage.Failed(f"{len(alerts)} alerts, {sure} of them had been told, {unsure} more may have been")
        row(f"killed, restarted, {LIVES} times", f"{sure} told stay told, none twice; {load.connections} others meanwhile",
            f"{partial} flows seen in part", f"{unseen} sent to nobody, {sure + unsure - len(alerts)} died with it")


def partial_flow(host, port):
    return [flow for flow in host.objects("flows") if flow["client_port"] == port and flow["observed"] != "full"]


def reload_broken():
    """Every kind of broken configuration, and none at all, read while it watches."""
    with journal.place() as here:
        path = os.path.join(here.network.directory, "conf")

        def configure(text):
            with open(path, "w", encoding="ascii") as config:
                config.write(text)
        configure("answer_timeout = 60 s\n")
        host = here.daemon(config=path)
        links, kept = interfaces.ids(host), 0
        with open(host.output, encoding="utf-8") as output:
            said = []
            for number, text in enumerate((*BROKEN, None), 1):
                if text is None:
                    os.unlink(path)
                else:
                    configure(text)
                here.wire.half(port := next(cable.PORTS), True)
                host.process.send_signal(signal.SIGHUP)
                net.wait_for("the refusal", lambda number=number: said.append(output.read())
                             or "".join(said).count("The configuration stays as it was") == number, 20, 0.02)
                here.wire.half(port, False)
                hostile.victim_is_told(here, host, port, f"around {text!r}")
                kept += 1
        journal.wants("hooks", interfaces.ids(host), links)
        lost = journal.status(host)["losses"]["events"]
        journal.wants("events lost", lost, 0)
        configure("answer_timeout = 60 s\n")
        host.process.send_signal(signal.SIGHUP)
        cable.await_log(host, "Configuration read again")
        row("config broken at reload", f"{kept} kinds refused, with file and line; hooks and settings stay", f"{lost} events",
            f"{kept} connections across a reload, {kept} told")


def disk():
    """The disk is full, or read-only: alerts go to syslog, and what the journal lacks is counted."""
    for name, test in (("disk full", journal.full_disk), ("disk read-only", journal.read_only)):
        unwritten, told = test()
        row(name, "alerts go to syslog, told once; the journal goes on by itself", f"{unwritten} unwritten",
            f"{told} in syslog, {told - unwritten} in the journal")


def syslog_gone():
    """Nobody listens at the socket; the journal holds what is to be told."""
    with journal.place() as here:
        host = here.daemon()
        here.alter(3)
        net.wait_for("the first", lambda: len(here.lines()) == 3, 20, 0.02)
        before = list(here.log.lines)
        here.close()
        here.alter(30)
        net.wait_for("the backlog", lambda: journal.status(host)["syslog"]["backlog"] == 30, 20, 0.02)
        here.log = logsocket.LogSocket(here.path)
        net.wait_for("all to arrive", lambda: journal.status(host)["syslog"]["backlog"] == 0, 40, 0.05)
        here.log.lines[:0] = before
        plain, copies, twice = journal.told_right(here, here.journalled())
        journal.wants("told late, told twice", (plain + copies, twice), (33, 0))
        found_behind(here, host)
        row("syslog gone", f"journalled meanwhile, sent when it is back, {copies} as replayed", "backlog 30, dropped "
            f"{journal.status(host)['syslog']['dropped']}", f"33 told, {plain + copies} arrived, {twice} twice")


def interface_gone():
    """The interface that is watched is deleted, and made anew."""
    with journal.place() as here:
        host = here.daemon()
        here.wire.altered(host)
        here.network.server.ip("link del nwa")
        cable.await_state(host, "nwa", "absent")
        plugin = host.ask("check")
        if plugin.returncode != 2 or "no interface is watched" not in plugin.stdout:
            raise stage.Failed(f"check says {plugin.stdout!r}")
        here.wire = cable.Cable(here.network, "nwa")
        cable.await_state(host, "nwa", "watched")
        here.wire.altered(host)
        found_behind(here, host)
        row("interface gone", "said, `check` is CRITICAL; watched again when it is back",
            f"{journal.status(host)['losses']['events']} events", "no packet could come; before and after all told")


def truncated():
    """The journal is cut anywhere, by a crash or by hand: each byte is a unit test's (journal), some are a daemon's."""
    with journal.place() as here:
        host = here.daemon()
        here.alter(5)
        net.wait_for("the alerts", lambda: len(here.lines()) == 5, 20, 0.02)
        journal.wants("exit status", host.close(), 0)
        path = os.path.join(here.state, "alerts.jsonl")
        with open(path, "rb") as file:
            whole = file.read()
        ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
        cuts = sorted({0, 1, ends[0] - 1, ends[3], ends[3] + 1, (ends[3] + ends[4]) // 2, ends[4] - 1})
        for turn, cut in enumerate(cuts):
            with open(path, "wb") as file:
                file.write(whole[:cut])
            kept = sum(end <= cut for end in ends)
            host = here.daemon()
            state = journal.status(host)["journal"]
            journal.wants(f"cut at {cut}: repaired", state["repaired"], int(cut not in (0, *ends)))
            here.alter()
            net.wait_for("the next alert", lambda: len(host.alerts()) == kept + 1, 20, 0.02)
            journal.wants(f"cut at {cut}: numbers", [journal.number(alert) for alert in host.alerts()],
                          [*range(1, kept + 1), 6 + turn])
            journal.wants("exit status", host.close(), 0)
        row("journal truncated", f"{len(cuts)} places: whole lines stay, no number is given again", "1 for each cut within a line",
            f"5 alerts, {len(whole)} bytes; what stands before the cut is listed")


def no_memory():
    """The daemon may have no more memory, while hundreds of connections begin; then it may again."""
    with journal.place() as here:
        host, talks = here.daemon(evidence_files=0), Talks(here)
        here.wire.altered(host)
        pid = host.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_DATA)
        begin, rest = halves(talks.altered)
        resource.prlimit(pid, resource.RLIMIT_DATA, (4096, limits[1]))
        clients = [f"10.52.{number >> 7}.{number & 127}" for number in range(2 * TOO_MANY)]
        try:
            for part in (begin, rest):
                for at, client in enumerate(clients):
                    talks.play(part, client)
                    if at % 100 == 0:  # the ring is to have room: it is not the fault here
                        time.sleep(0.02)
            if host.process.poll() is not None:
                raise stage.Failed(f"it ended with status {host.process.returncode}: {host.said()}")
        finally:
            resource.prlimit(pid, resource.RLIMIT_DATA, limits)
        count = talks.arrived(host)
        journal.wants("lost in the kernel", count["lost_events"], 0)
        net.wait_for("all events to be read", lambda: talks.read(host) >= count["events"], 20, 0.05)
        found_behind(here, host)
        state = journal.status(host)
        told = len({client for client, _ in accused(host, "10.52.0.0/16")})
        lost, missing = state["losses"]["events"], len(clients) - told
        journal.wants("its end", host.close(), 0)
        last = journal.number(here.journalled()[-1])
        unwritten = last - len(here.journalled())
        said = sum(int(pairs["count"]) for pairs in here.lines() if pairs["rule"] == "190")
        if not missing or lost < missing:
            raise stage.Failed(f"{missing} altered ones are not told, {lost} events counted as lost: {state['losses']}")
        journal.wants("said to be lost", said, lost)
        journal.wants("not in the journal", unwritten, state["journal"]["unwritten"])
        row("no memory for the daemon", f"goes on; {told} of {len(clients)} altered told, and what comes when there is some",
            f"{lost} events, said; {unwritten} unwritten", f"{missing} of {len(clients)} not told, each with an event lost")


TESTS = {"ring-overflow": ring_overflow, "lost-between": lost_between, "stopped": stopped, "lru": lru_pressure, "restarted": restarted,
         "reload-broken": reload_broken, "disk": disk, "syslog-gone": syslog_gone, "interface-gone": interface_gone,
         "truncated": truncated, "no-memory": no_memory}
