# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The unit, the manuals, the completion, the catalog, the AppArmor profile and the snippets, each by the program that reads it."""
import json
import os
import re
import shutil
import tempfile

import harness
from harness import expect, run

DOCS = os.path.join(harness.BUILD, "docs")
MAN = ("negwatch.1", "negwatchd.8", "negwatchd.conf.5")
EXPOSURE = 1.5  # the capabilities that BPF needs and netlink cost what is left


def tool(name):
    if not shutil.which(name):
        raise harness.Skip(f"{name} is not there")
    return name


def unit_is_hardened():
    out = run(tool("systemd-analyze"), "security", "--offline=true", "scripts/negwatchd.service").stdout
    level = float(re.search(r"exposure level for negwatchd.service: ([\d.]+)", out)[1])
    expect(level <= EXPOSURE, f"exposure {level}\n{out}")
    return f"exposure level {level}, at most {EXPOSURE}"


def unit_is_valid():
    """systemd reads each of its lines; the programs are where a copy of the unit says."""
    tool("systemd-analyze")
    with tempfile.TemporaryDirectory(prefix="nwdoc.", dir="/tmp") as directory:
        text = harness.read("scripts", "negwatchd.service").replace("/usr/sbin/negwatchd", os.path.join(harness.BUILD, "negwatchd"))
        path = harness.write(directory, "negwatchd.service", re.sub("(?m)^Documentation=.*\n", "", text))
        said = run("systemd-analyze", "verify", path, check=False).stdout
    ours = [line for line in said.splitlines() if "negwatchd.service" in line]
    expect(not ours, "\n".join(ours))


def manuals_render():
    for page in MAN:
        said = run(tool("man"), "--warnings", "--encoding=UTF-8", "--local-file", os.path.join(DOCS, page), check=False,
                   env={**os.environ, "MANWIDTH": "80", "MAN_KEEP_STDERR": "1"}).stdout
        expect(not re.search(r"(?m)^(an-|troff|grotty|<standard input>|man:).*(warning|error)", said), f"{page}: {said[:600]}")
        expect(max(map(len, said.splitlines())) <= 80, f"{page}: a line has more than 80 columns")


def manuals_lint():
    """No warning or error; where lines end in the source is not a reader's matter."""
    for page in MAN:
        said = run(tool("mandoc"), "-Tlint", "-Wwarning", os.path.join(DOCS, page), check=False).stdout
        expect(not said.strip(), f"{page}: {said}")


def manuals_say_all():
    """Each command, option, key and rule that a program knows of itself is in its page."""
    pages = {page: harness.read("build", "docs", page).replace("\\-", "-").replace("\\fR", "").replace("\\fB", "") for page in MAN}
    for program, page in (("negwatch", "negwatch.1"), ("negwatchd", "negwatchd.8")):
        for option in re.findall(r"--[a-z][a-z-]+", run(os.path.join(harness.BUILD, program), "--help").stdout):
            expect(option in pages[page], f"{page} lacks {option}")
    for key in re.findall(r"(?m)^#([a-z_]+) = ", harness.read("scripts", "negwatchd.conf")):
        expect(f".TP\n{key} =" in pages["negwatchd.conf.5"], f"negwatchd.conf.5 lacks {key}")
    commands = re.findall(r"(?m)^  ([a-z-]+) ", run(os.path.join(harness.BUILD, "negwatch"), "--help").stdout.split("\n\n")[1])
    expect(len(commands) >= 10, f"the help lists {commands}")
    for command in commands:
        expect(re.search(rf'\.SS "{command}[ "]', pages["negwatch.1"]), f"negwatch.1 lacks {command}")
    rules = json.loads(run(os.path.join(harness.BUILD, "negwatch"), "explain", "--json").stdout)["rules"]
    for rule in rules:
        expect(f".TP\n{rule['rule']} {rule['name']}" in pages["negwatch.1"], f"negwatch.1 lacks {rule['rule']}")
    return f"{len(commands)} commands, {len(rules)} rules"


COMPLETE = """source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _$1; printf '%s\\n' "${COMPREPLY[@]}\""""


def complete(*words):
    return run("bash", "-uc", COMPLETE, "bash", os.path.join(DOCS, "completion"), *words).stdout.split()


def completion_completes():
    with tempfile.TemporaryDirectory(prefix="nwdoc.", dir="/tmp") as directory:
        harness.write(directory, "trace.pcap", "")
        for words, wanted in (
                (("negwatch", "sta"), ["status", "stats"]),
                (("negwatch", "--json", "ale"), ["alerts"]),
                (("negwatch", "--socket", "/nowhere/", ""), ["status", "alerts", "show"]),
                (("negwatch", "explain", "req"), ["request-altered"]),
                (("negwatch", "peers", "--not"), ["--not-validated"]),
                (("negwatch", "read", "--vantage", "cl"), ["client"]),
                (("negwatch", "read", f"{directory}/tr"), [f"{directory}/trace.pcap"]),
                (("negwatch", "report", "-o", f"{directory}/tr"), [f"{directory}/trace.pcap"]),
                (("negwatch", "doctor", "lo"), ["lo"]),
                (("negwatchd", "--check"), ["--check-config"]),
                (("negwatchd", "-o", "syslog_fo"), ["syslog_format="]),
                (("negwatch", "alerts", "--vantage"), [])):
            found = complete(*words)
            expect(found[:len(wanted)] == wanted and (wanted or not found), f"{words}: {found}, wanted {wanted}")
    said = run(tool("shellcheck"), os.path.join(DOCS, "completion"), check=False).stdout
    expect(not said, said)


def catalog_is_read():
    """journalctl compiles it, and has an entry for each rule with a remedy."""
    tool("journalctl")
    with tempfile.TemporaryDirectory(prefix="nwdoc.", dir="/tmp") as directory:
        folder = os.path.join(directory, "usr/lib/systemd/catalog")
        os.makedirs(folder)
        os.makedirs(os.path.join(directory, "var/lib/systemd/catalog"))
        shutil.copy(os.path.join(DOCS, "catalog"), os.path.join(folder, "negwatch.catalog"))
        said = run("journalctl", f"--root={directory}", "--update-catalog").stdout
        listed = run("journalctl", f"--root={directory}", "--list-catalog").stdout
    expect("rror" not in said, said)
    rules = json.loads(run(os.path.join(harness.BUILD, "negwatch"), "explain", "--json").stdout)["rules"]
    found = re.findall(r"(?m)^5d2f0c6ae1974b0ea3c87f41d96b2(\d{3}) negwatch: ", listed)
    expect(found == [str(rule["rule"]) for rule in rules], f"{found}\n{listed}")


def apparmor_profile_parses():
    root = harness.unpacked("apparmor")
    said = run(f"{root}/sbin/apparmor_parser", "--skip-kernel-load", "--skip-cache", "--base", f"{root}/etc/apparmor.d", "-I",
               f"{root}/etc/apparmor.d", "scripts/apparmor.profile", check=False)
    expect(said.returncode == 0, said.stdout)


def prometheus_rules():
    root = harness.unpacked("prometheus")
    run(f"{root}/usr/bin/promtool", "check", "rules", "scripts/contrib/prometheus-rules.yml")


def elastic_mapping():
    """JSON, and each property is a key of the alert journal's objects."""
    mapping = json.loads(harness.contrib("elastic-mapping.json"))["template"]["mappings"]["properties"]
    source = harness.read("user", "sink", "alert.c")
    for key in [*mapping, *mapping["alert"]["properties"], *mapping["negwatch"]["properties"]]:
        expect(key == "@timestamp" or f'"{key}"' in source, f"an alert has no {key}")


TESTS = {
    "unit-hardened": unit_is_hardened, "unit-valid": unit_is_valid, "man-render": manuals_render, "man-lint": manuals_lint,
    "man-complete": manuals_say_all, "completion": completion_completes, "catalog": catalog_is_read, "apparmor": apparmor_profile_parses,
    "prometheus-rules": prometheus_rules, "elastic-mapping": elastic_mapping,
}
