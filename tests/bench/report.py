# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the bench found, as a table and as JSON; results are kept by kind of machine."""
import datetime
import json
import os
import platform
import re
import subprocess

import budget

HERE = os.path.dirname(os.path.abspath(__file__))
RESULTS = os.path.join(HERE, "results")


def machine():
    """What figures depend on."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as lines:
        fields = dict(re.findall(r"^([^\t\n]+)\t*: (.*)$", lines.read(), re.M))
    virtual = subprocess.run(["systemd-detect-virt", "--vm"], stdout=subprocess.PIPE, text=True, check=False).stdout.strip() \
        if os.path.exists("/usr/bin/systemd-detect-virt") else ""
    return {"cpu": fields.get("model name", platform.machine()), "cpus": os.cpu_count(),
            "kernel": ".".join(platform.release().split(".")[:2]), "virtual": virtual not in ("", "none")}


def kind(host):
    """A name for that kind of machine, fit for a file."""
    words = f"{host['cpu']} {host['cpus']}cpu kernel {host['kernel']}{' vm' if host['virtual'] else ''}"
    return re.sub(r"[^a-z0-9.]+", "-", words.lower()).strip("-")


class Report:
    """Gathers figures; parts add them as they come."""

    def __init__(self, quick):
        self.quick, self.found, self.skipped = quick, {}, []

    def add(self, key, figure, base=None, ours=None, **more):
        """figure is held against the budget of the row `key`; base and ours are the two sides that it was made of."""
        values = {"figure": figure, "base": base, "ours": ours, **more}
        self.found[key] = {name: value for name, value in values.items() if value is not None}

    def skip(self, what, why):
        self.skipped.append(f"{what}: {why}")

    def rows(self):
        for row in budget.ROWS:
            if row.key in self.found:
                found = self.found[row.key]
                share = budget.used(row, found["figure"])
                met = None if share is None else "met" if share <= 1.0 and not found.get("lost") else "missed"
                yield row, found, share, met

    def objects(self):
        for row, found, share, met in self.rows():
            values = {"row": row.key, "text": row.text, "unit": row.unit, **found}
            if met:
                values.update(sense=row.sense, budget=row.limit, used=round(share, 3), verdict=met)
            yield values

    def document(self):
        return {"date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"), "machine": machine(),
                "quick": self.quick, "rows": list(self.objects()), "skipped": self.skipped}

    def missing(self):
        """Rows that nobody measured."""
        return [row.key for row in budget.ROWS if row.key not in self.found]

    def store(self):
        os.makedirs(RESULTS, exist_ok=True)
        document = self.document()
        path = os.path.join(RESULTS, kind(document["machine"]) + ".json")
        with open(path, "w", encoding="utf-8") as out:
            rows = ",\n".join("    " + json.dumps(row) for row in document.pop("rows"))
            head = json.dumps(document, indent=2)[:-2]
            out.write(f'{head},\n  "rows": [\n{rows}\n  ]\n}}\n')
        return path


def number(value):
    """Three digits that count."""
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _line(cells, widths):
    return "  ".join(text.ljust(width) if index == 0 else text.rjust(width)
                     for index, (text, width) in enumerate(zip(cells, widths))).rstrip()


def _print(head, lines):
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]
    for line in (head, *lines):
        print(_line(line, widths))


def table(report):
    """Everything, with budget and verdict."""
    head = ("WHAT", "BASE", "OURS", "FIGURE", "UNIT", "BUDGET", "USED", "VERDICT")
    lines = []
    for row, found, share, met in report.rows():
        limit = f"{row.sense} {row.limit}" if row.limit is not None else ""
        lines.append((row.text, number(found.get("base")), number(found.get("ours")), number(found["figure"]), row.unit,
                      limit, number(share), met or ""))
    _print(head, lines)


def ratios(report):
    """Nothing but ratios: of ours to its base, and the share of the budget that is used."""
    head, lines = ("WHAT", "OURS:BASE", "OF BUDGET"), []
    for row, found, share, _ in report.rows():
        base, ours = found.get("base"), found.get("ours")
        to_base = found["figure"] if row.unit == "x" else ours / base if base and ours else None
        if to_base is not None or share is not None:
            lines.append((row.text, number(to_base), number(share)))
    _print(head, lines)
