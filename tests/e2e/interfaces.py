# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of interfaces that come, go, change their name or their namespace, or are watched twice, while it runs."""
import os
import signal

import cable
import cases
import stage
from lab import bpf, daemon, net

HOOKS = {"tcx": {}, "xdp": {"ingress": "xdp"}, "clsact": {"ingress": "clsact", "egress": "clsact"}}


def ids(host, kind="link"):
    return {number for what, number in bpf.held(host.process.pid) if what == kind}


def come_and_go(options):
    """One interface through everything that can happen to it; at each station a connection is followed."""
    with cable.lab() as network:
        one = cable.Cable(network, "nwa")
        host = daemon.Daemon(network, network.server, ["nwa", "nwg*"], answer_timeout=600, **options)
        one.altered(host)
        before, port = ids(host), next(cable.PORTS)
        one.half(port, True)
        cable.await_flow(host, port)  # what is under way goes with an interface that goes down
        network.server.ip("link set nwa down", "link set nwa name nwren", "link set nwren up")
        cable.await_log(host, "nwa is called nwren now, and still watched; but the configuration")
        cable.await_state(host, "nwren", "watched")
        one.replug("nwren")
        one.half(port, False)
        net.wait_for("the alert of a connection that spans the renaming",
                     lambda: cable.alerts_of(host, port) == [101], 20, 0.02)
        if ids(host) != before:
            raise stage.Failed(f"renaming changed the links from {before} to {ids(host)}")
        network.server.ip("link del nwren")
        cable.await_log(host, "nwren is gone")
        cable.await_log(host, "Nothing is watched")
        cable.await_state(host, "nwa", "absent")
        again = cable.Cable(network, "nwa")
        cable.await_state(host, "nwa", "watched")
        again.altered(host)
        matched = cable.Cable(network, "nwg1")
        cable.await_state(host, "nwg1", "watched")
        matched.altered(host)
        network.server.ip(f"link set nwg1 netns {network.client.holder.pid}")
        cable.await_log(host, "nwg1 is gone")
        net.wait_for("our programs to leave what went to another namespace",
                     lambda: not cable.attached(network.client, "nwg1"), 20, 0.02)
        network.client.ip(f"link set nwg1 netns {network.server.holder.pid}")
        cable.await_state(host, "nwg1", "watched")
        network.server.ip("link set nwg1 up")
        matched.replug("nwg1")
        matched.altered(host)
        again.altered(host)
        if host.close() != 0:
            raise stage.Failed(f"status {host.process.returncode} on SIGTERM; it said {host.said()}")
        left = cable.attached(network.server, "nwa") + cable.attached(network.server, "nwg1")
        if left or "clsact" in network.server.run("tc", "qdisc", "show"):
            raise stage.Failed(f"left on the interfaces: {left}")


def taken_away():
    """Somebody deletes the qdisc with our filters: noticed, told, mended. His new qdisc is not ours to remove."""
    with cable.lab() as network:
        one = cable.Cable(network, "nwa")
        host = daemon.Daemon(network, network.server, ["nwa"], answer_timeout=600, **HOOKS["clsact"])
        os.kill(host.process.pid, signal.SIGSTOP)  # or it might be there before somebody's new qdisc is
        network.server.run("sh", "-c", "tc qdisc del dev nwa clsact && tc qdisc add dev nwa clsact")
        os.kill(host.process.pid, signal.SIGCONT)
        cable.await_log(host, "somebody took our hooks away; they are attached again")
        one.altered(host)
        host.close()
        if cable.attached(network.server, "nwa") or "clsact" not in network.server.run("tc", "qdisc", "show"):
            raise stage.Failed("our filters have to be gone, and somebody's qdisc has to be there: "
                               + network.server.run("bpftool", "net", "show") + network.server.run("tc", "qdisc", "show"))


def troubled():
    """An interface that can't be watched is told once, shown by status, and watched when the trouble is over."""
    with cable.lab() as network:
        one, _ = cable.Cable(network, "nwa"), cable.Cable(network, "nwb")
        network.server.run("tc", "qdisc", "add", "dev", "nwb", "ingress")
        host = daemon.Daemon(network, network.server, ["nw*"], egress="clsact", answer_timeout=600)
        row = cable.await_state(host, "nwb", "failed")
        one.altered(host)
        network.server.ip("link set nwb down", "link set nwb up")  # news: it is tried again, and fails alike
        if "in the place of clsact" not in row["why"] or "NOT WATCHED" not in host.ask("status").stdout:
            raise stage.Failed(f"status says {row}\n{host.ask('status').stdout}")
        network.server.run("tc", "qdisc", "del", "dev", "nwb", "ingress")
        cable.await_state(host, "nwb", "watched")
        if host.said().count("nwb can't be watched") != 1:
            raise stage.Failed(f"the trouble has to be told once:\n{host.said()}")


def reload_config():
    """A reload adds and removes interfaces; the hooks of those that stay are the same, and a flow spans it."""
    with cable.lab() as network:
        kept, other = cable.Cable(network, "nwa"), cable.Cable(network, "nwb")
        path = os.path.join(network.directory, "conf")

        def reload(interfaces, process):
            with open(path, "w", encoding="ascii") as config:
                config.write(f"interfaces = {interfaces}\n")
            if process:
                process.send_signal(signal.SIGHUP)

        reload("nwa", None)
        host = daemon.Daemon(network, network.server, [], config=path, answer_timeout=600)
        before, port = ids(host), next(cable.PORTS)
        kept.half(port, True)
        reload("nwa, nwb, nwtypo", host.process)
        cable.await_state(host, "nwb", "watched")
        cable.await_log(host, 'no interface "nwtypo" yet')
        if not before < ids(host):
            raise stage.Failed(f"links {before} before, {ids(host)} afterwards")
        other.altered(host)
        kept.half(port, False)
        net.wait_for("the alert of a connection that spans the reload",
                     lambda: cable.alerts_of(host, port) == [101], 20, 0.02)
        reload("nwa", host.process)
        cable.await_state(host, "nwb", None)
        if ids(host) != before or cable.attached(network.server, "nwb"):
            raise stage.Failed(f"links {before} before, {ids(host)} afterwards; "
                               f"on nwb: {cable.attached(network.server, 'nwb')}")
        reload("nonsense:", host.process)
        cable.await_log(host, "The configuration stays as it was")
        kept.altered(host)


def auto_waits():
    """With auto and no address yet it waits; an address counts under an alias' label, and what is left out does not."""
    with cable.lab() as network:
        one = cable.Cable(network, "nwa")
        cable.Cable(network, "nwleft")
        network.server.ip(f"link set {network.server_dev} down")
        host = daemon.Daemon(network, network.server, ["auto", "!nwle*"], answer_timeout=600)
        cable.await_log(host, "Nothing is watched")
        if "NOTHING IS WATCHED" not in host.ask("status").stdout:
            raise stage.Failed(host.ask("status").stdout)
        network.server.ip("addr add 10.79.2.1/24 dev nwleft", "addr add 10.79.1.1/24 dev nwa label nwa:1")
        cable.await_state(host, "nwa", "watched")
        one.altered(host)
        network.server.ip("addr del 10.79.1.1/24 dev nwa")  # a lease that is renewed
        one.altered(host)
        if set(host.interfaces()) != {"nwa"}:
            raise stage.Failed(f"status tells of {host.interfaces()}")


def jumbo():
    """MTU 9000, with native XDP and with tc: real conversations."""
    for hook in ("xdp", "tc"):
        here = stage.Stage(False, mtu=9000)
        try:
            for case in cases.CASES:
                if case.name in ("request-guid", "untouched-transfer"):
                    here.play(case, hook)
        finally:
            here.close()


TESTS = {f"come-and-go-{name}": lambda options=options: come_and_go(options) for name, options in HOOKS.items()}
TESTS |= {"taken-away": taken_away, "troubled": troubled, "auto-waits": auto_waits, "reload": reload_config, "jumbo": jumbo}
