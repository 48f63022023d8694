#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""impacket's SMB client: logs in, lists a share and leaves, as often as it is told to. It never validates.

usage: impacket_client.py SERVER USER PASSWORD SHARE DIALECT [COUNT]     DIALECT as 0x0300; so many connections in a row
"""
import sys

from impacket import smbconnection

PORT = 445


def talk(server, user, password, share, dialect):
    connection = smbconnection.SMBConnection(server, server, sess_port=PORT, preferredDialect=dialect, timeout=20)
    if connection.getDialect() != dialect:
        raise OSError(f"dialect 0x{connection.getDialect():04x} was negotiated instead of 0x{dialect:04x}")
    connection.login(user, password)
    names = [entry.get_longname() for entry in connection.listPath(share, "*")]
    connection.close()
    return len(names)


def main():
    server, user, password, share, dialect = sys.argv[1:6]
    for _ in range(int(sys.argv[6]) if len(sys.argv) > 6 else 1):
        print(f"{talk(server, user, password, share, int(dialect, 0))} entries")


if __name__ == "__main__":
    try:
        main()
    except (OSError, smbconnection.SessionError) as problem:
        sys.exit(f"impacket_client: {problem}")
