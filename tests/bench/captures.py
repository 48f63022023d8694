# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Large captures made of a small one of the lab: its conversation again and again, or with a bulk transfer behind it."""
import os
import struct

LAB = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "captures", "untouched-3.0.2.srv.pcap")
TOGETHER = 64       # connections whose packets are mixed
MESSAGE = 1 << 20   # of a WRITE
SEGMENT = 1448
FRAME = struct.Struct("<IIII")


def _lab():
    """Header of the file and [(seconds, ns, frame)]; Ethernet and IPv4."""
    with open(LAB, "rb") as file:
        head, frames = file.read(24), []
        while (record := file.read(16)):
            seconds, fraction, length, _ = FRAME.unpack(record)
            frames.append((seconds, fraction, file.read(length)))
    return head, frames


def _tcp(frame):
    """Where TCP begins, and whether the client sent it."""
    at = 14 + (frame[14] & 15) * 4
    return at, frame[at + 2:at + 4] == b"\x01\xbd"


def handshakes(path, packets):
    """At least so many packets of whole connections, each of a client of its own. Returns how many."""
    head, frames = _lab()
    patches = []  # frame, place of the client's address, of its port
    for _, _, frame in frames:
        at, by_client = _tcp(frame)
        patches.append((frame, 26 if by_client else 30, at if by_client else at + 2))
    seconds, count, client = frames[0][0], 0, 0
    with open(path, "wb", buffering=1 << 20) as out:
        out.write(head)
        while count < packets:
            names = [(struct.pack(">I", 0x0a400000 + (client + n) // 16384), struct.pack(">H", 40000 + (client + n) % 16384))
                     for n in range(TOGETHER)]
            client += TOGETHER
            for frame, address, port in patches:
                record = FRAME.pack(seconds + count // 100000, count % 100000 * 10000, len(frame), len(frame))
                for ip, number in names:
                    out.write(record + frame[:address] + ip + frame[address + 4:port] + number + frame[port + 2:])
                count += TOGETHER
    return count


def bulk(path, packets):
    """The lab's connection up to its first WRITE or end, then WRITEs of a megabyte, acknowledged every second segment."""
    head, frames = _lab()
    opening = []
    for frame in frames:
        at, _ = _tcp(frame[2])
        if frame[2][at + 13] & 5:  # FIN, RST
            break
        opening.append(frame)
    last = {}  # by sender: the last frame, its end
    for seconds, _, frame in opening:
        at, by_client = _tcp(frame)
        data = frame[14:14 + struct.unpack_from(">H", frame, 16)[0]]
        sent = len(data) - (at - 14) - (frame[at + 12] >> 4) * 4
        last[by_client] = (frame, (struct.unpack_from(">I", frame, at + 4)[0] + sent) & 0xffffffff)
    frame, sequence = last[True]
    at, _ = _tcp(frame)
    header = frame[:at + (frame[at + 12] >> 4) * 4]
    answer, acknowledged = last[False]
    answer = answer[:_tcp(answer)[0] + (answer[_tcp(answer)[0] + 12] >> 4) * 4]
    smb = struct.pack("<4sHHIHHIIQIIQ16s", b"\xfeSMB", 64, 1, 0, 9, 31, 0, 0, 100, 0, 1, 1, bytes(16))
    message = struct.pack(">I", MESSAGE) + smb + bytes(MESSAGE - len(smb))
    cuts = [message[place:place + SEGMENT] for place in range(0, len(message), SEGMENT)]
    count = 0
    with open(path, "wb", buffering=1 << 20) as out:
        out.write(head)

        def put(head_of, seq, ack, data):
            nonlocal count
            tcp = _tcp(head_of)[0]
            whole = (head_of[:16] + struct.pack(">H", len(head_of) - 14 + len(data)) + head_of[18:tcp + 4] +
                     struct.pack(">II", seq & 0xffffffff, ack & 0xffffffff) + head_of[tcp + 12:] + data)
            out.write(FRAME.pack(seconds + 1 + count // 1000000, count % 1000000 * 1000, len(whole), len(whole)) + whole)
            count += 1
        for when, fraction, frame in opening:
            out.write(FRAME.pack(when, fraction, len(frame), len(frame)) + frame)
        while count < packets:
            for number, data in enumerate(cuts):
                put(header, sequence, acknowledged, data)
                sequence += len(data)
                if number % 2:
                    put(answer, acknowledged, sequence, b"")
    return count + len(opening)
