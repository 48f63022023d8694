# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of end-to-end cases: what is done to a conversation, and what negwatch has to say about it."""
import dataclasses

from lab import samba

CAPS, GUID, MODE, DIALECTS, DIALECT = "capabilities", "guid", "security_mode", "dialects", "dialect"
BY_SERVER_FIN, BY_SERVER_RST = ("server", "fin"), ("server", "rst")


@dataclasses.dataclass
class Expect:
    """What the daemon of one host has to report: each rule with its fields (None: not looked at), and nothing else."""
    rules: dict = dataclasses.field(default_factory=dict)
    also: frozenset = frozenset()  # rules that may be there or not
    end: tuple | None = None       # (by, how) of the flow's end, asked of alerts
    flow: dict = dataclasses.field(default_factory=dict)  # keys of the flow object, each with its value


@dataclasses.dataclass
class Case:
    """One conversation. `edit` None: the box only routes."""
    name: str
    edit: str | None = None
    server: Expect = dataclasses.field(default_factory=Expect)
    client: Expect | None = None        # None: not looked at
    smbd: int = 0                       # which smbd: 0 plain, 1 encrypts, 2 speaks 2.0.2 only
    how: dict = dataclasses.field(default_factory=dict)  # arguments of samba.Client
    succeeds: bool | None = None        # whether smbclient has to; None: not looked at
    first_close: tuple | None = None    # (by, how) on the wire, as the lab's own sniffer saw it
    waits: bool = False                 # smbclient would wait for long: end it when the alerts are there
    quiet: bool = False                 # the client that never validates, instead of smbclient
    vlan: bool = False


def request(name, edit, fields, *, rules=None, **more):
    """A request edit that smbd answers by closing: 101 at the server's host, a may-be (104) at the client's."""
    close = more.pop("first_close", BY_SERVER_FIN)
    return Case(name, edit, Expect({101: set(fields), **(rules or {})}, end=close),
                Expect({104: None}, end=close), succeeds=False, first_close=close, **more)


def response(name, edit, fields, *, also=(), **more):
    """A response edit: only the client's host can see it; at the server's host the client just leaves."""
    return Case(name, edit, Expect({105: None}, end=("client", "fin")),
                Expect({102: set(fields)}, also=frozenset(also)), succeeds=False, first_close=("client", "fin"), **more)


def answer(name, edit):
    """An edit of the VALIDATE answer that smbclient refuses."""
    return Case(name, edit, Expect({105: None}), Expect({103: None}, also=frozenset({105})), succeeds=False,
                first_close=("client", "fin"))


def preauth(name, edit, **more):
    """An edit on 3.1.1: smbclient leaves right after the login, which looks the same at both hosts."""
    expect = Expect({108: None}, end=("client", "fin"))
    return Case(name, edit, expect, expect, how=dict(THREE_ELEVEN, **more), succeeds=False, first_close=("client", "fin"))


def orderly(name, succeeds, **how):
    """Nothing is changed, and the client leaves early, in an orderly way: no alert, on 3.0.2 nor on 3.1.1."""
    return [Case(f"{name}{suffix}", "pass", NOTHING, NOTHING, how=dict(how, **dialect), succeeds=succeeds)
            for suffix, dialect in (("", {}), ("-3.1.1", THREE_ELEVEN))]


NOTHING = Expect()
THREE_ELEVEN = {"maximum": "SMB3_11"}
CASES = [
    Case("untouched-routed", None, NOTHING, NOTHING, succeeds=True),
    Case("untouched-proxied", "pass", Expect(flow={"observed": "full", "dialect": "0x0302", "client_family": "samba-client",
                                                   "server_family": "samba"}), NOTHING, succeeds=True,
         first_close=("client", "fin")),
    Case("untouched-2.10", "pass", NOTHING, NOTHING, how={"maximum": "SMB2_10"}, succeeds=True),
    Case("untouched-3.1.1", "pass", NOTHING, NOTHING, how=THREE_ELEVEN, succeeds=True),
    Case("untouched-transfer", None, NOTHING, NOTHING, succeeds=True,
         how={"commands": "put /usr/bin/python3.11 big; get big /dev/null; ls"}),
    *orderly("leaves-at-once", True, commands="quit"),
    *orderly("leaves-after-list", True, commands=None, more=["-L", samba.net.server_address(0)]),
    *orderly("share-denied", False, share=samba.CLOSED),
    *orderly("no-such-share", False, share="nosuch"),
    *orderly("wrong-password", False, password="wrong"),
    preauth("3.1.1-request-capabilities", "req_caps"),
    preauth("3.1.1-request-guid", "req_guid"),
    preauth("3.1.1-response-capabilities", "resp_caps"),
    preauth("3.1.1-response-guid-ipv6", "resp_guid", six=True),
    request("request-capabilities", "req_caps", [CAPS]),
    request("request-guid", "req_guid", [GUID]),
    request("request-security-mode", "req_secmode", [MODE]),
    request("request-highest-dialect", "req_drop_highest", [DIALECTS], rules={109: None}),
    request("request-3.1.1-stripped", "strip311", [DIALECTS], rules={109: None}, how=THREE_ELEVEN),
    request("request-3.x-stripped", "strip3x", [DIALECTS], rules={109: None}),
    Case("request-tolerated", "req_drop_lowest_middle", Expect({101: {DIALECTS}}), NOTHING, succeeds=True),
    response("response-capabilities", "resp_caps", [CAPS]),
    response("response-guid", "resp_guid", [GUID]),
    response("response-security-mode", "resp_secmode", [MODE]),
    response("response-dialect", "resp_dialect", [DIALECT], also=[109]),
    answer("answer-unsigned", "val_clear_signed"),
    answer("answer-not-supported", "val_fs_notsupp"),
    answer("answer-access-denied", "val_access_denied"),
    Case("answer-dropped", "val_drop_resp", Expect(also=frozenset({105})), Expect({106: None}, also=frozenset({105})),
         waits=True),
    request("server-reset", "req_guid+rst_unread", [GUID], first_close=BY_SERVER_RST),
    request("resegmented-7", "req_guid+chunk=7", [GUID]),
    request("resegmented-1", "req_secmode+chunk=1", [MODE]),
    Case("resegmented-untouched", "pass+chunk=5", NOTHING, NOTHING, succeeds=True),
    request("ipv6", "req_guid", [GUID], how={"six": True}),
    response("ipv6-response", "resp_caps", [CAPS], how={"six": True}),
    request("netbios-session", "req_guid", [GUID], how={"port": 139}),
    Case("anonymous", None, NOTHING, NOTHING, how={"anonymous": True}, succeeds=True),
    Case("encrypted", None, Expect(flow={"encrypted": True, "observed": {"partial", "none"}}), NOTHING, smbd=1,
         succeeds=True),
    Case("not-implemented", None, Expect({111: None}), Expect({111: None}), smbd=2, succeeds=True),
    Case("not-validated", None, Expect({110: None}), Expect({110: None}), quiet=True, succeeds=True),
    request("vlan", "req_guid", [GUID], vlan=True),
    Case("vlan-untouched", "pass", Expect(flow={"vlan": [10]}), None, vlan=True, succeeds=True),
]
