# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Typical mistakes: each is told what is wrong and what to do, in words that help, with the right exit code."""
import os
import tempfile

import straw

USAGE, ERROR, UNREACHABLE, UNREADABLE, UNKNOWN = 2, 1, 3, 2, 3
NOWHERE = "/nonexistent/control.sock"

# (words, exit status, what the message has to say; all parts)
TABLE = [
    ("", USAGE, ["a command is missing", "Try: negwatch --help"]),
    ("stauts", USAGE, ['no command "stauts"', 'did you mean "status"?']),
    ("alert", USAGE, ['did you mean "alerts"?']),
    ("analyze", USAGE, ['no command "analyze"', "negwatch --help"]),
    ("start", USAGE, ['no command "start"', 'did you mean']),
    ("--json", USAGE, ["a command is missing"]),
    ("--jsno status", USAGE, ["--jsno: no such option; did you mean --json?"]),
    ("--limit 3 alerts", USAGE, ["--limit: no option here, but behind: alerts flows peers watch"]),
    ("alerts --limt 3", USAGE, ["did you mean --limit?", "negwatch alerts --help"]),
    ("alerts --limit", USAGE, ["--limit: this option needs a value"]),
    ("alerts --limit many", USAGE, ["--limit many: expected a number from 1 on"]),
    ("alerts --limit -5", USAGE, ["expected a number from 1 on"]),
    ("alerts --json=yes", USAGE, ["this option takes no value"]),
    ("alerts -x", USAGE, ["-x: no such option"]),
    ("alerts --all", USAGE, ["--all: no option here, but behind: read"]),
    ("alerts 17", USAGE, ['negwatch alerts: "17" is too much, expected no arguments', "negwatch alerts --help"]),
    ("alerts -n 5", USAGE, ['"5" is too much']),
    ("help stauts", USAGE, ['did you mean "status"?']),
    ("alerts --since yesterday", USAGE, ["expected a time: 30min, 2h, 7d", "2026-11-22"]),
    ("alerts --since 17", USAGE, ["expected a time"]),
    ("alerts --client fs01", USAGE, ["expected an address (names are not looked up)"]),
    ("alerts --client 10.0.0.0/33", USAGE, ["expected 1 to 32 behind the /"]),
    ("alerts --server fe80::1/129", USAGE, ["expected 1 to 128 behind the /"]),
    ("alerts --rule 999", USAGE, ["expected the number or name of one rule", "negwatch explain"]),
    ("alerts -o id,tme", USAGE, ['no column "tme"; there are: id, time, client']),
    ("alerts -o ,", USAGE, ['there are: id, time']),
    ("alerts --json -o id", USAGE, ["--output is for tables"]),
    ("alerts --color=blue", USAGE, ["expected auto, always or never"]),
    ("show", USAGE, ["negwatch show: expected ID"]),
    ("show first", USAGE, ['"first" is no alert number; `negwatch alerts` lists them']),
    ("evidence", USAGE, ["negwatch evidence: expected ID"]),
    ("evidence 0", USAGE, ['negwatch evidence: "0" is no alert number']),
    ("show 1 2", USAGE, ['"2" is too much, expected ID']),
    ("explain 999", ERROR, ['no rule "999"; `negwatch explain` lists them']),
    ("explain 101 102", USAGE, ["expected [RULE]"]),
    ("read", USAGE, ["expected FILE..."]),
    ("read /nonexistent.pcap", UNREADABLE, ["/nonexistent.pcap: can't be opened: No such file or directory"]),
    ("read /", UNREADABLE, ["read: /: can't be read: Is a directory"]),
    ("read {TEXT}", UNREADABLE, ["is not a capture that can be read: pcap or pcapng is expected"]),
    ("read --vantage here x.pcap", USAGE, ["expected server, client or between"]),
    ("read --port 0 x.pcap", USAGE, ["expected a TCP port, a number from 1 to 65535"]),
    ("doctor aVeryLongInterfaceName", USAGE, ["is no name of an interface", "15 characters"]),
    ("doctor --config", USAGE, ["--config: this option needs a value"]),
    ("status", UNREACHABLE, ["can't be reached at " + NOWHERE, "No such file or directory", "systemctl start negwatchd"]),
    ("watch", UNREACHABLE, ["can't be reached"]),
    ("reload", UNREACHABLE, ["can't be reached"]),
    ("replay", USAGE, ["--since TIME is missing", "--since 2h"]),
    ("replay --since yesterday", USAGE, ["expected a time: 30min, 2h, 7d", "2026-11-22"]),
    ("replay --since 2h", UNREACHABLE, ["can't be reached"]),
    ("test-alert", UNREACHABLE, ["can't be reached"]),
    ("--socket " + "x" * 120 + " status", UNREACHABLE, ["File name too long"]),
    ("check --warning 0", UNKNOWN, ["--warning 0: expected a number from 1 on"]),
    ("check --warn", UNKNOWN, ["--warn: this option needs a value"]),
    ("check now", UNKNOWN, ["expected no arguments"]),
]


def check(tap):
    with tempfile.NamedTemporaryFile("w", suffix=".pcap") as text:
        text.write("this is no capture, but long enough for a header of one\n")
        text.flush()
        for words, status, parts in TABLE:
            argv = [os.path.abspath(text.name) if word == "{TEXT}" else word for word in words.split()]
            rc, out, err = straw.ask(None, "--socket", NOWHERE, *argv)
            problems = [f"exit {rc}, not {status}"] * (rc != status)
            problems += [f"not said: {part}" for part in parts if part not in err]
            if words.split()[:1] == ["read"]:
                out = ""  # a summary is always printed
            problems += ["something went to standard output"] * bool(out.strip())
            problems += [f"line of {len(line)} characters: {line}" for line in err.splitlines() if len(line) > 250]
            tap.ok(f"mistake: negwatch {words[:60]}", not problems, "\n".join(problems + [err]))
    # A plugin speaks on standard output, whatever happens.
    rc, out, err = straw.ask(None, "--socket", NOWHERE, "check")
    tap.same("mistake: check without a daemon is UNKNOWN", (rc, out.startswith("NEGWATCH UNKNOWN - "), err),
             (UNKNOWN, True, ""))
    tap.ok("mistakes: the table has more than 30", len(TABLE) >= 30)
