#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A VLAN interface made of a TAP device, for kernels without 802.1Q: what goes out of it leaves CARRIER with a tag.

usage: vlantap.py CARRIER NAME ID       makes interface NAME, prints "ready", carries frames until its input ends
"""
import contextlib
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 1, 2, 0x1000
SOL_PACKET, PACKET_AUXDATA, TP_STATUS_VLAN_VALID = 263, 8, 0x10
ETH_P_ALL, ETH_P_8021Q = 3, 0x8100
AUXDATA = "=IIIHHHH"  # struct tpacket_auxdata


def open_tap(name, kind=IFF_TAP):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), kind | IFF_NO_PI))
    return tap


def open_tun(name):
    """The same for packets without Ethernet header."""
    return open_tap(name, IFF_TUN)


def open_carrier(name):
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    sock.bind((name, ETH_P_ALL))
    return sock


def untag(sock, vlan):
    """Receives a frame; returns it without its tag (which the kernel keeps aside), or nothing when it is not ours."""
    frame, controls, _, source = sock.recvmsg(1 << 17, 256)
    if source[2] == socket.PACKET_OUTGOING:
        return b""
    for level, kind, data in controls:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, _ = struct.unpack_from(AUXDATA, data)
            if status & TP_STATUS_VLAN_VALID and tci & 0xFFF == vlan:
                return frame
    return b""


def main():
    carrier, name, vlan = sys.argv[1], sys.argv[2], int(sys.argv[3])
    # A kernel's VLAN device hands frames over at once. So has this one to, on a busy machine, too: what comes 67 ms
    # later is another packet to the monitor.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    tap, sock = open_tap(name), open_carrier(carrier)
    tag = struct.pack(">HH", ETH_P_8021Q, vlan)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([tap, sock, 0], [], [])
        if 0 in ready and not os.read(0, 1):
            return
        try:
            if tap in ready:
                frame = os.read(tap, 1 << 17)
                sock.send(frame[:12] + tag + frame[12:])
            if sock in ready:
                frame = untag(sock, vlan)
                if frame:
                    os.write(tap, frame)
        except OSError:  # an interface that is not up (yet): the frame is lost, as on a cable that is not plugged in
            continue


if __name__ == "__main__":
    main()
