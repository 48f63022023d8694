# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The table of scenarios: which client talks to which server, in which dialect, and what the box does to it."""
import dataclasses

import expectation
from expectation import CAPS, Outcome

SMB3 = [0x202, 0x210, 0x300, 0x302]
# name: the dialects that smbclient offers with this -m
SMBCLIENT = {"2.0.2": SMB3[:1], "2.1": SMB3[:2], "3.0": SMB3[:3], "3.0.2": SMB3, "3.1.1": [*SMB3, 0x311]}
IMPACKET = {"2.0.2": [0x202], "2.1": [0x210], "3.0": [0x300]}
# name: what cifs.ko offers with this vers=
CIFS = {"2.1": [0x210], "3.0": [0x300], "3.0.2": [0x302], "3.1.1": [0x311], "default": [0x210, 0x300, 0x302, 0x311]}

REQUEST = [*expectation.REQUEST, "req_caps+req_guid+req_secmode"]
RESPONSE = [*expectation.RESPONSE, "resp_caps+resp_guid+resp_secmode"]
ANSWER = [*expectation.UNSIGNED, "val_bad_sig", *expectation.ASKING]
EDITS = ["pass", *REQUEST, *expectation.LISTS, *RESPONSE, "req_guid+resp_caps", *ANSWER]
FEW = ["pass", "req_caps", "req_guid", "req_secmode", "req_drop_highest", "strip3x", "resp_caps", "resp_guid",
       "resp_dialect", "val_clear_signed"]
FEWEST = ["pass", "req_guid", "resp_caps", "val_clear_signed"]


@dataclasses.dataclass
class Scenario:
    client: str             # smbclient, impacket or cifs.ko
    server: str             # smbd or ksmbd.ko
    dialect: str            # a name of the tables above
    offered: list
    edit: str
    smb1: bool = False      # begins with an SMB1 negotiate
    encrypted: bool = False
    expected: Outcome | None = None

    def __post_init__(self):
        if self.expected is None:
            self.expected = expectation.expect(self.client, self.server, self.offered, self.edit, self.encrypted)

    @property
    def name(self):
        how = f"{self.dialect}{'-smb1' if self.smb1 else ''}{'-encrypted' if self.encrypted else ''}"
        return f"{'guests' if self.guests else 'matrix'}/{self.client}-{self.server}/{how}/{self.edit}"

    @property
    def guests(self):
        return {self.client, self.server} & {"cifs.ko", "ksmbd.ko"}

    @property
    def waits(self):
        """The client waits longer than the test does."""
        return self.edit in expectation.LOST


def changes(edit, offered):
    """Whether an edit does anything to this offer; a list that it leaves alone is the same scenario as pass."""
    return edit not in expectation.LISTS or expectation.LISTS[edit](offered) not in ([], offered)


def table(client, server, dialects, edits, **more):
    return [Scenario(client, server, name, offered, edit, **more) for name, offered in dialects.items()
            for edit in edits if changes(edit, offered)]


def only(dialects, *names):
    return {name: dialects[name] for name in names}


SCENARIOS = [
    *table("smbclient", "smbd", only(SMBCLIENT, "2.0.2", "2.1", "3.0", "3.0.2"), EDITS),
    *table("smbclient", "smbd", only(SMBCLIENT, "3.1.1"), ["pass", *REQUEST, *expectation.LISTS, *RESPONSE]),
    *table("smbclient", "smbd", only(SMBCLIENT, "3.0.2"), ["req_guid+rst_unread", *expectation.LOST]),
    *table("smbclient", "smbd", only(SMBCLIENT, "3.0.2"), ["pass", "req_guid", "resp_caps"], smb1=True),
    *table("smbclient", "smbd", only(SMBCLIENT, "3.0.2"), ["pass", "req_guid"], encrypted=True),
    *table("impacket", "smbd", IMPACKET, FEW),
    *table("cifs.ko", "smbd", only(CIFS, "3.0.2"), ["pass", *REQUEST, *RESPONSE, *ANSWER]),
    *table("cifs.ko", "smbd", only(CIFS, "default"), ["pass", "req_caps", *expectation.LISTS, "resp_caps"]),
    *table("cifs.ko", "smbd", only(CIFS, "2.1", "3.0", "3.1.1"), FEWEST),
    *table("smbclient", "ksmbd.ko", only(SMBCLIENT, "3.0.2"), EDITS),
    *table("smbclient", "ksmbd.ko", only(SMBCLIENT, "2.1", "3.0", "3.1.1"), FEW),
    *table("cifs.ko", "ksmbd.ko", only(CIFS, "3.0.2"), ["pass", *REQUEST, *RESPONSE, *ANSWER]),
    *table("cifs.ko", "ksmbd.ko", only(CIFS, "default"), ["pass", "req_caps", *expectation.LISTS, "resp_caps"]),
    *table("cifs.ko", "ksmbd.ko", only(CIFS, "2.1", "3.0", "3.1.1"), FEWEST),
    # cifs.ko would wait for minutes, so it is killed; the last one, for the mount may hang on.
    *table("cifs.ko", "smbd", only(CIFS, "3.0.2"), ["val_drop_resp"]),
]

# What there is no row for, and why.
ABSENT = {
    "impacket 3.1.1": "impacket 0.10 fails at TREE_CONNECT by itself",
    "impacket x ksmbd.ko": "impacket never validates: the server makes no difference to what can be seen",
    "2.0.2 x ksmbd.ko": "ksmbd.ko serves 2.1 and later",
    "2.0.2 x cifs.ko": "mount's vers=2.0 never validates, as 2.1",
    "VALIDATE edits in 3.1.1, encrypted or by impacket": "there is no VALIDATE, or none that the box could read",
    "Windows and macOS": "not to be had from Debian; their captures are read by tests/capture",
}
