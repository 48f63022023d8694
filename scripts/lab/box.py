# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs the tamper program in the box's namespace and changes its edit between connections."""
import os
import subprocess

from lab import net

TAMPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tamper.py")


class Box:
    """The tamper box of a network. `edit(None)` only routes, any other edit goes through the TCP proxy."""

    def __init__(self, network):
        self.network = network
        self.process = network.box.spawn(["/usr/bin/python3", TAMPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         text=True)
        network.on_close(lambda: net.end(self.process))
        if self.process.stdout.readline() != "ready\n":
            raise net.LabError(f"the tamper program did not start (status {self.process.wait()})")

    def edit(self, text):
        self.network.use_proxy(text is not None)
        if text is None:
            return
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if answer != "ok":
            raise net.LabError(f"tamper box: {answer or 'it ended'}")
