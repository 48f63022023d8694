# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of a long life and of sudden deaths: killed at any moment, reloaded a thousand times, started twice."""
import itertools
import os
import random
import signal
import subprocess
import threading
import time

import cable
import replay
import stage
from lab import bpf, daemon, net

KILLS = 100
RELOADS = 1000
GROWTH = 256      # KiB of memory that 1,000 reloads may cost: the allocator's own unrest
CLSACT = {"ingress": "clsact", "egress": "clsact"}
DIE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "die.c")
CHANGES = 6       # that a life with clsact makes at least: the qdisc and two filters come and go
REMOVALS = 3      # that the next start makes after it


class Traffic:
    """Untouched connections over a cable, one after the other, until close()."""

    def __init__(self, wire):
        self.wire, self.over, self.connections = wire, threading.Event(), 0
        self.frames = replay.frames(cable.UNTOUCHED)
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()
        wire.network.on_close(self.close)

    def _send(self):
        while not self.over.is_set():
            port = 30000 + self.connections % 30000
            for frame, inward in self.frames:
                self.wire.send(replay.on_port(frame, inward, port), inward)
            self.connections += 1
            self.over.wait(0.005)

    def close(self):
        self.over.set()
        self.thread.join()


def wait_until(moment):
    time.sleep(max(0.0, moment - time.monotonic()))


def one_life(network, wire, directory, options, start):
    """Starts one in the directory of the last and kills it at a random moment, half of them within the time that a start
    takes. Returns (what it held, whether it had come so far as to see a connection, what a start takes at least)."""
    begun = time.monotonic()
    moment = begun + random.uniform(0, 2 * start)
    host = daemon.Daemon(network, network.server, ["nwa"], directory=directory, wait=False, answer_timeout=600, **options)
    try:
        ready = False
        while not ready and time.monotonic() < moment:
            ready = "nwa  ingress" in host.said()  # asking would wait for an answer
            time.sleep(0.002)
        start = time.monotonic() - begun if ready else max(start, moment - begun)
        if ready:
            wire.altered(host)  # the first connection after the start
        wait_until(moment)
        held = bpf.held(host.process.pid)
    finally:
        host.kill()
    return held, ready, start


def killed_at_random():
    """SIGKILL at 100 random moments under traffic, with tcx and with clsact in turns, in the same directories."""
    seed = random.randrange(1 << 32)
    random.seed(seed)
    held, seen, start = set(), 0, 0.3
    with cable.lab() as network:
        wire = cable.Cable(network, "nwa")
        directory = os.path.join(network.directory, "killed")
        os.mkdir(directory)
        traffic = Traffic(wire)
        for turn in range(KILLS):
            held_now, ready, start = one_life(network, wire, directory, CLSACT if turn % 2 else {}, start)
            held |= held_now
            seen += ready
            net.wait_for("tcx to go with its owner",
                         lambda: not [line for line in cable.attached(network.server, "nwa") if " tcx " in line], 20, 0.01)
        before = time.monotonic()
        last = daemon.Daemon(network, network.server, ["nwa"], directory=directory, answer_timeout=600)
        wire.altered(last)
        started = time.monotonic() - before
        ours = last.interfaces()["nwa"]
        if ours["ingress"]["hook"] != "tcx" or len(cable.attached(network.server, "nwa")) != 2:
            raise stage.Failed(f"after the kills: {ours}, attached {cable.attached(network.server, 'nwa')}")
        if last.close() != 0:
            raise stage.Failed(f"status {last.process.returncode}: {last.said()}")
        traffic.close()
        if cable.attached(network.server, "nwa") or "clsact" in network.server.run("tc", "qdisc", "show"):
            raise stage.Failed(f"left behind: {cable.attached(network.server, 'nwa')} "
                               + network.server.run("tc", "qdisc", "show"))
        kinds = {kind: len([what for what, _ in held if what == kind]) for kind in ("prog", "map", "link")}
        print(f"# seed {seed}: {KILLS} kills, {seen} after the first connection; they held {kinds}; {traffic.connections} "
              f"other connections; a start and its first alert took {started * 1000:.0f} ms", flush=True)
        if not KILLS // 10 <= seen <= KILLS * 9 // 10 or min(kinds.values()) == 0:
            raise stage.Failed("the moments were not spread over starting and running, or nothing was held")
    try:
        net.wait_for("all that was held to leave the kernel",
                     lambda: not [what for what in held if bpf.exists(*what)], 20, 0.05)
    except net.LabError:
        raise stage.Failed(f"still in the kernel: {[what for what in held if bpf.exists(*what)]}") from None


def left_elsewhere():
    """What a killed daemon left on an interface that the next one does not watch goes, too; what others left stays."""
    with cable.lab() as network:
        for name in ("nwa", "nwb", "nwc"):
            cable.Cable(network, name)
        network.server.run("tc", "qdisc", "add", "dev", "nwc", "clsact")
        daemon.Daemon(network, network.server, ["nwa", "nwc"], **CLSACT).kill()
        if not cable.attached(network.server, "nwa") or not cable.attached(network.server, "nwc"):
            raise stage.Failed("a killed daemon left no clsact filter: the test can't see them")
        host = daemon.Daemon(network, network.server, ["nwb"])
        if cable.attached(network.server, "nwa") or cable.attached(network.server, "nwc"):
            raise stage.Failed(f"the filters are still there: {host.said()}")
        qdiscs = network.server.run("tc", "qdisc", "show")
        if "clsact ffff: dev nwc" not in qdiscs or "clsact ffff: dev nwa" in qdiscs:
            raise stage.Failed(f"our qdisc of nwa has to go, somebody's of nwc has to stay:\n{qdiscs}")
        for text in ("nwa: removed 2 filters and the clsact qdisc that", "nwc: removed 2 filters that"):
            cable.await_log(host, text)


def clsact_on(network):
    """The interfaces of the server that have a clsact qdisc."""
    lines = network.server.run("tc", "qdisc", "show").splitlines()
    return {line.split()[4] for line in lines if line.startswith("qdisc clsact")}


def dies_at(network, library, number, interface, options):
    """A daemon that starts and is ended, killed before its change to qdiscs and filters of that number. Returns whether it
    lived, because it had none of that number."""
    host = daemon.Daemon(network, network.server, [interface], wait=False,
                         before=["env", f"LD_PRELOAD={library}", f"NW_DIE_AT={number}"], **options)
    net.wait_for("negwatchd to die or to watch",
                 lambda: host.process.poll() is not None or f"{interface}  ingress" in host.said(), 40, 0.005)
    host.process.terminate()
    status = host.process.wait(40 * net.SLOWER)
    if status not in (0, -signal.SIGKILL):
        raise stage.Failed(f"status {status}: {host.said()}")
    host.close()
    return status == 0


def killed_between():
    """SIGKILL before each change to qdiscs and filters of a whole life, and of the cleaning behind a killed one: after the
    next life nothing is left but somebody's empty qdisc. Between changes nothing of it happens, so these are all."""
    with cable.lab() as network:
        for name in ("nwa", "nwb", "nwc"):
            cable.Cable(network, name)
        network.server.run("tc", "qdisc", "add", "dev", "nwc", "clsact")
        library, turns, left = os.path.join(network.directory, "die.so"), itertools.cycle(("nwa", "nwb", "nwc")), []
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, DIE], check=True)

        def next_life(what):
            last = daemon.Daemon(network, network.server, [next(turns)])
            if last.close() != 0:
                raise stage.Failed(f"status {last.process.returncode}: {last.said()}")
            now = clsact_on(network)
            if now != {"nwc"} or cable.attached(network.server, "nwa"):
                left.append(f"{what}: clsact on {sorted(now)}, {cable.attached(network.server, 'nwa')}")
            for name in now - {"nwc"}:
                network.server.run("tc", "qdisc", "del", "dev", name, "clsact")

        for changes in itertools.count():
            if dies_at(network, library, changes + 1, "nwa", CLSACT):
                break
            next_life(f"killed before change {changes + 1} of a life")
        for removals in itertools.count():
            daemon.Daemon(network, network.server, ["nwa"], **CLSACT).kill()
            lived = dies_at(network, library, removals + 1, "nwb", {})
            next_life(f"killed before change {removals + 1} of cleaning")
            if lived:
                break
        print(f"# killed before each of {changes} changes of a life and of {removals} of a start behind a killed one",
              flush=True)
        if left or changes < CHANGES or removals < REMOVALS:
            raise stage.Failed("\n".join(["left behind:", *left]))


def handed_over():
    """A qdisc that was ours is somebody's when he has a filter there as we go, or replaced it: it stays, also when it is
    empty later, whether ours was killed or ended."""
    with cable.lab() as network:
        tc, made = (lambda *argv: network.server.run("tc", *argv)), {"nwa", "nwb", "nwc", "nwd"}
        for name in (*sorted(made), "nwe"):
            cable.Cable(network, name)
        for used, replaced, end in (("nwa", "nwb", "kill"), ("nwc", "nwd", "close")):
            host = daemon.Daemon(network, network.server, [used, replaced], **CLSACT)
            tc("filter", "add", "dev", used, "egress", "pref", "9", "protocol", "all", "u32", "match", "u32", "0", "0")
            tc("qdisc", "replace", "dev", replaced, "clsact")
            getattr(host, end)()
            host = daemon.Daemon(network, network.server, ["nwe"])
            host.close()
            tc("filter", "del", "dev", used, "egress", "pref", "9")
        for options in ({}, CLSACT):
            daemon.Daemon(network, network.server, ["nwa", "nwb", "nwe"], **options).close()
            ours = [line for name in sorted(made) for line in cable.attached(network.server, name)]
            if clsact_on(network) != made or ours:
                raise stage.Failed(f"somebody's qdiscs are on {sorted(made)}; now there are {sorted(clsact_on(network))}, {ours}")


def figures(pid):
    """(open descriptors, KiB of memory of its own, programs + maps + links held). Pages of files are not counted: they come
    as code first runs, and go when the machine needs them."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        memory = next(int(line.split()[1]) for line in status if line.startswith("RssAnon:"))
    return len(os.listdir(f"/proc/{pid}/fd")), memory, len(bpf.held(pid))


def at_rest(pid):
    """The same when it has nothing to do: it looks at links and addresses some time after a reload, by other sockets."""
    seen = []

    def same():
        seen.append(figures(pid))
        return len(seen) >= 5 and len(set(seen[-5:])) == 1
    net.wait_for("the daemon's figures to stay the same", same, 20, 0.02)
    return seen[-1]


def thousand_reloads():
    """1,000 reloads that each attach or detach an interface and open syslog anew: no descriptor, program or memory
    stays; the other interface keeps its links, and a connection spans all of it."""
    with cable.lab() as network:
        wire, _ = cable.Cable(network, "nwa"), cable.Cable(network, "nwb")
        path = os.path.join(network.directory, "conf")

        def configure(number):
            with open(path, "w", encoding="ascii") as config:
                config.write(f"interfaces = nwa{', nwb' if number % 2 else ''}\n"
                             f"syslog_facility = local{number % 7}\n")
        configure(0)
        host = daemon.Daemon(network, network.server, [], config=path, answer_timeout=600)
        pid, port, seen = host.process.pid, next(cable.PORTS), {}
        links = {what for what in bpf.held(pid) if what[0] == "link"}
        wire.half(port, True)
        begun = time.monotonic()
        with open(host.output, encoding="utf-8") as output:
            for number in range(1, RELOADS + 1):
                configure(number)
                os.kill(pid, signal.SIGHUP)
                said = []
                net.wait_for("the reload", lambda: said.append(output.read()) or "read again" in "".join(said), 20, 0.001)
                if number in (100, RELOADS):
                    seen[number] = at_rest(pid)
        print(f"# {RELOADS} reloads in {time.monotonic() - begun:.1f} s; descriptors, KiB, BPF objects after 100: "
              f"{seen[100]}, after {RELOADS}: {seen[RELOADS]}", flush=True)
        (fds, memory, objects), (fds_last, memory_last, objects_last) = seen[100], seen[RELOADS]
        if (fds, objects) != (fds_last, objects_last) or memory_last - memory > GROWTH:
            raise stage.Failed(f"descriptors, KiB, BPF objects: {seen}")
        if links != {what for what in bpf.held(pid) if what[0] == "link"}:
            raise stage.Failed("the links of the interface that stayed are others")
        wire.half(port, False)
        net.wait_for("the alert of a connection that spans the reloads",
                     lambda: cable.alerts_of(host, port) == [101], 20, 0.02)


def started_twice():
    """A second one is refused with the pid of the first, by its directory and by its interface; the first goes on."""
    with cable.lab() as network:
        wire = cable.Cable(network, "nwa")
        network.server.ip("addr add 10.79.1.1/24 dev nwa")
        network.server.ip(f"link set {network.server_dev} down")
        first = daemon.Daemon(network, network.server, ["nwa"], answer_timeout=600)
        other = os.path.join(network.directory, "other")
        os.mkdir(other)
        tries = [(first.directory, "nwa", f"Another negwatchd (pid {first.process.pid}) listens"),
                 *((other, name, f"nwa can't be watched: another negwatchd (pid {first.process.pid}) watches it")
                   for name in ("nwa", "nwa*", "auto"))]
        for directory, name, text in tries:
            argv = [daemon.DAEMON, "--foreground", "-i", name, "-o", f"run_dir={directory}", "-o", f"state_dir={other}"]
            done = subprocess.run(network.server.command(["timeout", "60", *argv]), stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False)
            if done.returncode != 69 or text not in done.stdout:
                raise stage.Failed(f"-i {name}: status {done.returncode}, wanted 69 and {text!r}:\n{done.stdout}")
        wire.altered(first)


TESTS = {"killed-at-random": killed_at_random, "thousand-reloads": thousand_reloads, "started-twice": started_twice,
         "left-elsewhere": left_elsewhere, "killed-between": killed_between, "handed-over": handed_over}
