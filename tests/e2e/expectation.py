# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""What each pair of client and server makes of each edit, and so what negwatch has to say on either side of the box.

Measured with smbclient and smbd 4.17, impacket 0.10, cifs.ko and ksmbd.ko 6.12; sections are MS-SMB2's.
"""
import dataclasses

CAPS, GUID, MODE, DIALECTS, DIALECT = "capabilities", "guid", "security_mode", "dialects", "dialect"
FIN_BY_SERVER, FIN_BY_CLIENT, RST_BY_SERVER = ("server", "fin"), ("client", "fin"), ("server", "rst")

# Edits of single fields of the NEGOTIATE request and of the response, with what VALIDATE then shows.
REQUEST = {"req_caps": CAPS, "req_caps_top": CAPS, "req_guid": GUID, "req_secmode": MODE, "req_secmode_top": MODE}
RESPONSE = {"resp_caps": CAPS, "resp_caps_top": CAPS, "resp_guid": GUID, "resp_secmode": MODE, "resp_secmode_top": MODE,
            "resp_dialect": DIALECT, "resp_max_read": None}
# Edits of the list of dialects, as scripts/lab/edits.py makes them.
LISTS = {"req_drop_highest": lambda d: d[:-1], "req_drop_302": lambda d: [one for one in d if one != 0x302],
         "req_drop_lowest_middle": lambda d: d if len(d) < 3 else d[:1] + d[2:],
         "strip311": lambda d: [one for one in d if one != 0x311],
         "strip3x": lambda d: [one for one in d if one < 0x300],
         "req_reverse": lambda d: d[::-1], "req_add_unknown": lambda d: [0x222, *d]}
# Edits of the VALIDATE answer that leave it unsigned.
UNSIGNED = ("val_clear_signed", "val_fs_notsupp", "val_access_denied", "val_file_closed")
# Edits of the VALIDATE request. Its signature is then wrong, or not there.
ASKING = ("valreq_caps", "valreq_max_output", "valreq_clear_signed")
LOST = ("val_drop_resp", "valreq_drop")

# What a client does not mind: cifs.ko does not keep the server's GUID, checks no signature, and takes NOT_SUPPORTED for
# an answer.
TOLERATES = {"smbclient": set(), "cifs.ko": {"resp_guid", "val_clear_signed", "val_fs_notsupp", "val_bad_sig",
                                             "valreq_clear_signed"}}
# Dialects that a client validates; 3.1.1 has no VALIDATE, impacket never sends one.
VALIDATES = {"smbclient": {0x202, 0x210, 0x300, 0x302}, "cifs.ko": {0x300, 0x302}, "impacket": set()}
SERVES = {"smbd": [0x202, 0x210, 0x300, 0x302, 0x311], "ksmbd.ko": [0x210, 0x300, 0x302, 0x311]}


@dataclasses.dataclass
class Outcome:
    """Rules with their fields (None: not looked at), exactly these, on the server's and on the client's side of the
    box; `also` may come besides."""
    server: dict = dataclasses.field(default_factory=dict)
    client: dict = dataclasses.field(default_factory=dict)
    also: set = dataclasses.field(default_factory=set)
    works: bool | None = None  # whether the user gets at the share; None: not looked at
    end: tuple | None = None   # (by, how) of the first connection's end


def untouched(client, server, dialect, encrypted=False):
    """What is to be said of a connection that nobody altered; also of one whose alteration nobody can see."""
    quiet = Outcome(works=True, end=FIN_BY_CLIENT)
    if encrypted:
        return quiet
    if dialect < 0x300 and server == "ksmbd.ko" and client == "cifs.ko":
        # ksmbd.ko does not sign the last SESSION_SETUP answer of 2.1: nothing shows whether the user is anonymous.
        return quiet
    if dialect < 0x311 and dialect not in VALIDATES[client]:
        quiet.server = quiet.client = {110: set()}
    elif server == "ksmbd.ko" and dialect == 0x210:  # it implements VALIDATE for 3.x only
        quiet.server = quiet.client = {111: set()}
    return quiet


def split(edit, offered):
    """(fields of the request, list of dialects that arrives, edits of the response, others) of an edit."""
    fields, left, response, others = set(), list(offered), [], []
    for part in edit.split("+"):
        if part in REQUEST:
            fields.add(REQUEST[part])
        elif part in LISTS:
            left = LISTS[part](left) or left
        elif part in RESPONSE:
            response.append(part)
        elif part != "pass":
            others.append(part)
    if left != offered:
        fields.add(DIALECTS)
    return fields, left, response, others


def expect(client, server, offered, edit, encrypted=False):
    """The Outcome of one edit of a connection for which the client offers these dialects."""
    fields, left, response, others = split(edit, offered)
    common = [one for one in left if one in SERVES[server]]
    if not common:
        return Outcome(works=False)  # NEGOTIATE itself is refused
    dialect = max(common)
    if response == ["resp_dialect"] and dialect == min(SERVES["smbd"]):
        response = []  # the edit knows no lower one
    if client == "impacket" and dialect >= 0x300:
        encrypted = CAPS not in fields  # whatever the share wants
    if "resp_dialect" in response and (dialect == 0x300 or len(offered) == 1):
        return Outcome(works=False)  # the client did not offer it, or the two ends now make keys in different ways
    quiet = untouched(client, server, dialect, encrypted)
    if dialect == 0x311 and (fields or response):
        # Broken pre-authentication integrity (3.2.5.3.1): the client does not believe the session setup. What runs
        # on another dialect at the client's end has no such integrity there.
        at_client = {} if DIALECT in {RESPONSE[part] for part in response} else {108: set()}
        return Outcome({108: set()}, at_client, works=False, end=FIN_BY_CLIENT)
    if encrypted and fields and VALIDATES[client]:
        return Outcome(works=False, end=FIN_BY_SERVER)
    if encrypted or dialect not in VALIDATES[client]:
        return quiet
    refused = bool(fields - {DIALECTS}) or dialect != max(one for one in offered if one in SERVES[server])
    if fields:
        shown = {101: fields}
        if max(one for one in left if one != 0x222) < max(offered):
            shown[109] = {DIALECTS}
        if refused and server == "smbd":
            end = RST_BY_SERVER if "rst_unread" in others else FIN_BY_SERVER
            return Outcome(shown, {104: set()}, works=False, end=end)
        if server == "ksmbd.ko" and (refused or dialect < 0x300):
            # It answers with a signed error (against 3.3.5.15.12), which smbclient takes for an old server's.
            return Outcome(shown, {111: set()}, works=client == "smbclient", end=FIN_BY_CLIENT)
        quiet.server = shown
    if response:
        return altered_response(client, response, quiet)
    if others:
        return altered_validate(client, server, others[0], quiet)
    return quiet


def altered_response(client, response, quiet):
    fields = {RESPONSE[part] for part in response} - {None}
    if not fields or 111 in quiet.client:
        return quiet
    shown = {102: fields}
    if DIALECT in fields:
        shown[109] = {DIALECT}
    if all(part in TOLERATES[client] or not RESPONSE[part] for part in response):
        return Outcome(quiet.server, shown, works=True, end=FIN_BY_CLIENT)
    return Outcome({105: set()}, shown, works=False, end=FIN_BY_CLIENT)


def altered_validate(client, server, edit, quiet):
    tolerated = edit in TOLERATES[client]
    if edit in LOST:
        return Outcome({}, {106: set()}, also={105})
    if edit in UNSIGNED:
        # 105 is for a client that leaves behind a success; ksmbd.ko below 3.0 has refused VALIDATE (111).
        left = quiet.server or ({} if tolerated else {105: set()})
        return Outcome(left, {103: set()}, also={105}, works=tolerated, end=FIN_BY_CLIENT)
    if edit == "val_bad_sig":
        return quiet if tolerated else Outcome({105: set()}, {105: set()}, works=False, end=FIN_BY_CLIENT)
    if edit == "valreq_clear_signed":
        return Outcome({103: set()}, {103: set()}, also={105}, works=tolerated, end=FIN_BY_CLIENT)
    # The signature is wrong then: smbd answers with a signed ACCESS_DENIED, ksmbd.ko with an unsigned one.
    rule = 103 if server == "ksmbd.ko" else 111
    shown = {101: {CAPS}} if edit == "valreq_caps" else {}
    if rule == 103 or not shown:
        shown[rule] = set()
    return Outcome(shown, {rule: set()}, also={105}, works=False, end=FIN_BY_CLIENT)
