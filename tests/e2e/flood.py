# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Packets of strangers, by the thousand: half of TCP, blind SMB, noise. Their checksums are wrong, so that the host's own
TCP answers none of them; the monitor reads them all the same."""
import random
import socket
import struct

import forgery

SYN, RST, PUSH, ACK, FIN = 2, 4, 8, 16, 1


def frame(target_mac, source, target, sport, dport, flags, seq=1, ack=0, payload=b"", six=False):
    """One Ethernet frame with TCP in it; addresses are packed."""
    tcp = struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 8192, 0xBAD0, 0) + payload
    if six:
        return (target_mac + b"\x02\0\0\0\0\1\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(tcp), 6, 64) + source + target
                + tcp)
    return (target_mac + b"\x02\0\0\0\0\1\x08\0"
            + struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0xBAD0) + source + target + tcp)


class Flood:
    """Kinds of packets toward one server: each method makes one."""

    def __init__(self, target_mac, server, seed):
        self.mac, self.server, self.rng = target_mac, socket.inet_aton(server), random.Random(seed)
        self.negotiate = forgery.negotiate(False)

    def anybody(self):
        return self.rng.randbytes(4), self.rng.randrange(1024, 65536)

    def make(self, flags, payload=b"", source=None):
        address, port = source or self.anybody()
        return frame(self.mac, address, self.server, port, 445, flags, self.rng.getrandbits(32), self.rng.getrandbits(32),
                     payload)

    def syn(self):
        return self.make(SYN)

    def rst(self):
        return self.make(RST)

    def fin(self):
        return self.make(FIN | ACK)

    def blind(self):
        """A NEGOTIATE request that nobody's handshake announced."""
        return self.make(PUSH | ACK, self.negotiate)

    def noise(self):
        """What looks like SMB and is not."""
        text = bytearray(self.negotiate)
        for _ in range(self.rng.randrange(1, 20)):
            text[self.rng.randrange(len(text))] = self.rng.randrange(256)
        return self.make(PUSH | ACK, bytes(text[:self.rng.randrange(1, len(text))]))

    KINDS = (syn, rst, fin, blind, noise)
