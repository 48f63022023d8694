# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A stand-in for /dev/log: a Unix datagram socket that notes each line with the time of its arrival."""
import datetime
import os
import re
import select
import socket
import threading
import time

from lab import net

MARK = b"negwatch-lab: all before this was received"


class LogSocket:
    """Listens at `path`; `lines` holds (arrival as seconds since 1970, text)."""

    def __init__(self, path):
        self.path, self.lines = path, []
        self.marked = threading.Event()
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        self.wake_read, self.wake_write = os.pipe()
        self.thread = threading.Thread(target=self._receive, daemon=True)
        self.thread.start()

    def _receive(self):
        while True:
            ready, _, _ = select.select([self.sock, self.wake_read], [], [])
            if self.wake_read in ready:
                return
            data = self.sock.recv(65536)
            if data == MARK:
                self.marked.set()
                continue
            self.lines.append((time.time(), data.decode("utf-8", "replace").rstrip("\n\0")))

    def settle(self):
        """Returns when all that was sent to it before this call is in `lines`: datagrams keep their order."""
        self.marked.clear()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.settimeout(20)
            sock.sendto(MARK, self.path)
        if not self.marked.wait(20):
            raise net.LabError(f"waited 20 s for what was sent to {self.path} to be received")

    def close(self):
        os.write(self.wake_write, b"x")
        self.thread.join()
        self.sock.close()
        os.close(self.wake_read)
        os.close(self.wake_write)
        os.unlink(self.path)


def fields(line):
    """The key=value pairs of a line; quotes are taken off."""
    return {key: quoted or plain for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', line)}


def event_time(line):
    """The time that the line gives for its event, as seconds since 1970, or None."""
    text = fields(line).get("event_time")
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None
