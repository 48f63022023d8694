# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What people see, kept as files: into a pipe, at terminals of 80 and 50 columns, with and without colours."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import harness
import straw

UPDATE = False
HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
ESCAPE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")

# (file, words, columns of the terminal, 0: a pipe, environment)
TABLE = [
    ("help", "--help", 80, {}),
    ("help-command", "help watch", 80, {}),
    ("alerts-help", "alerts --help", 80, {}),
    ("check-help", "check --help", 80, {}),
    ("status", "status --utc", 80, {}),
    ("status-narrow", "status --utc", 50, {}),
    ("status-pipe", "status --utc", 0, {}),
    ("status-bad", "--utc status", 80, {"BAD": "1"}),
    ("alerts", "alerts", 80, {}),
    ("alerts-one-server", "alerts --server 10.77.2.2", 80, {}),
    ("alerts-narrow", "alerts", 50, {}),
    ("alerts-pipe", "alerts", 0, {}),
    ("alerts-no-color", "alerts", 80, {"NO_COLOR": "1"}),
    ("alerts-dumb", "alerts", 80, {"TERM": "dumb"}),
    ("alerts-color-pipe", "alerts --color=always", 0, {}),
    ("alerts-never", "alerts --color=never", 80, {}),
    ("alerts-columns", "alerts -o id,severity,leg,ended-by --no-headings", 0, {}),
    ("flows", "flows", 80, {}),
    ("flows-one-server", "flows --server 10.77.2.2", 80, {}),
    ("peers", "peers", 80, {}),
    ("peers-one-server", "peers --client 2001:db8::/32", 80, {}),
    ("peers-wide", "peers", 100, {}),
    ("peers-columns", "peers -o client,kind", 30, {}),
    ("peers-help", "peers --help", 80, {}),
    ("show", "show 1 --utc", 80, {}),
    ("stats", "stats", 80, {}),
    ("explain", "explain 101", 80, {}),
    ("explain-all", "explain", 80, {}),
]
# Colours are only in these.
COLORED = {"status-bad", "alerts", "alerts-one-server", "alerts-narrow", "alerts-color-pipe", "flows", "flows-one-server", "peers", "peers-wide", "peers-columns"}
# A command to be copied is not broken.
COMMAND = re.compile(r"^ {12}\S")
# A table that can't be narrowed further, and into a pipe, is as wide as it is.
WIDE = {"alerts-narrow", "alerts-pipe", "alerts-color-pipe"}


def all_of(leader):
    """What programs write to a terminal until the last has closed it; that end is then closed, too."""
    text, end = b"", time.monotonic() + straw.SECONDS
    while time.monotonic() < end:
        if not select.select([leader], [], [], 1)[0]:
            continue
        try:
            text += os.read(leader, 65536)
        except OSError:  # nobody has it open any more
            break
    os.close(leader)
    return text.decode()


def at_terminal(argv, columns, env):
    """(exit status, text) of a program on a terminal."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(argv, stdin=follower, stdout=follower, stderr=follower, env=env)
    os.close(follower)
    text = all_of(leader)
    try:
        process.wait(straw.SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return process.returncode, text.replace("\r\n", "\n")


def seen(daemon, words, columns, env):
    argv = [harness.NEGWATCH, "--socket", daemon.path, *words.split()]
    if columns:
        return at_terminal(argv, columns, straw.environment(**env))
    return straw.ask(daemon, *words.split(), env=straw.environment(**env))[:2]


def stable(text, daemon):
    """Without what differs from run to run."""
    text = text.replace(str(straw.YEAR) + "-", "YYYY-").replace(daemon.path, "SOCKET")
    return re.sub(r"last event\s[^\n]*?\sago", "last event ... ago", text)


def compare(tap, name, text):
    path = os.path.join(HERE, name + ".txt")
    if UPDATE:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    try:
        with open(path, encoding="utf-8") as file:
            want = file.read()
    except FileNotFoundError:
        want = ""
    tap.ok(f"golden: {name}", text == want, f"is:\n{text}\nhas to be:\n{want}")


def bad_status():
    bad = straw.answers()["status"]["status"]
    bad["interfaces"][0] = {"name": "eth0", "ifindex": 2, "state": "failed", "why": "the driver refuses XDP"}
    bad["syslog"]["error"] = "Connection refused"
    bad["losses"] |= {"events": 3, "last": f"{straw.YEAR}-01-02T05:06:07.000Z"}
    return {"status": bad}


def check(tap):
    table = straw.answers()
    tap.none("golden: the daemon of straw says what a real one could", straw.unfit(table))
    healthy = table["status"]
    with straw.straw(table) as daemon:
        for name, words, columns, env in TABLE:
            table["status"] = bad_status() if "BAD" in env else healthy
            rc, text = seen(daemon, words, columns, env)
            tap.same(f"golden: exit of {name}", rc, 0)
            compare(tap, name, stable(text, daemon))
            lines = [ESCAPE.sub("", line) for line in text.splitlines() if not COMMAND.match(line)]
            widest = max(len(line) for line in lines)
            if name not in WIDE:
                tap.ok(f"golden: width of {name}", widest <= (columns or 80), f"{widest} columns")
            tap.same(f"golden: colours in {name}", bool(ESCAPE.search(text)), name in COLORED)
