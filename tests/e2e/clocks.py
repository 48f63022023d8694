# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Faults of time: the wall clock is set in both directions, or the host sleeps. Rows as in faults.py."""
import os
import re
import signal
import struct
import subprocess
import time

import cable
import faults
import hostile
import journal
import stage
from lab import daemon, net

SHIM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clock_step.c")
HOUR, DAY = 3600, 86400
NEAR = 30  # seconds: what a slow machine may take between a look at one clock and at the other
RATE, BURST, MANY = 1, 5, 40


class Clock:
    """The clocks of the programs that are started by `before`."""

    def __init__(self, directory):
        library, self.path = (os.path.join(directory, name) for name in ("clock.so", "clock"))
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, SHIM], check=True)
        self.before = ["env", f"LD_PRELOAD={library}", f"NW_CLOCK={self.path}"]
        self.wall = self.boot = 0
        with open(self.path, "wb") as file:
            file.write(bytes(16))

    def step(self, seconds, asleep=False):
        self.wall += seconds
        self.boot += seconds * asleep
        with open(self.path, "r+b") as file:
            file.write(struct.pack("=qq", self.wall * 10**9, self.boot * 10**9))

    def now(self):
        return time.time() + self.wall

    def ask(self, host, *argv):
        """As daemon.Daemon.ask(), by these clocks."""
        return subprocess.run([*self.before, daemon.CLI, "--socket", host.socket, *argv], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, timeout=60, check=False)

    def listed(self, host, since):
        done = self.ask(host, "alerts", "--no-headings", "-o", "id", "--since", since)
        if done.returncode:
            raise stage.Failed(done.stderr)
        return [int(line) for line in done.stdout.split()]


def near(what, found, wanted):
    if abs(found - wanted) > NEAR:
        raise stage.Failed(f"{what}: {found:.0f}, wanted {wanted:.0f}")


def found(host):
    return journal.status(host)["alerts"]["by_rule"].get("101", 0)


def folding(here, clock):
    """Repeats within one window, and the clock is set twice meanwhile."""
    host = here.daemon(before=clock.before, fold_window="4 s")
    begun = time.monotonic()
    for number, step in enumerate((0, -DAY, 2 * DAY), 1):
        clock.step(step)
        here.alter(3)
        net.wait_for("them to be seen", lambda number=number: found(host) == 3 * number, 20, 0.02)
    net.wait_for("the summary", lambda: any(pairs["rule"] == "191" for pairs in here.lines()), 20, 0.05)
    took = time.monotonic() - begun
    journal.wants("exit status", host.close(), 0)
    told = [pairs for pairs in here.lines() if pairs["rule"] == "191"]
    once = sum(pairs["rule"] == "101" for pairs in here.lines())
    journal.wants("folded", sum(int(pairs["count"]) for pairs in told) + once, 9)
    texts = [text for _, text in here.log.lines if re.search(r"again \d+ times", text)]
    spans = [re.search(r"times in ([\d.]+) (m?s) by", text) for text in texts]
    if not texts or None in spans or max(float(span[1]) * (0.001 if span[2] == "ms" else 1) for span in spans) > took:
        raise stage.Failed(f"repeats of {took:.1f} s at most: {texts}")
    first, last = (faults.seconds(told[-1][key]) for key in ("first_seen", "last_seen"))
    if not 0 <= last - first <= took or abs(last - clock.now()) > NEAR:
        raise stage.Failed(f"first and last repeat are {last - first:.1f} s apart, within {took:.1f} s: {told[-1]}")
    return f"{once} told, {9 - once} folded in {spans[0][1]} {spans[0][2]}"


def rate(here, clock):
    """syslog_rate goes by the time that passes."""
    before = len(here.lines())
    host = here.daemon(before=clock.before, syslog_rate=RATE, syslog_burst=BURST)
    begun = time.monotonic()
    for step in (0, -2 * DAY, 2 * DAY):
        clock.step(step)
        here.alter(MANY)
    net.wait_for("all alerts", lambda: found(host) == 3 * MANY, 20, 0.02)
    took = time.monotonic() - begun
    journal.wants("exit status", host.close(), 0)
    lines = here.lines()[before:]
    single = sum(pairs["rule"] == "101" for pairs in lines)
    journal.wants("told and counted", single + sum(int(pairs["count"]) for pairs in lines if pairs["rule"] == "191"), 3 * MANY)
    if single > BURST + RATE * took + 1:
        raise stage.Failed(f"{single} one by one in {took:.1f} s, by a rate of {RATE} and a burst of {BURST}")
    return single, 3 * MANY - single


def steps():
    """The wall clock is set a day back and forth while alerts come, are folded, limited, journalled and asked for."""
    with journal.place() as here:
        clock = Clock(here.network.directory)
        folded = folding(here, clock)
        single, counted = rate(here, clock)
        clock.step(-clock.wall)
        host = here.daemon(before=clock.before)
        before = len(here.lines())
        here.alter()
        net.wait_for("the next alert", lambda: len(here.lines()) > before, 20, 0.02)
        alerts = here.journalled()  # syslog is fed from it
        numbers = [journal.number(alert) for alert in alerts]
        journal.wants("numbers", numbers, list(range(1, len(numbers) + 1)))
        journal.wants("sent again", [pairs for pairs in here.lines() if "replayed" in pairs], [])
        for since, seconds in (("1h", HOUR), ("2d", 2 * DAY)):
            wanted = [journal.number(a) for a in alerts if faults.stamp(a) >= clock.now() - seconds]
            journal.wants(f"alerts --since {since}", clock.listed(host, since), wanted)
        early = sum(faults.stamp(a) < clock.now() - HOUR for a in alerts)
        if not early or early == len(alerts):
            raise stage.Failed("the steps left no mark")
        faults.found_behind(here, host)
        lost = journal.status(host)["losses"]["events"]
        faults.row("clock set, a day to and fro", f"{folded}; {single} by the rate, {counted} counted; numbers go on",
                   f"{lost} events", f"{len(alerts)} in the journal, none sent again, {early} older than 1h")


def lost():
    """When something was lost is told by the clock as it is set now: `check` warns for an hour, and no longer."""
    with journal.place() as here:
        clock = Clock(here.network.directory)
        host = here.daemon(before=clock.before, ring_buffer_kib=64)
        os.kill(host.process.pid, signal.SIGSTOP)
        try:
            here.alter(60)
        finally:
            os.kill(host.process.pid, signal.SIGCONT)
        net.wait_for("the loss", lambda: journal.status(host)["losses"]["events"], 20, 0.02)
        for step in (-DAY, 2 * DAY, -DAY):
            clock.step(step)
            near("the loss", faults.seconds(journal.status(host)["losses"]["last"]), clock.now())
            if "events were lost" not in clock.ask(host, "check").stdout:
                raise stage.Failed(clock.ask(host, "check").stdout)
        faults.row("clock set after a loss", "its time moves along, so that `check` warns as long as it has to",
                   f"{journal.status(host)['losses']['events']} events", "3 steps")


def asleep():
    """The host sleeps for eight hours amid a connection: the wall clock goes on, the monotonic one does not."""
    with journal.place() as here:
        clock = Clock(here.network.directory)
        host, port = here.daemon(before=clock.before, answer_timeout="10 s"), next(cable.PORTS)
        here.wire.half(port, True)
        clock.step(8 * HOUR, asleep=True)
        here.wire.half(port, False)
        hostile.victim_is_told(here, host, port, "over a sleep")
        journal.wants("rules", [stage.rule(alert) for alert in host.alerts()], [101])
        near("the alert's time", faults.stamp(host.alerts()[-1]), clock.now())
        faults.found_behind(here, host)
        faults.row("host asleep for 8 h", "no timeout made up; alerts by the clock of the waking",
                   f"{journal.status(host)['losses']['events']} events", "1 connection across it, 1 told")


TESTS = {"set": steps, "lost": lost, "asleep": asleep}
