# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What the tamper box can do to a conversation: a table of edits, each on one SMB2 message.

A message is a bytearray that begins with the SMB2 header (offsets as in MS-SMB2 2.2.1, 2.2.3, 2.2.4, 2.2.31, 2.2.32).
"""
import struct

MAGIC = b"\xfeSMB"
NEGOTIATE, IOCTL, ECHO = 0, 11, 13
RESPONSE, SIGNED = 1, 8
VALIDATE = 0x00140204
NOT_SUPPORTED, ACCESS_DENIED, FILE_CLOSED = 0xC00000BB, 0xC0000022, 0xC0000128


def get(form, message, offset):
    return struct.unpack_from(form, message, offset)[0]


class Kind:
    """What a message is, as far as the edits care."""

    def __init__(self, message, validates):
        command, flags = get("<H", message, 12), get("<I", message, 16)
        answer, status = bool(flags & RESPONSE), get("<I", message, 8)
        self.id = get("<Q", message, 24)
        self.negotiate_request = command == NEGOTIATE and not answer and len(message) >= 102
        self.negotiate_response = command == NEGOTIATE and answer and status == 0 and get("<H", message, 68) != 0x2FF
        self.validate_request = (command == IOCTL and not answer and len(message) >= 120
                                 and get("<I", message, 68) == VALIDATE)
        if self.validate_request:
            validates.add(self.id)
        self.validate_response = command == IOCTL and answer and self.id in validates


def dialects(message):
    return list(struct.unpack_from(f"<{get('<H', message, 66)}H", message, 100))


def set_dialects(message, wanted):
    """Puts another list of dialects; without 3.1.1 there are no contexts behind it either."""
    old_end = 100 + 2 * len(dialects(message))
    contexts = get("<I", message, 92) if 0x311 in dialects(message) else 0
    tail = message[contexts:] if contexts and 0x311 in wanted else b""
    struct.pack_into("<H", message, 66, len(wanted))
    del message[100:len(message) if contexts else old_end]
    message[100:100] = struct.pack(f"<{len(wanted)}H", *wanted)
    if tail:
        message.extend(b"\0" * (-len(message) % 8))
        struct.pack_into("<I", message, 92, len(message))
        message.extend(tail)
    elif contexts:
        struct.pack_into("<Q", message, 92, 0)


def flip(offset, bits):
    def edit(message):
        message[offset] ^= bits
    return edit


def drop(choose):
    def edit(message):
        offered = dialects(message)
        gone = choose(sorted(offered))
        left = [one for one in offered if one not in gone]
        if left and left != offered:
            set_dialects(message, left)
    return edit


def put(offset, form, value):
    def edit(message):
        struct.pack_into(form, message, offset, value)
    return edit


def rearrange(how):
    """Changes a list of dialects without removing any."""
    def edit(message):
        set_dialects(message, how(dialects(message)))
    return edit


def lower_dialect(message):
    steps = [0x202, 0x210, 0x300, 0x302, 0x311]
    at = steps.index(get("<H", message, 68)) if get("<H", message, 68) in steps else 0
    struct.pack_into("<H", message, 68, steps[max(at - 1, 0)])


def clear_signature(message):
    struct.pack_into("<I", message, 16, get("<I", message, 16) & ~SIGNED)
    message[48:64] = bytes(16)


def error(status):
    def edit(message):
        clear_signature(message)
        struct.pack_into("<I", message, 8, status)
        message[64:] = struct.pack("<HBBIB", 9, 0, 0, 0, 0)
    return edit


def lose(message):
    message.clear()


def pipeline(message):
    """An ECHO right behind the message: a server that closes on the message leaves unread data."""
    echo = bytearray(64) + struct.pack("<HH", 4, 0)
    struct.pack_into("<4sHHIHHIIQ", echo, 0, MAGIC, 64, 1, 0, ECHO, 1, 0, 0, get("<Q", message, 24) + 1)
    return struct.pack(">I", len(echo)) + echo


# name: (which message, what happens to it, function)
EDITS = {
    "pass": (None, "nothing is changed", None),
    "req_caps": ("negotiate_request", "a bit of the request's capabilities is flipped", flip(72, 0x40)),
    "req_guid": ("negotiate_request", "the client GUID in the request is changed", flip(76, 0xFF)),
    "req_secmode": ("negotiate_request", "\"signing required\" is flipped in the request", flip(68, 2)),
    "req_caps_top": ("negotiate_request", "the highest bit of the request's capabilities is flipped", flip(75, 0x80)),
    "req_secmode_top": ("negotiate_request", "the highest bit of the request's security mode is flipped",
                        flip(69, 0x80)),
    "req_reverse": ("negotiate_request", "the request's dialects are put into the opposite order",
                    rearrange(lambda d: d[::-1])),
    "req_add_unknown": ("negotiate_request", "a dialect of a pre-release (0x0222) is added to the request",
                        rearrange(lambda d: [0x222, *d])),
    "req_drop_highest": ("negotiate_request", "the request's highest dialect is removed", drop(lambda s: s[-1:])),
    "req_drop_302": ("negotiate_request", "dialect 3.0.2 is removed from the request", drop(lambda s: [0x302])),
    "req_drop_lowest_middle": ("negotiate_request", "a dialect that nobody would choose is removed from the request",
                               drop(lambda s: s[1:2] if len(s) > 2 else [])),
    "strip311": ("negotiate_request", "dialect 3.1.1 and its contexts are removed from the request",
                 drop(lambda s: [0x311])),
    "strip3x": ("negotiate_request", "all 3.x dialects are removed from the request",
                drop(lambda s: [one for one in s if one >= 0x300])),
    "resp_caps": ("negotiate_response", "a bit of the response's capabilities is flipped", flip(88, 0x04)),
    "resp_guid": ("negotiate_response", "the server GUID in the response is changed", flip(72, 0xFF)),
    "resp_secmode": ("negotiate_response", "\"signing required\" is flipped in the response", flip(66, 2)),
    "resp_dialect": ("negotiate_response", "the dialect in the response is lowered by one step", lower_dialect),
    "resp_caps_top": ("negotiate_response", "the highest bit of the response's capabilities is flipped",
                      flip(91, 0x80)),
    "resp_secmode_top": ("negotiate_response", "the highest bit of the response's security mode is flipped",
                         flip(67, 0x80)),
    "resp_max_read": ("negotiate_response", "the response's MaxReadSize, which VALIDATE does not repeat, becomes 65536",
                      put(96, "<I", 65536)),
    "val_clear_signed": ("validate_response", "the VALIDATE answer loses its signature", clear_signature),
    "val_bad_sig": ("validate_response", "the VALIDATE answer's signature is damaged", flip(48, 0xFF)),
    "val_fs_notsupp": ("validate_response", "the VALIDATE answer becomes an unsigned NOT_SUPPORTED",
                       error(NOT_SUPPORTED)),
    "val_access_denied": ("validate_response", "the VALIDATE answer becomes an unsigned ACCESS_DENIED",
                          error(ACCESS_DENIED)),
    "val_drop_resp": ("validate_response", "the VALIDATE answer is swallowed", lose),
    "val_file_closed": ("validate_response", "the VALIDATE answer becomes an unsigned FILE_CLOSED", error(FILE_CLOSED)),
    "valreq_clear_signed": ("validate_request", "the VALIDATE request loses its signature", clear_signature),
    "valreq_caps": ("validate_request", "the capabilities in the signed VALIDATE request are changed", flip(120, 0x40)),
    "valreq_max_output": ("validate_request", "MaxOutputResponse of the signed VALIDATE request becomes 16",
                          put(108, "<I", 16)),
    "valreq_drop": ("validate_request", "the VALIDATE request is swallowed", lose),
    "rst_unread": ("validate_request", "another request arrives in one piece with the VALIDATE request", pipeline),
}


def parse(text):
    """"req_guid+chunk=7" -> (edits, bytes per segment or 0); raises ValueError with a sentence."""
    chosen, chunk = [], 0
    for part in text.split("+"):
        name, _, value = part.partition("=")
        if name == "chunk" and value.isdigit() and int(value) > 0:
            chunk = int(value)
        elif part in EDITS:
            if EDITS[part][2]:
                chosen.append(EDITS[part])
        else:
            raise ValueError(f"no edit is called {part!r}; there are chunk=N, {', '.join(EDITS)}")
    return chosen, chunk


def apply(message, edits, validates):
    """Edits one message in place (an empty one is not to be sent); returns the bytes to send right behind it."""
    behind = b""
    if len(message) >= 72 and bytes(message[:4]) == MAGIC:
        kind = Kind(message, validates)
        for which, _, edit in edits:
            if getattr(kind, which):
                behind += edit(message) or b""
    return behind
