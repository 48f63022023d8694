#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The demo: real Samba, a box that tampers, negwatchd at both ends, and one alert for each rule."""
import os
import signal
import sys
import textwrap

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import box, daemon, logsocket, net, samba  # noqa: E402

# rule (None: there must be none), host whose negwatchd tells it, edit, what is shown, how the client runs
STEPS = [
    (None, "server", "pass", "Nothing is changed: smbclient works, and negwatch is silent.", {}),
    (101, "server", "req_guid", "The box changes the client GUID in the NEGOTIATE request. The server sees another "
     "one in the signed VALIDATE request and closes the connection.", {}),
    (104, "client", "req_guid", "The same, seen from the client's host: the server hung up, so that the request may "
     "have been changed on the way.", {}),
    (102, "client", "resp_caps", "The box changes the capabilities in the NEGOTIATE response.", {}),
    (105, "server", "resp_caps", "The same, seen from the server's host: the client hung up after a matching answer.",
     {}),
    (103, "client", "val_clear_signed", "The box takes the signature off the VALIDATE answer.", {}),
    (106, "client", "val_drop_resp", "The box swallows the VALIDATE answer.", {"waits": True}),
    (109, "server", "strip311", "The box removes dialect 3.1.1 from the NEGOTIATE request: a downgrade.",
     {"maximum": "SMB3_11"}),
    (110, "server", "pass", "A client that never validates (a small script of the lab; smbclient always validates) "
     "logs in and connects a share.", {"quiet": True}),
    (111, "server", "pass", "A server that speaks 2.0.2 only answers, signed, that it can't validate.", {"smbd": 1}),
]


def say(text=""):
    print(text, flush=True)


def rule_of(line):
    return logsocket.fields(line).get("rule")


def show_step(network, servers, daemons, step, number):
    """Plays one step and prints the syslog line that it led to."""
    rule, host, _, text, how = step
    how = dict(how)
    waits, quiet, smbd = (how.pop(key, False) for key in ("waits", "quiet", "smbd"))
    client, _ = network.use_client(number)
    say()
    say(f"--- {'no alert' if rule is None else f'rule {rule}'}, told at the {host}'s host")
    say(textwrap.fill(text, 100))
    server = servers[1 if smbd else 0]
    run = samba.QuietClient(server) if quiet else samba.Client(server, **how)
    if not waits:
        status, _ = run.finish()
        outcome = "worked" if status == 0 else f"failed: {run.output.strip().splitlines()[-1]}"
        say(f"    {'the client' if quiet else 'smbclient'} {outcome}")
    log = daemons[host].log

    def wanted():
        return [line for _, line in list(log.lines)
                if logsocket.fields(line).get("src_ip") == client and (rule is None or rule_of(line) == str(rule))]
    if rule is None:
        net.wait_for("negwatch to see the end of the connection",
                     lambda: [flow for flow in daemons[host].flows(client) if "end" in flow])
        if wanted():
            raise net.LabError(f"an untouched exchange led to {wanted()[0]}")
    else:
        net.wait_for(f"the alert of rule {rule}", wanted, 10)
        say(f"    {wanted()[0]}")
    if waits:
        run.end()


def play(network):
    say("Lab: client - box - server, three network namespaces; negwatchd on the interface of client and server")
    tamper = box.Box(network)
    servers = [samba.Server(network, 0), samba.Server(network, 1, maximum="SMB2_02")]
    daemons = {namespace.name: daemon.Daemon(network, namespace, [interface], answer_timeout=2)
               for namespace, interface in ((network.server, network.server_dev), (network.client, network.client_dev))}
    say(daemons["server"].said().rstrip())
    for number, step in enumerate(STEPS):
        tamper.edit(step[2])
        show_step(network, servers, daemons, step, number)
    for host in ("server", "client"):
        say()
        say(f"--- negwatch alerts, at the {host}'s host")
        say(daemons[host].ask("alerts").stdout.rstrip())
    first = next(alert for alert in daemons["server"].alerts() if alert["negwatch"]["rule"] == 101)
    number = str(first["negwatch"]["alert_id"])
    say()
    say(f"--- negwatch show {number}, at the server's host")
    say(daemons["server"].ask("show", number).stdout.rstrip())


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        samba.prepare()
        with net.Network() as network:
            play(network)
    except net.LabError as problem:
        sys.exit(f"demo: {problem}")
    except KeyboardInterrupt:
        sys.exit(130)
    say()
    say("The lab is gone again. To watch this host: scripts/run")


if __name__ == "__main__":
    main()
