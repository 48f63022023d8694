# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Samba's server and client in the lab: unpacked, not installed, and each in a mount namespace of its own."""
import contextlib
import os
import signal
import socket
import subprocess

from lab import net

HERE = os.path.dirname(os.path.abspath(__file__))
USER, PASSWORD, UID = "labuser", "negwatch-lab", 64445
NT_HASH = "B8348A05B363364C3561B9CFF3219DC4"  # of PASSWORD
SHARE = "lab"
CLOSED = "closed"  # a share that USER may not connect to
SMB_CONF = """[global]
    workgroup = NWLAB
    netbios name = NWLAB{number}
    server role = standalone server
    security = user
    passdb backend = smbpasswd:{work}/smbpasswd
    map to guest = bad user
    guest account = nobody
    interfaces = {addresses}
    bind interfaces only = yes
    smb ports = 445 139
    disable netbios = no
    name resolve order = host
    private dir = {work}/private
    state directory = {work}/state
    cache directory = {work}/cache
    lock directory = {work}/lock
    pid directory = {work}/lock
    ncalrpc dir = {work}/ncalrpc
    log file = {work}/log
    log level = {log_level}
    max log size = 0
    load printers = no
    printcap name = /dev/null
    disable spoolss = yes
    usershare max shares = 0
    server min protocol = {minimum}
    server max protocol = {maximum}
    smb encrypt = {encrypt}
[{share}]
    path = {work}/share
    read only = no
    guest ok = yes
[{closed}]
    path = {work}/share
    valid users = nobody
"""
CLIENT_CONF = """[global]
    workgroup = NWLAB
    name resolve order = host
    private dir = {work}/private
    state directory = {work}/state
    cache directory = {work}/cache
    lock directory = {work}/lock
    client min protocol = SMB2_02
"""


def prepare():
    """Unpacks Samba when that has not been done yet."""
    done = subprocess.run([os.path.join(HERE, "samba-root"), "prepare"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise net.LabError(done.stdout.strip())


def inside(namespace, work, argv, *, pid_namespace=False):
    """argv, made to see the unpacked packages; may write below `work`, which holds passwd, group and nsswitch.conf."""
    pids = ["--pid", "--fork", "--kill-child", "--mount-proc"] if pid_namespace else []
    return namespace.command(["unshare", "--mount", *pids, os.path.join(HERE, "samba-root"), "run", work, *argv])


def _write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as out:
        out.write(text)
    os.chmod(path, mode)


class Server:
    """An smbd on one address of the server namespace; ready when the constructor returns."""

    def __init__(self, network, number=0, *, minimum="SMB2_02", maximum="SMB3_11", encrypt="default", log_level=1):
        self.network, self.number = network, number
        self.work = work = os.path.join(network.directory, f"smbd{number}")
        for name in ("private", "state", "cache", "lock", "ncalrpc", "share"):
            os.makedirs(os.path.join(work, name))
        os.chmod(os.path.join(work, "share"), 0o777)
        addresses = [net.server_address(number), net.server_address(number, six=True)]
        _write(f"{work}/smb.conf", SMB_CONF.format(work=work, number=number, addresses=" ".join(addresses), share=SHARE,
                                                  closed=CLOSED, minimum=minimum, maximum=maximum, encrypt=encrypt,
                                                  log_level=log_level))
        _write(f"{work}/client.conf", CLIENT_CONF.format(work=work))
        _write(f"{work}/passwd", f"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"
                                 f"{USER}:x:{UID}:{UID}::/:/bin/false\n")
        _write(f"{work}/group", f"root:x:0:\nnogroup:x:65534:\n{USER}:x:{UID}:\n")
        _write(f"{work}/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n")
        _write(f"{work}/smbpasswd", f"{USER}:{UID}:{'X' * 32}:{NT_HASH}:[U          ]:LCT-00000001:\n", 0o600)
        self._start()
        network.on_close(self.close)
        try:
            net.wait_for(f"smbd on {addresses[0]} to listen", self._listening, 60, 0.02)
        except net.LabError as problem:
            raise net.LabError(f"{problem}\n{self.log()}") from None

    def _start(self):
        with open(f"{self.work}/stderr", "ab") as err:
            self.process = subprocess.Popen(
                inside(self.network.server, self.work, ["smbd", "--foreground", "--no-process-group",
                                                         f"--log-basename={self.work}",
                                                         "-s", f"{self.work}/smb.conf"], pid_namespace=True),
                stdin=subprocess.DEVNULL, stdout=err, stderr=err, start_new_session=True)

    def _listening(self):
        if self.process.poll() is not None:
            raise net.LabError(f"smbd ended with status {self.process.returncode}")
        wanted = {socket.inet_pton(socket.AF_INET, net.server_address(self.number))[::-1].hex().upper() + ":01BD"}
        six = socket.inet_pton(socket.AF_INET6, net.server_address(self.number, six=True))
        wanted.add("".join(six[at:at + 4][::-1].hex() for at in (0, 4, 8, 12)).upper() + ":01BD")
        found = set()
        for table in ("tcp", "tcp6"):  # read, not connected to: the monitor must not see a connection of the lab's own
            with open(f"/proc/{self.network.server.holder.pid}/net/{table}", encoding="ascii") as sockets:
                found |= {line.split()[1] for line in sockets if line.split()[3] == "0A"}
        return wanted <= found

    def log(self):
        """What smbd said, its last lines."""
        lines = []
        for name in ("stderr", "log"):
            path = f"{self.work}/{name}"
            if os.path.exists(path):
                with open(path, encoding="utf-8", errors="replace") as text:
                    lines += text.read().splitlines()[-40:]
        return "\n".join(lines)

    def close(self):
        """Ends process 1 of smbd's process namespace, and with it all others in there; unshare then ends by itself."""
        with contextlib.suppress(OSError):  # it may have ended by itself
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as children:
                for child in children.read().split():
                    os.kill(int(child), signal.SIGKILL)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Client:
    """One run of smbclient against a server; `finish()` waits for it. `address` when another server is meant."""

    def __init__(self, server, commands="ls", *, maximum="SMB3_02", six=False, anonymous=False, encrypt=False,
                 port=None, share=SHARE, address=None, password=PASSWORD, options=(), more=()):
        address = address or net.server_address(server.number, six)
        user = ["-N"] if anonymous else ["-U", f"{USER}%{password}"]
        protect = ["--client-protection=encrypt"] if encrypt else []
        where = ["-p", str(port)] if port else []
        self.output = ""
        self.status = None
        self.spawn(inside(server.network.client, server.work,
                           ["smbclient", f"//{address}/{share}", "-s", f"{server.work}/client.conf", "-m", maximum,
                            *user, *protect, *where, *(f"--option={option}" for option in options), *more,
                            *(["-c", commands] if commands else [])]))

    def spawn(self, argv):
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True)

    def finish(self, seconds=30):
        """Waits for its end; returns (exit status, output). A status of None means that it had to be ended."""
        try:
            self.output = self.process.communicate(timeout=seconds)[0]
            self.status = self.process.returncode
        except subprocess.TimeoutExpired:
            self.end()
        return self.status, self.output

    def end(self):
        """Ends a client that is still waiting for something; harmless when it has ended."""
        if not self.process.stdout.closed:
            self.process.kill()
            self.output = self.process.communicate()[0]


class Batch(Client):
    """Many runs of smbclient, one behind the other; `lines` are their arguments in the words of a shell, {address} and
    {user} stand for the usual ones. The output has one line for each: its status."""

    def __init__(self, server, lines):
        self.output, self.status = "", None
        values = {"address": net.server_address(server.number), "user": f"-U {USER}%{PASSWORD}", "share": SHARE}
        script = [f"{before} smbclient -s {server.work}/client.conf {line.format(**values)} >/dev/null 2>&1; echo $?"
                  for before, line in lines]
        self.spawn(inside(server.network.client, server.work, ["sh", "-c", "\n".join(script)]))


class QuietClient(Client):
    """The client that never validates, in the place of smbclient; `how` are its next arguments (quiet_client.py)."""

    def __init__(self, server, *how, guid=None):
        self.output, self.status = "", None
        self.spawn(server.network.client.command(
            ["/usr/bin/python3", os.path.join(HERE, "quiet_client.py"), net.server_address(server.number), USER,
             NT_HASH, SHARE, *(how or ("logoff", "fin", "1")), *([guid] if guid else [])]))
