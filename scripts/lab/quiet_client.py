#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""An SMB2 client that logs in and connects a share but never validates the negotiation, as impacket and others do.

usage: quiet_client.py SERVER USER NT_HASH SHARE [LAST fin|rst COUNT [GUID]]      prints one line for each step
LAST is the step after which it leaves without a word: connect, negotiate, challenge, session, tree (logoff: it leaves in
order); COUNT how often; GUID 32 hexadecimal digits, else a random one.
"""
import hashlib
import hmac
import os
import socket
import struct
import sys

NEGOTIATE, SESSION_SETUP, LOGOFF, TREE_CONNECT, TREE_DISCONNECT = 0, 1, 2, 3, 4
MORE_PROCESSING = 0xC0000016
# unicode, request target, NTLM, always sign, extended session security, target info, 128 bit
NTLM_FLAGS = 0x00000001 | 0x00000004 | 0x00000200 | 0x00008000 | 0x00080000 | 0x00800000 | 0x20000000


class Connection:
    """Sends one SMB2 request after another and returns the answers."""

    def __init__(self, server):
        self.sock = socket.create_connection((server, 445), timeout=30)
        self.message, self.session, self.tree = 0, 0, 0

    def ask(self, command, body):
        header = struct.pack("<4sHHIHHIIQIIQ16s", b"\xfeSMB", 64, 1, 0, command, 31, 0, 0, self.message, 0, self.tree,
                             self.session, bytes(16))
        self.message += 1
        self.sock.sendall(struct.pack(">I", len(header) + len(body)) + header + body)
        answer = self._exactly(struct.unpack(">I", self._exactly(4))[0])
        status, self.tree, self.session = (struct.unpack_from(form, answer, at)[0]
                                           for form, at in (("<I", 8), ("<I", 36), ("<Q", 40)))
        return status, answer

    def _exactly(self, length):
        data = b""
        while len(data) < length:
            more = self.sock.recv(length - len(data))
            if not more:
                raise ConnectionError("the server closed the connection")
            data += more
        return data


def expect(step, status, wanted=0):
    print(f"{step}: status 0x{status:08x}")
    if status != wanted:
        raise ConnectionError(f"{step} failed with status 0x{status:08x}")


def session_setup(token):
    return struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, len(token), 0) + token


def authenticate(challenge_message, user, nt_hash):
    """NTLMv2 AUTHENTICATE_MESSAGE for the server's CHALLENGE_MESSAGE (MS-NLMP 2.2.1.3, 3.3.2)."""
    challenge = challenge_message[24:32]
    length, _, offset = struct.unpack_from("<HHI", challenge_message, 40)
    target_info = challenge_message[offset:offset + length]
    key = hmac.new(bytes.fromhex(nt_hash), user.upper().encode("utf-16-le"), hashlib.md5).digest()
    blob = struct.pack("<BBHIQ8sI", 1, 1, 0, 0, 116444736000000000, os.urandom(8), 0) + target_info + bytes(4)
    proof = hmac.new(key, challenge + blob, hashlib.md5).digest()
    parts = [bytes(24), proof + blob, b"", user.encode("utf-16-le"), b"", b""]
    message, at = b"NTLMSSP\0" + struct.pack("<I", 3), 64
    for part in parts:
        message += struct.pack("<HHI", len(part), len(part), at)
        at += len(part)
    return message + struct.pack("<I", NTLM_FLAGS) + b"".join(parts)


def steps(server, user, nt_hash, share, guid=None):
    """One conversation; yields the connection behind each step."""
    connection = Connection(server)
    yield "connect", connection
    dialects = (0x202, 0x210, 0x300, 0x302)
    offer = struct.pack("<HHHHI16sQ4H", 36, len(dialects), 1, 0, 0x40, guid or os.urandom(16), 0, *dialects)
    status, answer = connection.ask(NEGOTIATE, offer)
    expect(f"negotiate, dialect 0x{struct.unpack_from('<H', answer, 68)[0]:04x}", status)
    yield "negotiate", connection
    hello = b"NTLMSSP\0" + struct.pack("<IIQQ", 1, NTLM_FLAGS, 0, 0)
    status, answer = connection.ask(SESSION_SETUP, session_setup(hello))
    expect("session setup", status, MORE_PROCESSING)
    yield "challenge", connection
    token = answer[answer.index(b"NTLMSSP\0"):]
    status, answer = connection.ask(SESSION_SETUP, session_setup(authenticate(token, user, nt_hash)))
    expect("session setup", status)
    if struct.unpack_from("<H", answer, 66)[0] & 3:
        raise ConnectionError("the server took the user for a guest: the password is not right")
    yield "session", connection
    path = f"\\\\{server}\\{share}".encode("utf-16-le")
    status, _ = connection.ask(TREE_CONNECT, struct.pack("<HHHH", 9, 0, 72, len(path)) + path)
    expect("tree connect", status)
    yield "tree", connection
    for step, command in (("tree disconnect", TREE_DISCONNECT), ("logoff", LOGOFF)):
        status, _ = connection.ask(command, struct.pack("<HH", 4, 0))
        expect(step, status)
    yield "logoff", connection


def main():
    last, how, count = sys.argv[5:8] if len(sys.argv) > 5 else ("logoff", "fin", 1)
    guid = bytes.fromhex(sys.argv[8]) if len(sys.argv) > 8 else None
    for _ in range(int(count)):
        for step, connection in steps(*sys.argv[1:5], guid):
            if step == last:
                if how == "rst":
                    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.sock.close()
                break


if __name__ == "__main__":
    try:
        main()
    except OSError as problem:
        sys.exit(f"quiet_client: {problem}")
