# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
The same packets in other clothes: link types, VLAN tags, ports, times, file formats. A packet is
(seconds, nanoseconds, length on the wire, bytes), and begins as untagged Ethernet with IPv4.
"""
import struct

IP = 14


def replace(packet, data):
    """Another content, as much of it cut off as before."""
    sec, nsec, length, old = packet
    return sec, nsec, length + len(data) - len(old), data


def cooked(packet):
    d = packet[3]
    return replace(packet, struct.pack(">HHH8s", 0, 1, 6, d[6:12] + b"\0\0") + d[12:])


def cooked2(packet):
    d = packet[3]
    return replace(packet, d[12:14] + struct.pack(">HIHBB8s", 0, 3, 1, 0, 6, d[6:12] + b"\0\0") + d[14:])


def cooked2_tagged(packet):
    d = packet[3]
    return cooked2(replace(packet, d[:12] + struct.pack(">HH", 0x8100, 7) + d[12:]))


def raw(packet):
    return replace(packet, packet[3][IP:])


def loop(head):
    return lambda packet: replace(packet, head + packet[3][IP:])


LINKS = [("Ethernet", 1, lambda p: p), ("Linux cooked v1", 113, cooked), ("Linux cooked v2", 276, cooked2),
         ("Linux cooked v2 with a tag", 276, cooked2_tagged),
         ("raw IP (101)", 101, raw), ("raw IP (12)", 12, raw), ("raw IP (14)", 14, raw), ("IPv4 (228)", 228, raw),
         ("BSD loopback, little endian", 0, loop(b"\x02\0\0\0")),
         ("BSD loopback, big endian", 0, loop(b"\0\0\0\x02")), ("OpenBSD loopback", 108, loop(b"\0\0\0\x02"))]


def tagged(packet, vlans):
    """VLAN tags, outermost first; two make 802.1ad with 802.1Q inside."""
    d = packet[3]
    tags = b"".join(struct.pack(">HH", 0x88a8 if i == 0 and len(vlans) > 1 else 0x8100, v)
                    for i, v in enumerate(vlans))
    return replace(packet, d[:12] + tags + d[12:])


def tcp_at(d):
    return IP + (d[IP] & 15) * 4


def from_port(packet, port):
    return struct.unpack_from(">H", packet[3], tcp_at(packet[3]))[0] == port


def moved(packet, old, new):
    """Port `old`, on either side, becomes `new`."""
    d = bytearray(packet[3])
    for at in (tcp_at(d), tcp_at(d) + 2):
        if struct.unpack_from(">H", d, at)[0] == old:
            struct.pack_into(">H", d, at, new)
    return replace(packet, bytes(d))


def client_port(packet, port, isn=0):
    """Another client port (the server's is 445), and the client's sequence numbers moved by `isn`."""
    d = bytearray(packet[3])
    t = tcp_at(d)
    from_server = struct.unpack_from(">H", d, t)[0] == 445
    struct.pack_into(">H", d, t + 2 if from_server else t, port)
    seq = t + 8 if from_server else t + 4
    if not from_server or d[t + 13] & 16:
        struct.pack_into(">I", d, seq, struct.unpack_from(">I", d, seq)[0] + isn & 0xffffffff)
    return replace(packet, bytes(d))


def segments(packet, size, rng):
    """The packet's payload in segments of `size` bytes, None: of any size. FIN stays with the last."""
    sec, nsec, length, d = packet
    t = tcp_at(d)
    off, end = t + (d[t + 12] >> 4) * 4, IP + struct.unpack_from(">H", d, IP + 2)[0]
    if d[12:14] != b"\x08\0" or end <= off or end > len(d):
        return [packet]
    payload, at, out = d[off:end], 0, []
    seq = struct.unpack_from(">I", d, t + 4)[0]
    while at < len(payload):
        part = payload[at:at + (size or rng.randint(1, len(payload)))]
        head = bytearray(d[:off])
        struct.pack_into(">H", head, IP + 2, off - IP + len(part))
        struct.pack_into(">I", head, t + 4, seq + at & 0xffffffff)
        at += len(part)
        if at < len(payload):
            head[t + 13] &= ~1
        out.append((sec, nsec, off + len(part), bytes(head) + part))
    return out


def later(packet, seconds):
    return (packet[0] + seconds,) + packet[1:]


def stamped(packet, later_by):
    """later_by: ns"""
    ns = packet[0] * 1000000000 + packet[1] + later_by
    return divmod(ns, 1000000000) + packet[2:]


def is_from_server(packet):
    """IPv4 and IPv6, untagged"""
    d = packet[3]
    return struct.unpack_from(">H", d, tcp_at(d) if d[12:14] == b"\x08\0" else IP + 40)[0] == 445


def big_endian(link, packets):
    out = [struct.pack(">IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, link)]
    for sec, nsec, length, d in packets:
        out.append(struct.pack(">IIII", sec, nsec, len(d), length) + d)
    return b"".join(out)


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def section(order="<"):
    return block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(link, resolution=9, snaplen=262144, offset=0, order="<"):
    return block(order, 1, struct.pack(order + "HHI", link, 0, snaplen)
                 + struct.pack(order + "HHB3x", 9, 1, resolution)
                 + struct.pack(order + "HHq", 14, 8, offset) + struct.pack(order + "HH", 0, 0))


def enhanced(number, packet, resolution=9, offset=0, order="<"):
    """The packet's block; resolution: as the option has it, a power of 10, or of 2 with 0x80."""
    sec, nsec, length, d = packet
    units = 1 << (resolution & 127) if resolution & 128 else 10 ** resolution
    # Rounded up, so that the reader, who rounds down, comes to the same nanosecond where the clock has them
    ts = (sec - offset) * units + -(-nsec * units // 1000000000)
    return block(order, 6, struct.pack(order + "IIIII", number, ts >> 32, ts & 0xffffffff, len(d), length) + d)


def pcapng(interfaces):
    """[(link type, packets), ...]: one section; nanoseconds on the interfaces."""
    out = [section()] + [interface(link) for link, _ in interfaces]
    for number, (_, packets) in enumerate(interfaces):
        out += [enhanced(number, p) for p in packets]
    return b"".join(out)


def interfaces(link, packets):
    """Ways to have one conversation (untagged Ethernet) on several interfaces, by name."""
    def split(first, second, change=lambda p: p, order="<"):
        """What the server sends on the second."""
        out = [section(order), interface(link, order=order, **first), interface(order=order, **second)]
        for p in packets:
            n = is_from_server(p)
            way = second if n else first
            out.append(enhanced(n, change(p) if n else p, way.get("resolution", 9), way.get("offset", 0), order))
        return b"".join(out)

    comment = block("<", 0xBAD, bytes(700000))
    return {"another snapshot length": split({}, {"link": link, "snaplen": 65535}),
            "another link type": split({}, {"link": 113}, cooked),
            "another clock": split({}, {"link": link, "resolution": 10}),
            "a clock of powers of two": split({}, {"link": link, "resolution": 0x80 | 31}),
            "a clock that begins later": split({}, {"link": link, "offset": 86400}),
            "the other byte order": split({"resolution": 10}, {"link": 101, "offset": -7}, raw, ">"),
            "a section for each packet": b"".join(section(o) + interface(link, order=o) + enhanced(0, p, order=o)
                                                  for p, o in zip(packets, "<>" * len(packets))),
            "a large block of somebody's between": pcapng([(link, packets[:5])]) + comment
            + b"".join(enhanced(0, p) for p in packets[5:])}
