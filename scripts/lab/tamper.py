#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The tamper box: ends every SMB connection that is routed to it, edits the messages, and passes them on.

Both sides keep their addresses (a transparent proxy), a FIN is passed on as a FIN and a RST as a RST. It reads commands
from its standard input, one a line: an edit as "req_guid" or "req_guid+chunk=7" for the connections that follow. Each
is answered with "ok" or "error WHY". It ends with its standard input.
"""
import os
import select
import socket
import struct
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from lab import edits  # noqa: E402

IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75
LINGER_RESET = struct.pack("ii", 1, 0)
PORTS = (445, 139)


class Side:
    """One end of a connection, with what arrived from it and is not a whole message yet."""

    def __init__(self, sock):
        self.sock, self.pending, self.open = sock, bytearray(), True

    def messages(self):
        """Yields (type, message) for each whole frame; type 0 carries SMB, the others control a NetBIOS session."""
        while len(self.pending) >= 4:
            kind, length = self.pending[0], struct.unpack_from(">I", self.pending)[0] & 0xFFFFFF
            if kind != 0:
                length &= 0x1FFFF
            if len(self.pending) < 4 + length:
                return
            message = self.pending[4:4 + length]
            del self.pending[:4 + length]
            yield kind, message


def connect(client, family):
    """Connects to where the client wanted to go, from the client's own address and port."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    set_transparent(sock, family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.settimeout(30)
    sock.bind(client.getpeername())
    sock.connect(client.getsockname())
    sock.settimeout(None)
    return sock


def set_transparent(sock, family):
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)


def send(sock, data, chunk):
    if not chunk:
        sock.sendall(data)
        return
    for at in range(0, len(data), chunk):  # MSG_EOR: TCP must not put two of them into one segment
        sock.sendmsg([data[at:at + chunk]], [], socket.MSG_EOR)


def forward(source, target, chosen, chunk, validates):
    """Reads once from source and passes on what became whole; returns False at the end of its stream."""
    data = source.sock.recv(1 << 20)
    if not data:
        return False
    source.pending.extend(data)
    for kind, message in source.messages():
        if kind == 0:
            behind = edits.apply(message, chosen, validates)
            if message:
                send(target.sock, struct.pack(">I", len(message)) + message + behind, chunk)
        else:
            send(target.sock, struct.pack(">I", kind << 24 | len(message)) + message, chunk)
    return True


def carry(client_sock, family, chosen, chunk):
    """Carries one connection to its end."""
    sides = [Side(client_sock)]
    validates = set()
    try:
        client_sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sides.append(Side(connect(client_sock, family)))
        sides[1].sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll = select.poll()
        by_fd = {}
        for side, other in ((sides[0], sides[1]), (sides[1], sides[0])):
            poll.register(side.sock, select.POLLIN)
            by_fd[side.sock.fileno()] = side, other
        while sides[0].open or sides[1].open:
            for fd, _ in poll.poll():
                source, target = by_fd[fd]
                if source.open and not forward(source, target, chosen, chunk, validates):
                    source.open = False
                    poll.unregister(source.sock)
                    target.sock.shutdown(socket.SHUT_WR)
    except OSError:  # a reset or a refused connection: reset what is left
        for side in sides:
            side.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
    finally:
        for side in sides:
            side.sock.close()


def serve(listener, family, current):
    while True:
        sock, _ = listener.accept()
        chosen, chunk = current["edits"]
        threading.Thread(target=carry, args=(sock, family, chosen, chunk), daemon=True).start()


def main():
    current = {"edits": edits.parse("pass")}
    for family, address in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        for port in PORTS:
            listener = socket.socket(family, socket.SOCK_STREAM)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            set_transparent(listener, family)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((address, port))
            listener.listen(64)
            threading.Thread(target=serve, args=(listener, family, current), daemon=True).start()
    print("ready", flush=True)
    for line in sys.stdin:
        try:
            current["edits"] = edits.parse(line.strip())
            print("ok", flush=True)
        except ValueError as problem:
            print(f"error {problem}", flush=True)


if __name__ == "__main__":
    main()
