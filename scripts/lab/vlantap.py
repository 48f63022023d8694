#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A VLAN interface made of a TAP device, for kernels without 802.1Q: what goes out of it leaves CARRIER with a tag.

usage: vlantap.py CARRIER NAME ID       makes interface NAME, prints "ready", carries frames until its input ends
                                        (of whatever VLAN they come from: a carrier has one)
"""
import contextlib
import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF, IFF_TUN, IFF_TAP, IFF_NO_PI = 0x400454CA, 1, 2, 0x1000
ETH_P_8021Q = 0x8100
PROTOCOLS = (0x0800, 0x0806, 0x86DD)  # IPv4, ARP, IPv6


def open_tap(name, kind=IFF_TAP):
    tap = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), kind | IFF_NO_PI))
    return tap


def open_tun(name):
    """The same for packets without Ethernet header."""
    return open_tap(name, IFF_TUN)


def open_carriers(name):
    """Sockets for the tagged frames that come in on an interface, one for each protocol: a socket for all protocols
    would hear a frame before the programs at tc ingress do, and this process could hand it on to those of the VLAN
    interface, on another CPU, at the same time. Under a kernel's VLAN device they always run one after the other."""
    socks = []
    for protocol in PROTOCOLS:
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        sock.bind((name, protocol))
        socks.append(sock)
    return socks


def tagged(sock):
    """Receives a frame, from which the kernel has taken the tag by now; nothing when it had none. That of a VLAN which
    has no interface in the kernel is marked as somebody else's; the lab's carriers have one VLAN each."""
    frame, source = sock.recvfrom(1 << 17)
    return frame if source[2] == socket.PACKET_OTHERHOST else b""


def main():
    carrier, name, vlan = sys.argv[1], sys.argv[2], int(sys.argv[3])
    # A kernel's VLAN device hands frames over at once. So has this one to, on a busy machine, too: what comes 67 ms
    # later is another packet to the monitor.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    tap, socks = open_tap(name), open_carriers(carrier)
    tag = struct.pack(">HH", ETH_P_8021Q, vlan)
    print("ready", flush=True)
    while True:
        ready, _, _ = select.select([tap, *socks, 0], [], [])
        if 0 in ready and not os.read(0, 1):
            return
        try:
            if tap in ready:
                frame = os.read(tap, 1 << 17)
                socks[0].send(frame[:12] + tag + frame[12:])
            for sock in socks:
                frame = tagged(sock) if sock in ready else b""
                if frame:
                    os.write(tap, frame)
        except OSError:  # an interface that is not up (yet): the frame is lost, as on a cable that is not plugged in
            continue


if __name__ == "__main__":
    main()
