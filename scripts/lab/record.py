#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Records conversations of the lab: DIRECTORY/NAME.srv.pcap at the server's host, NAME.cli.pcap at the client's.

usage: scripts/lab/record.py DIRECTORY        makes the captures of tests/captures anew, in the order of the table
"""
import os
import select
import socket
import struct
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lab import box, net, samba, sniffer  # noqa: E402

# name, edit (None: the box only routes), number of the smbd, arguments of samba.Client
TABLE = [
    ("untouched-3.0.2", "pass", {}, {}),
    ("untouched-3.1.1", None, {}, {"maximum": "SMB3_11"}),
    ("request-guid", "req_guid", {}, {}),
    ("request-highest-dialect", "req_drop_highest", {}, {}),
    ("request-3.1.1-stripped", "strip311", {}, {"maximum": "SMB3_11"}),
    ("request-reset", "req_guid+rst_unread", {}, {}),
    ("request-7-bytes", "req_caps+chunk=7", {}, {}),
    ("response-capabilities", "resp_caps", {}, {}),
    ("response-dialect", "resp_dialect", {}, {}),
    ("answer-unsigned", "val_clear_signed", {}, {}),
    ("ipv6-request-mode", "req_secmode", {}, {"six": True}),
    ("anonymous", None, {}, {"anonymous": True}),
    ("not-implemented", None, {"maximum": "SMB2_02"}, {}),
]


class Recorder:
    """Keeps every frame of one interface, whole, until write()."""

    def __init__(self, namespace, interface):
        def make():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(sniffer.ETH_P_ALL))
            sock.setsockopt(socket.SOL_SOCKET, sniffer.SO_TIMESTAMPNS, 1)
            sock.bind((interface, sniffer.ETH_P_ALL))
            return sock

        self.frames, self.sock, self.stop = [], sniffer.socket_in(namespace, make), threading.Event()
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()

    def _receive(self):
        while not self.stop.is_set():
            if not select.select([self.sock], [], [], 0.05)[0]:
                continue
            frame, controls, _, _ = self.sock.recvmsg(1 << 17, 256)
            self.frames.append((struct.unpack_from("qq", controls[0][2]), frame))

    def write(self, path, client):
        """The IP frames of one client as a nanosecond pcap file."""
        self.stop.set()
        self.thread.join()
        self.sock.close()
        with open(path, "wb") as out:
            out.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1))
            for (seconds, nanoseconds), frame in self.frames:
                if client in frame[14:54] and frame[12:14] in (b"\x08\x00", b"\x86\xdd"):
                    out.write(struct.pack("<IIII", seconds, nanoseconds, len(frame), len(frame)) + frame)
        return len(self.frames)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 0 if sys.argv[1:] in (["-h"], ["--help"]) else 2
    directory = sys.argv[1]
    os.makedirs(directory, exist_ok=True)
    samba.prepare()
    network, servers = net.Network(), {}
    try:
        tamper = box.Box(network)
        for index, (name, edit, smbd, how) in enumerate(TABLE):
            number = 2 if smbd else 0
            if number not in servers:
                servers[number] = samba.Server(network, number, **smbd)
            tamper.edit(edit)
            address = network.use_client(index)[1 if how.get("six") else 0]
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            ends = [("srv", Recorder(network.server, network.server_dev)),
                    ("cli", Recorder(network.client, network.client_dev))]
            status, _ = samba.Client(servers[number], **how).finish()
            for end, recorder in ends:
                count = recorder.write(os.path.join(directory, f"{name}.{end}.pcap"), socket.inet_pton(family, address))
            print(f"{name}: smbclient ended with status {status}, {count} frames")
    finally:
        network.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
