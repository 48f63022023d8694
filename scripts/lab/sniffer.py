# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The lab's own eyes: notes SMB messages and closing packets on an interface, to check the monitor against."""
import collections
import ctypes
import os
import select
import socket
import struct
import threading

CLONE_NEWNET = 0x40000000
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35
ETH_P_ALL = 3
FIN, SYN, RST = 1, 2, 4
PORTS = (445, 139)

Packet = collections.namedtuple("Packet", "time client port by how command")


def socket_in(namespace, make):
    """make() called by a thread that has entered the namespace; what it makes belongs there, this process stays out."""
    result = []

    def enter():
        libc = ctypes.CDLL(None, use_errno=True)
        with open(namespace.path, "rb") as where:
            if libc.setns(where.fileno(), CLONE_NEWNET) != 0:
                result.append(OSError(ctypes.get_errno(), f"setns to namespace {namespace.name}"))
                return
        try:
            result.append(make())
        except OSError as problem:
            result.append(problem)

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise result[0]
    return result[0]


def parse(frame, when):
    """A Packet for a TCP packet of an SMB port that closes, or that begins with an SMB2 message; else None."""
    at = 14
    kind = struct.unpack_from(">H", frame, 12)[0]
    if kind == 0x8100:
        kind, at = struct.unpack_from(">H", frame, 16)[0], 18
    if kind == 0x0800 and frame[at + 9] == 6:
        family, source, target = socket.AF_INET, frame[at + 12:at + 16], frame[at + 16:at + 20]
        tcp, end = at + (frame[at] & 15) * 4, at + struct.unpack_from(">H", frame, at + 2)[0]
    elif kind == 0x86DD and frame[at + 6] == 6:
        family, source, target = socket.AF_INET6, frame[at + 8:at + 24], frame[at + 24:at + 40]
        tcp, end = at + 40, at + 40 + struct.unpack_from(">H", frame, at + 4)[0]
    else:
        return None
    ports = struct.unpack_from(">HH", frame, tcp)
    if ports[1] in PORTS:
        by, client, port = "client", source, ports[0]
    elif ports[0] in PORTS:
        by, client, port = "server", target, ports[1]
    else:
        return None
    flags = frame[tcp + 13]
    how = "rst" if flags & RST else "fin" if flags & FIN else "data"
    payload = frame[tcp + (frame[tcp + 12] >> 4) * 4:end]
    command = None
    if len(payload) >= 68 and payload[4:8] == b"\xfeSMB":
        command = struct.unpack_from("<H", payload, 16)[0]
    if how == "data" and command is None:
        return None
    return Packet(when, socket.inet_ntop(family, client), port, by, how, command)


class Sniffer:
    """Listens on one interface of a namespace until close(); `packets` grows while it does."""

    def __init__(self, namespace, interface):
        def make():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            sock.bind((interface, ETH_P_ALL))
            return sock

        self.packets = []
        self.sock = socket_in(namespace, make)
        self.wake_read, self.wake_write = os.pipe()
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()

    def _receive(self):
        while True:
            ready, _, _ = select.select([self.sock, self.wake_read], [], [])
            if self.wake_read in ready:
                return
            frame, controls, _, _ = self.sock.recvmsg(400, 256)
            seconds, nanoseconds = struct.unpack_from("qq", controls[0][2])
            try:
                packet = parse(frame, seconds + nanoseconds / 1e9)
            except (struct.error, IndexError):
                continue
            if packet:
                self.packets.append(packet)

    def of(self, client):
        return [packet for packet in list(self.packets) if packet.client == client]

    def first_close(self, client):
        """(by, how) of the first FIN or RST of a client's connection, or None."""
        for packet in self.of(client):
            if packet.how != "data":
                return packet.by, packet.how
        return None

    def close(self):
        os.write(self.wake_write, b"x")
        self.thread.join()
        self.sock.close()
        os.close(self.wake_read)
        os.close(self.wake_write)
