# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Forges TCP resets in the box: watches what passes there, and sends RSTs in the name of either end."""
import select
import socket
import struct
import threading

from lab import net, sniffer

RST, ACK = 4, 0x10


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


class Injector:
    """The last IPv4 packet of each end of each connection that crosses the box: `last[source, port, target, port]`."""

    def __init__(self, network):
        def listen():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(sniffer.ETH_P_ALL))
            sock.bind((network.box_inner, sniffer.ETH_P_ALL))
            return sock

        self.last, self.begin, self.stop = {}, {}, threading.Event()
        self.sock = sniffer.socket_in(network.box, listen)
        self.raw = sniffer.socket_in(network.box,
                                     lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()
        network.on_close(self.close)

    def _receive(self):
        while not self.stop.is_set():
            if not select.select([self.sock], [], [], 0.05)[0]:
                continue
            frame = self.sock.recv(1 << 17)
            if frame[12:14] != b"\x08\x00" or frame[23] != 6:
                continue
            at = 14 + (frame[14] & 15) * 4
            ports = struct.unpack_from(">HH", frame, at)
            seq, ack, offset, flags, window = struct.unpack_from(">IIBBH", frame, at + 4)
            length = struct.unpack_from(">H", frame, 16)[0] - (at - 14) - (offset >> 4) * 4
            if flags & RST:
                continue
            ends = socket.inet_ntoa(frame[26:30]), ports[0], socket.inet_ntoa(frame[30:34]), ports[1]
            end = seq + length + (flags & 3 != 0) & 0xFFFFFFFF
            if flags & 2:
                self.begin[ends] = end
            self.last[ends] = {
                "end": end, "sent": end - self.begin[ends] & 0xFFFFFFFF, "ack": ack, "window": window, "ttl": frame[22],
                "id": struct.unpack_from(">H", frame, 18)[0]}

    def reset(self, source, target, sent, acked, *, ttl=33, ident=0xBEEF, ahead=0, flags=RST, window=0):
        """A RST as if `source` had sent it, when `sent` bytes of it have passed and it has acknowledged `acked` bytes.
        None: as in its last packet, and the next IP id."""
        def there():
            look = self.last.get((*source, *target))
            if look and look["sent"] >= sent and look["ack"] == self.begin[(*target, *source)] + acked & 0xFFFFFFFF:
                return look
            return None
        look = net.wait_for(f"{sent} bytes from {source} to {target} and {acked} acknowledged in the box", there, 20)
        behind = 0 if source[1] not in sniffer.PORTS else 1  # seen on the server's link: one hop more to the client
        ack = look["ack"] if flags & ACK else 0
        addresses = socket.inet_aton(source[0]) + socket.inet_aton(target[0])
        tcp = struct.pack(">HHIIBBHHH", source[1], target[1], look["end"] + ahead & 0xFFFFFFFF, ack, 0x50, flags,
                          look["window"] if window is None else window, 0, 0)
        total = checksum(addresses + struct.pack(">BBH", 0, 6, len(tcp)) + tcp)
        tcp = tcp[:16] + struct.pack(">H", total) + tcp[18:]
        ident = look["id"] + 1 & 0xFFFF if ident is None else ident
        ip = struct.pack(">BBHHHBBH", 0x45, 0, 40, ident, 0x4000, look["ttl"] - behind if ttl is None else ttl, 6, 0)
        self.raw.sendto(ip + addresses + tcp, (target[0], 0))

    def close(self):
        self.stop.set()
        self.thread.join()
        self.sock.close()
        self.raw.close()
