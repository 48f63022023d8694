# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Writes the kept figures of this kind of machine into README.md, and what follows from them on paper."""
import json
import os
import re

import budget
import report

README = os.path.join(os.path.dirname(os.path.dirname(report.HERE)), "README.md")
BEGIN, END = "<!-- figures: make bench, then tests/bench/run --readme -->", "<!-- end of figures -->"
MSS, SUPER = 1448, 45 * 1448  # bytes of a segment, of what GRO makes of them
PACKETS = (("udp", "not TCP"), ("other", "TCP of another service"), ("bulk", "segment inside a READ or WRITE"),
           ("bulk-1024", "the same, 1 Ki flows at random"), ("bulk-32768", "the same, 32 Ki flows at random"),
           ("header", "segment with one message header"), ("negotiate", "NEGOTIATE, told to the daemon"),
           ("validate", "VALIDATE, told to the daemon"), ("fin", "FIN, told to the daemon"),
           ("rst", "RST, told to the daemon"))
BESIDE = (("empty-tc", "empty programs on tc"), ("tc", "**negwatch on tc**"), ("empty-xdp", "empty programs, XDP and tc"),
          ("xdp", "**negwatch on XDP and tc**"), ("xdp-filter", "xdp-filter"), ("tcpdump-tight", "tcpdump, tight filter"),
          ("tcpdump", "tcpdump, everything"), ("tshark", "tshark, decoding"))


class Figures:
    """The rows of a kept result by their keys."""

    def __init__(self, document):
        self.rows = {row["row"]: row for row in document["rows"]}

    def __getitem__(self, key):
        return self.rows[key]["figure"]

    def text(self, key):
        return report.number(self.rows[key]["figure"]) if key in self.rows else "-"

    def verdict(self, key):
        row = self.rows.get(key, {})
        return f"{row['verdict']}" if "verdict" in row else ""


def _table(head, lines):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def _packets(figures):
    def cell(hook, name):
        key = f"{hook}.{name}"
        limit = budget.BY_KEY[key].limit
        over = limit is not None and figures.verdict(key) == "missed"
        return figures.text(key) + (" (missed)" if over else "")
    lines = [(text, cell("xdp", name), cell("tc", name), str(budget.BY_KEY[f"tc.{name}"].limit or ""))
             for name, text in PACKETS]
    return _table(("ns per packet over an empty program", "XDP", "tc", "budget"), lines)


def _beside(figures):
    lines = [(text, figures.text(f"mtu.{key}.none"), figures.text(f"tso.{key}.none")) for key, text in BESIDE]
    return _table(("CPU per GB of a bulk transfer over veth, to that with nothing attached", "MTU frames", "super-packets"),
                  lines)


def _budgets(figures):
    apart = {f"{hook}.{name}" for hook in ("xdp", "tc") for name, _ in PACKETS}
    lines = [(row.text, f"{figures.text(row.key)} {row.unit.replace('x', '')}".strip(), f"{row.sense} {row.limit}",
              figures.verdict(row.key)) for row in budget.ROWS if row.limit is not None and row.key not in apart
             and row.key in figures.rows]
    return _table(("what", "figure", "budget", ""), lines)


def _share(cores):
    return f"{cores * 100:.2g} %" if cores < 1 else f"{cores:.1f} cores"


def _rates(figures):
    """Cores that a server full of bulk transfers gives to the programs: both bounds."""
    lines = []
    for gbit in (1, 10, 25, 100):
        per_second = gbit * 1e9 / 8
        segments, supers = per_second / MSS, per_second / SUPER
        cells = [f"{gbit} Gbit/s"]
        for kind in ("bulk", "bulk-32768"):
            xdp, tc = max(figures[f"xdp.{kind}"], 0), max(figures[f"tc.{kind}"], 0)
            cells += [_share((segments * xdp + segments / 2 * tc) / 1e9), _share(supers * 2 * tc / 1e9)]
        cells.append(_share(per_second / 800 * max(figures["tc.other"], 0) / 1e9))
        lines.append(cells)
    return _table(("line rate", "XDP, hot", "tc, hot", "XDP, cold", "tc, cold", "other traffic, tc"), lines)


def _flows(figures):
    entry = figures["memory.flows"] / 65536
    daemon = (figures["memory.daemon"] - figures.rows["memory.daemon"].get("idle", 0)) / 65536
    fixed = figures["memory.maps"] + figures["memory.ring"] + figures.rows["memory.daemon"].get("idle", 0)
    lines = []
    for flows in (1000, 65536, 1000000):
        per_second = flows / 600
        kernel = (2 * figures["tc.negotiate"] + 2 * figures["tc.validate"]) / 1e9
        lines.append((f"{flows:,}", f"{fixed + flows * (entry + daemon):.0f} MiB", f"{per_second:,.0f}",
                      _share(per_second * figures["daemon.handshake"] / 1e6), _share(per_second * kernel)))
    return _table(("flows", "memory", "handshakes/s, all within 10 min", "daemon", "programs"), lines)


def block(document):
    """The lines between the marks."""
    figures = Figures(document)
    host = document["machine"]
    head = (f"Measured {document['date'][:10]} on {host['cpu']}, {host['cpus']} CPUs"
            f"{', virtual' if host['virtual'] else ''}, kernel {host['kernel']}.")
    parts = [[head], _packets(figures), _beside(figures), _budgets(figures),
             ["On paper, from these figures (the formulas are in `tests/bench/readme.py`):"], _rates(figures),
             _flows(figures)]
    return "\n\n".join("\n".join(part) for part in parts)


def write():
    """0, or 1 having said why not."""
    path = os.path.join(report.RESULTS, report.kind(report.machine()) + ".json")
    try:
        with open(path, encoding="utf-8") as kept:
            text = block(json.load(kept))
        with open(README, encoding="utf-8") as old:
            page = old.read()
    except OSError as problem:
        print(f"run: {problem}; `make bench` keeps a result of this kind of machine")
        return 1
    except KeyError as missing:
        print(f"run: the kept result has no row {missing}; `make bench` makes a whole one")
        return 1
    page = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: f"{BEGIN}\n\n{text}\n\n{END}", page, flags=re.S)
    with open(README, "w", encoding="utf-8") as new:
        new.write(page)
    return 0
