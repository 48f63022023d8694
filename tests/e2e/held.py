# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the files of evidence are held to: `negwatch read` says the same of them as the alert, tshark has no complaint."""
import json
import os
import re
import subprocess

from lab import daemon, net

# What no packet of the connection shows: 107 may rest on the kernel's word, 109 on what the client did before.
UNSEEN = {107, 109}


def path_of(host, alert):
    """The alert's file, by way of the daemon."""
    done = host.ask("evidence", str(alert["negwatch"]["alert_id"]), "--json")
    if done.returncode:
        raise net.LabError(f"negwatch evidence: {done.stderr.strip()}")
    answer = json.loads(done.stdout)
    daemon.fits("printed_path", answer)
    if os.path.basename(answer["path"]) != alert["negwatch"].get("evidence"):
        raise net.LabError(f"the alert says {alert['negwatch'].get('evidence')!r}, the file is {answer['path']}")
    return answer["path"]


def read(path):
    """(objects that `negwatch read --json` prints, what it complains of)"""
    done = subprocess.run([daemon.CLI, "read", "--json", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr.strip()


def findings(path):
    """{rule: finding} of the one flow in the file."""
    objects, complaint = read(path)
    flows = [one for one in objects if one["type"] == "flow"]
    if complaint or len(flows) != 1:
        raise net.LabError(f"{path}: {len(flows)} flows; {complaint}")
    return {one["rule"]: one for one in flows[0]["findings"]}, flows[0]


def same_finding(path, alert):
    """What differs between the alert and what is read in its evidence; None: nothing."""
    told, flow = alert["negwatch"]["finding"], alert["negwatch"]["flow"]
    found, again = findings(path)
    one = found.get(told["rule"])
    if not one:
        return f"rule {told['rule']} was not found again, but {sorted(found)}"
    if not told["text"].startswith(one["text"]):  # behind it there may be the kernel's word
        return f"text of rule {told['rule']} is {one['text']!r}, the alert's {told['text']!r}"
    for key in ("severity", "fields", "leg"):
        if one.get(key) != told.get(key):
            return f"{key} of rule {told['rule']} is {one.get(key)!r}, the alert's {told.get(key)!r}"
    for key in ("client_ip", "client_port", "server_ip", "server_port", "vlan", "dialect"):
        if again.get(key) != flow.get(key):
            return f"{key} is {again.get(key)!r}, the alert's flow has {flow.get(key)!r}"
    return None


def hold(host, alert):
    """Raises LabError unless the alert's evidence is there and shows the same."""
    rule = alert["negwatch"]["rule"]
    path = net.wait_for("evidence to be written", lambda: host.ask("evidence", str(alert["negwatch"]["alert_id"]),
                                                                   "--json").returncode == 0 and path_of(host, alert), 20)
    differs = same_finding(path, alert)
    if differs and (rule not in UNSEEN or alert["negwatch"]["severity"] == "critical"):
        raise net.LabError(f"evidence of rule {rule} ({path}): {differs}")
    return path


def packets(path, *fields):
    """One tuple of these fields for each packet."""
    argv = ["tshark", "-r", path, "-T", "fields", "-E", "separator=\x1f"]
    for field in fields:
        argv += ["-e", field]
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, check=True)
    return [tuple(line.split("\x1f")) for line in done.stdout.splitlines()]


def complaints(path):
    """What tshark does not like in the file."""
    done = subprocess.run(["tshark", "-r", path, "-V"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=60, check=False)
    said = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    bad = [line.strip() for line in done.stdout.splitlines()
           if re.search(r"malformed|severity level: error|dissector bug", line, re.IGNORECASE)]
    return said + bad + ([f"status {done.returncode}"] if done.returncode else [])
