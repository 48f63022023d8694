# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""
Who is talking in each capture: what the names of the files, cases.tsv, and the messages behind NEGOTIATE say of
it (the version in NTLMSSP, Apple's create contexts, host names), which negwatch does not read. None: it has to say
"unknown", be it that nothing of NEGOTIATE was captured, be it that nobody can tell.
"""
import os

import harness

SAMBA = ("samba-client", "samba")

# Of the public captures: the set of (client, server) of their flows.
PUBLIC = {
    # NTLMSSP 10.0.10586 on both sides; the server on port 139 is 6.3.9600. One flow is SMB1.
    "arkime_smb-on-windows10.pcap": {("windows-10", "windows"), ("windows-10", "windows-2016"), (None, None)},
    # 6.1.7601, and servers of the names "obed" and "ubuntu1"
    "mercury_emix.pcap": {("windows-7", "samba"), (None, None)},
    "mercury_smb.pcap": {("windows-7", "samba")},
    "otrf_covenant_copy_smb_CreateRequest.pcap": {("windows-10-1903", "windows-1709")},
    # The server calls itself SMB3, 6.3.9600, and has Responder's ServerGuid; the other one is 10.0.17763.
    "petitpotam_RpcEncryptFileSrv.pcapng": {("impacket", "windows-1709"), ("windows-10", "responder")},
    "suricata_smb-dce_iface.pcap": {("impacket", "windows-1709")},  # 10.0.17763
    # Loopback of a MacBookPro16,1
    "suricata_smb-length-5786.pcap": {("macos", "macos")},
    # An old macOS, which looks like a Windows 8.1 without multichannel, and 10.0.15063. One flow has no NEGOTIATE.
    "suricata_smb2-delete.pcap": {(None, "windows"), (None, None)},
    "suricata_smb2-peter.pcap": {("linux-cifs", "samba")},
    "suricata_smb2-peter-minus-p191.pcap": {("linux-cifs", "samba")},
    "suricata_smb2-peter-minus-p191-p192.pcap": {("linux-cifs", "samba")},
    "suricata_smb3-02-midstream.pcap": {(None, None)},
    "wireshark_smb300-aes-128-ccm.pcap": {("linux-cifs", "windows")},  # 10.0.14393
    "wireshark_smb311-aes-256-gcm.pcap": {SAMBA},
    "wireshark_smb311-lz77-lz77huff-lznt1.pcap": {(None, None)},
    "zeek_kerberos_tso.pcapng": {("windows-10-2004", "windows"), ("windows-10-2004", "windows-1709")},
    "zeek_smb2-multiple-pdus.pcap": {(None, None)},
    # A Mac (AAPL) and a Samba in a container
    "zeek_smb2-zero-byte-error-ioctl.pcapng": {("macos", "samba")},
    # Windows Vista and Server 2008 by an SMB1 start: no NEGOTIATE request, and a server of no row
    "zeek_smb2.pcap": {(None, None)},
    "zeek_smb3.pcap": {("linux-cifs", "windows")},  # 10.0.14393
    "zeek_smb3_multichannel.pcap": {("windows-10-2004", "windows-1709")},  # 10.0.19041 on both sides
    "zeek_smb3_negotiate_context.pcap": {SAMBA},
    "zerologon_win2019.pcap": {("impacket", "windows-1709")},  # 10.0.17763
}

# Of the lab's, by the beginning of their names: server-client.
LAB = {"ksmbd-smbclient-": ("samba-client", "ksmbd"), "smbd-cifs612-": ("linux-cifs", "samba"),
       "smbd-impacket-": ("impacket", "samba"), "smbd-smbclient-": SAMBA}


def families(flow):
    return flow.get("client_family"), flow.get("server_family")


def unfingerprinted(flow):
    """NEGOTIATE messages with fields but without the second fingerprint: a part of them was not kept."""
    return [m["frame"] for x in flow["negotiate"] for m in x.values()
            if isinstance(m, dict) and "fingerprint" in m and "impl" not in m]


def check_one(path, want):
    result = harness.read(path)
    if result.crashed() or result.bad_json or result.summary is None:
        return ["exit %d\n%s" % (result.rc, result.err)]
    got = {families(f) for f in result.flows}
    out = [] if got == want else ["expected %s\ngot      %s" % (sorted(want, key=str), sorted(got, key=str))]
    for f in result.flows:
        out += ["frame %d: no fingerprint" % n for n in unfingerprinted(f)]
    return out


def check_impl(tap):
    """One implementation in one configuration: one fingerprint, whatever is done to the GUID."""
    want, got = {}, {}
    for path in harness.captures(harness.LAB):
        name = os.path.basename(path)
        if not name.startswith("smbd-smbclient-SMB3_02-") or not name.endswith(".cli.pcap") or "enc-" in name:
            continue
        for f in harness.read(path).flows:
            got.setdefault(f["negotiate"][0]["request"]["impl"], []).append(name)
            want[f["negotiate"][0]["request"]["client_guid"]] = name
    tap.ok("smbclient has one fingerprint in %d captures with %d GUIDs" % (sum(map(len, got.values())), len(want)),
           len(got) == 1 and len(want) > 10, got)


def check(tap):
    if not harness.captures(harness.PUBLIC) or not harness.captures(harness.LAB):
        tap.skip("families", "no captures in %s" % harness.SHARED)
    for path in harness.captures(harness.PUBLIC):
        name = os.path.basename(path)
        if name in PUBLIC:
            tap.none("%s: who is talking" % name, check_one(path, PUBLIC[name]))
        else:
            tap.ok("%s: who is talking" % name, False, "a new capture: find out and say so in families_check.py")
    for path in harness.all_captures():
        name = os.path.basename(path)
        want = [v for k, v in LAB.items() if name.startswith(k)] or [SAMBA]  # the project's own: smbclient, smbd
        tap.none("%s: %s and %s" % ((name,) + want[0]), check_one(path, {want[0]}))
    if harness.captures(harness.LAB):
        check_impl(tap)
