# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The bpf(2) system call, as far as the lab needs it: what is in the kernel, who holds it, and links of others."""
import contextlib
import ctypes
import glob
import os
import platform
import re
import struct

SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
PROG_GET_FD_BY_ID, OBJ_GET_INFO_BY_FD, PROG_QUERY, LINK_CREATE, ENABLE_STATS = 13, 15, 16, 28, 32
GET_NEXT_ID = {"prog": 11, "map": 12, "link": 31}
XDP, TCX_INGRESS, TCX_EGRESS = 37, 46, 47
NAME, RUN_COUNT = 64, 200  # offsets in bpf_prog_info


def call(command, attributes):
    """Returns what the call returned and the attributes as the kernel left them; raises OSError."""
    attr = ctypes.create_string_buffer(attributes, 128)
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(SYS_BPF, command, attr, 128)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}: {os.strerror(ctypes.get_errno())}")
    return result, attr.raw


def exists(kind, number):
    """Whether a program, map or link of that id is in the kernel."""
    try:
        _, attr = call(GET_NEXT_ID[kind], struct.pack("I", number - 1))
    except OSError:
        return False
    return struct.unpack_from("I", attr, 4)[0] == number


def held(pid):
    """The {(kind, id)} of programs, maps and links that a process holds."""
    found = set()
    for path in glob.glob(f"/proc/{pid}/fdinfo/*"):
        try:
            with open(path, encoding="ascii", errors="replace") as info:
                found |= {(kind, int(number))
                          for kind, number in re.findall(r"^(prog|map|link)_id:\s*(\d+)$", info.read(), re.M)}
        except OSError:
            continue
    return found


def counting():
    """A descriptor: as long as it is open the kernel counts how often each program runs."""
    return call(ENABLE_STATS, struct.pack("I", 0))[0]


def program(number):
    """The bpf_prog_info of a program."""
    fd = call(PROG_GET_FD_BY_ID, struct.pack("I", number))[0]
    try:
        info = ctypes.create_string_buffer(256)
        call(OBJ_GET_INFO_BY_FD, struct.pack("IIQ", fd, len(info), ctypes.addressof(info)))
        return info.raw
    finally:
        os.close(fd)


def runs(number):
    """How often the program of that id ran while counting."""
    return struct.unpack_from("Q", program(number), RUN_COUNT)[0]


def tcx(ifindex, where):
    """The names of the programs at a tcx hook of this network namespace, in order, without those that go meanwhile; none on
    kernels without tcx."""
    ids = (ctypes.c_uint32 * 64)()
    try:
        _, attr = call(PROG_QUERY, struct.pack("IIIIQI", ifindex, where, 0, 0, ctypes.addressof(ids), len(ids)))
    except OSError:
        return []
    names = []
    for number in ids[:struct.unpack_from("I", attr, 24)[0]]:
        with contextlib.suppress(FileNotFoundError):
            names.append(program(number)[NAME:NAME + 16].rstrip(b"\0").decode())
    return names


def link(number, ifindex, where):
    """Attaches the program of that id by a link of this process, in its network namespace; returns the descriptor."""
    fd = call(PROG_GET_FD_BY_ID, struct.pack("I", number))[0]
    try:
        return call(LINK_CREATE, struct.pack("IIII", fd, ifindex, where, 0))[0]
    finally:
        os.close(fd)
