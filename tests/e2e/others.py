# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests beside programs of others: theirs stay attached and see every packet, and so do ours, whoever came first."""
import json
import os

import cable
import stage
from lab import bpf, daemon, net, sniffer

FOREIGN = os.path.join(daemon.ROOT, "build", "empty.bpf.o")
TCX = {}
CLSACT = {"ingress": "clsact", "egress": "clsact"}


class Others:
    """Foreign programs on a cable: XDP, clsact filters before and behind priority 1, and tcx at both hooks."""

    def __init__(self, wire):
        self.wire, self.server, self.seen, self.links = wire, wire.network.server, {}, []
        wire.network.on_close(self.close)

    def tc(self, *argv):
        return self.server.run("tc", *argv)

    def filters(self, side):
        shown = json.loads(self.tc("-json", "filter", "show", "dev", self.wire.near, side))
        return {(row["pref"], row["options"]["handle"]): row["options"]["prog"]["id"] for row in shown
                if "options" in row and row["kind"] == "bpf" and not row["options"]["prog"]["name"].startswith("nw_")}

    def come(self, prefs):
        """Attaches all, clsact filters at these priorities."""
        dev = self.wire.near
        self.server.ip(f"link set dev {dev} xdp object {FOREIGN} section xdp.frags")
        self.seen["xdp"] = self.wire.link()["xdp"]["prog"]["id"]
        if "clsact" not in self.tc("qdisc", "show", "dev", dev):
            self.tc("qdisc", "add", "dev", dev, "clsact")
        for side in ("ingress", "egress"):
            for pref in prefs:
                self.tc("filter", "add", "dev", dev, side, "pref", str(pref), "bpf", "direct-action", "object-file",
                        FOREIGN, "section", "tc")
            for (pref, _), number in self.filters(side).items():
                self.seen[f"{side} {pref}"] = number
        where, index = {"ingress": bpf.TCX_INGRESS, "egress": bpf.TCX_EGRESS}, self.wire.link()["ifindex"]
        for side, hook in where.items():
            # of the filter's program, which then is in two places
            number = self.seen[f"{side} {prefs[-1]}"]
            self.links.append(sniffer.socket_in(self.server, lambda: bpf.link(number, index, hook)))

    def runs(self):
        return {name: bpf.runs(number) for name, number in self.seen.items()}

    def expected(self, prefs):
        """How often each has to run for one connection."""
        inward, outward = self.wire.count()
        wanted = {"xdp": inward}
        for side, frames in (("ingress", inward), ("egress", outward)):
            for pref in prefs:
                wanted[f"{side} {pref}"] = frames * (2 if pref == prefs[-1] else 1)
        return wanted

    def saw_all(self, prefs, act):
        """act() plays a connection; every foreign program has to see all of it."""
        before = self.runs()
        act()
        wanted = self.expected(prefs)

        def counted():
            after = self.runs()
            return {name: after[name] - before[name] for name in after}
        try:
            # other packets than ours (neighbour discovery) may come on top
            net.wait_for("all others to see the connection",
                         lambda: all(counted()[name] >= wanted[name] for name in wanted), 20, 0.02)
        except net.LabError:
            raise stage.Failed(f"others saw {counted()}, wanted {wanted}") from None

    def unchanged(self):
        now = {f"{side} {pref}": number for side in ("ingress", "egress")
               for (pref, _), number in self.filters(side).items()}
        now["xdp"] = self.wire.link().get("xdp", {}).get("prog", {}).get("id")
        if now != self.seen:
            raise stage.Failed(f"foreign programs were {self.seen}, are {now}")

    def close(self):
        while self.links:
            os.close(self.links.pop())


def together(first, options):
    """Ours and theirs on one interface; `first` says who comes first. Then ours go, and theirs stay."""
    counting = bpf.counting()
    try:
        with cable.lab() as network:
            wire = cable.Cable(network, "nwa")
            theirs, prefs = Others(wire), (1, 50) if first == "theirs" else (2, 50)

            def start():
                return daemon.Daemon(network, network.server, ["nwa"], answer_timeout=600, **{"ingress": "tc", **options})
            if first == "theirs":
                theirs.come(prefs)
                host = start()
            else:
                host = start()
                theirs.come(prefs)
            theirs.saw_all(prefs, lambda: wire.altered(host))
            theirs.unchanged()
            if host.close() != 0:
                raise stage.Failed(f"status {host.process.returncode}: {host.said()}")
            theirs.unchanged()
            theirs.saw_all(prefs, lambda: (wire.half(20000, True), wire.half(20000, False)))
            if cable.attached(network.server, "nwa"):
                raise stage.Failed(f"ours stayed: {cable.attached(network.server, 'nwa')}")
            if "clsact" not in theirs.tc("qdisc", "show", "dev", "nwa"):
                raise stage.Failed("the qdisc with their filters is gone")
    finally:
        os.close(counting)


def held_xdp():
    """With auto on a device whose XDP hook somebody holds; and insisting on XDP, which is refused with his name."""
    with cable.lab() as network:
        wire = cable.Cable(network, "nwa")
        network.server.ip(f"link set dev nwa xdp object {FOREIGN} section xdp.frags")
        try:
            daemon.Daemon(network, network.server, ["nwa"], ingress="xdp")
        except net.LabError as refused:
            if 'program "empty_xdp" id' not in str(refused) or "status 69" not in str(refused):
                raise
        else:
            raise stage.Failed("XDP was held by another, and negwatchd started with ingress = xdp")
        wire.altered(daemon.Daemon(network, network.server, ["nwa"], answer_timeout=600))


def taken_priority():
    """Another kind of filter at our priority: ours goes behind it, and status says so beside why it is tc at all."""
    with cable.lab() as network:
        wire = cable.Cable(network, "nwa")
        network.server.run("tc", "qdisc", "add", "dev", "nwa", "clsact")
        network.server.run("tc", "filter", "add", "dev", "nwa", "ingress", "pref", "1", "protocol", "all", "u32", "match",
                           "u32", "0x12345678", "0xffffffff")
        host = daemon.Daemon(network, network.server, ["nwa"], answer_timeout=600, egress="clsact", ingress="clsact")
        row = host.interfaces()["nwa"]
        if "filter priority 1 is taken" not in row["ingress"].get("why", "") or "why" in row["egress"]:
            raise stage.Failed(f"status says {row}")
        wire.altered(host)
        host.close()
        if "pref 1 u32" not in network.server.run("tc", "filter", "show", "dev", "nwa", "ingress"):
            raise stage.Failed("their filter is gone")


TESTS = {f"{first}-first-{name}": lambda first=first, options=options: together(first, options)
         for first in ("theirs", "ours") for name, options in (("tcx", TCX), ("clsact", CLSACT))}
TESTS |= {"held-xdp": held_xdp, "taken-priority": taken_priority}
