# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Real receivers of syslog (rsyslog, syslog-ng, systemd-journald), unpacked or in a private /run; nothing is installed."""
import json
import os
import signal
import subprocess
import sys

import harness
from lab import net

JOURNALD = "/lib/systemd/systemd-journald"


SOON = 60  # seconds for what takes less than one on an idle machine


class Receiver:
    """A receiver that runs in the foreground; its socket is `socket`, what it took is in parsed(). It has a network namespace
    without a network: a name server that does not answer holds up nobody there, and its queue takes what a namespace's
    net.unix.max_dgram_qlen is at first (10), whatever the host's is."""

    def __init__(self, directory):
        self.directory, self.process = directory, None
        self.socket = os.path.join(directory, "receiver")
        self.file = os.path.join(directory, "parsed.json")

    def start(self):
        with open(os.path.join(self.directory, "output"), "ab") as output:
            self.process = subprocess.Popen(["unshare", "--net", *self.argv()], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            env={**os.environ, **self.environment()})
        net.wait_for("the receiver's socket", lambda: self.ready() and os.path.exists(self.socket), SOON, 0.02)

    def ready(self):
        if self.process.poll() is not None:
            with open(os.path.join(self.directory, "output"), encoding="utf-8", errors="replace") as output:
                raise net.LabError(f"the receiver ended with status {self.process.returncode}: {output.read()[-1500:]}")
        return True

    def environment(self):
        return {}

    def stop(self):
        """Ends it as its init would; the socket is gone then."""
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            net.stop(self.process)
            self.process = None
        if os.path.exists(self.socket):
            os.unlink(self.socket)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def objects(self):
        """What it wrote, one JSON object on each line."""
        try:
            with open(self.file, encoding="utf-8") as lines:
                return [json.loads(line, strict=True) for line in lines if line.endswith("\n")]
        except FileNotFoundError:
            return []


class Rsyslog(Receiver):
    """Writes the keys that mmjsonparse or mmpstrucdata found, or else the message as it came."""

    PACKAGE = "rsyslog"

    def __init__(self, directory, form):
        super().__init__(directory)
        self.form, self.root = form, harness.unpacked("rsyslog")
        special = ' UseSpecialParser="off" ParseHostname="off"' if form == "rfc5424" else ""
        parse = {"text": "", "cee": 'action(type="mmjsonparse")', "rfc5424": 'action(type="mmpstrucdata")'}[form]
        # The shipped snippet itself, with other paths; what it loads must not be loaded twice.
        snippet = harness.contrib("rsyslog.conf").replace("/var/log/", directory + "/")
        text = f"""module(load="imuxsock" SysSock.Use="off")
module(load="mmpstrucdata")
global(workDirectory="{directory}")
{snippet if form != "rfc5424" else ""}
template(name="all" type="list" option.jsonf="on") {{
    property(outname="keys" name="$!all-json" format="jsonf")
    property(outname="message" name="msg" format="jsonf")
    property(outname="program" name="programname" format="jsonf")
    property(outname="pid" name="procid" format="jsonf")
    property(outname="facility" name="syslogfacility-text" format="jsonf")
    property(outname="severity" name="syslogseverity-text" format="jsonf")
    property(outname="msgid" name="msgid" format="jsonf")
}}
input(type="imuxsock" Socket="{self.socket}"{special})
if $programname == "negwatchd" then {{
    {parse}
    action(type="omfile" file="{self.file}" template="all")
}}
"""
        self.conf = harness.write(directory, "rsyslog.conf", text)

    def argv(self):
        return [f"{self.root}/usr/sbin/rsyslogd", "-n", "-f", self.conf, "-i", os.path.join(self.directory, "pid"),
                "-M", f"{self.root}/usr/lib/x86_64-linux-gnu/rsyslog"]

    def environment(self):
        return {"LD_LIBRARY_PATH": f"{self.root}/usr/lib/x86_64-linux-gnu"}

    def parsed(self):
        """[keys], each with "_message", "_facility", "_severity"."""
        found = []
        for row in self.objects():
            keys = json.loads(row["keys"]) if isinstance(row["keys"], str) else row["keys"]
            if self.form == "rfc5424":
                keys = keys.get("rfc5424-sd", {}).get("negwatch@32473", {})
            elif self.form == "text":
                keys = harness.pairs(row["message"])
            found.append({**{key: str(value) for key, value in keys.items()}, "_facility": row["facility"],
                          "_severity": row["severity"], "_message": row["message"], "_pid": row["pid"]})
        return found


class SyslogNg(Receiver):
    """Writes the keys that kv-parser, json-parser or its own reader of structured data found."""

    PACKAGE = "syslog-ng-core"

    def __init__(self, directory, form):
        super().__init__(directory)
        self.form, self.root = form, harness.unpacked("syslog-ng-core")
        snippet = harness.contrib("syslog-ng.conf").replace("/var/log/negwatch.json", self.file)
        flags = " flags(syslog-protocol)" if form == "rfc5424" else ""
        template = '"$(format-json --scope rfc5424 --key negwatch.* --pair facility=$FACILITY)\\n"'
        if form == "text":
            assert "kv-parser(prefix" in snippet
            rest = snippet
        else:
            parser = '    parser { json-parser(marker("@cee:") prefix("negwatch.")); };\n' if form == "cee" else ""
            rest = f'log {{ source(s_src);\n{parser}    destination {{ file("{self.file}" template({template})); }}; }};\n'
        self.conf = harness.write(directory, "syslog-ng.conf", f"""@version: 3.38
options {{ keep-hostname(yes); flush-lines(1); stats-freq(0); }};
source s_src {{ unix-dgram("{self.socket}"{flags}); }};
{rest}""")

    def argv(self):
        at = lambda name: os.path.join(self.directory, name)
        modules = f"{self.root}/usr/lib/syslog-ng/3.38"
        return [f"{self.root}/usr/sbin/syslog-ng", "-F", "-f", self.conf, "-R", at("persist"), "-p", at("pid"), "-c", at("control"),
                "--module-path", modules, "--no-caps"]

    def environment(self):
        return {"LD_LIBRARY_PATH": f"{self.root}/usr/lib/x86_64-linux-gnu:{self.root}/usr/lib/syslog-ng"}

    def parsed(self):
        found = []
        for row in self.objects():
            keys = row.get("negwatch", {})
            if self.form == "rfc5424":
                keys = row.get("_SDATA", row.get(".SDATA", {})).get("negwatch@32473", {})
            found.append({**{key: str(value) for key, value in keys.items()}, "_facility": row.get("FACILITY"),
                          "_severity": row.get("PRIORITY"), "_message": row.get("MESSAGE", ""), "_pid": row.get("PID")})
        return found


class Journald(Receiver):
    """systemd-journald with a /run of its own, bound in a mount namespace."""

    PACKAGE = None

    def __init__(self, directory, form):
        super().__init__(directory)
        if not os.path.exists(JOURNALD):
            raise harness.Skip(f"{JOURNALD} is not there")
        if not os.path.exists("/etc/machine-id"):
            raise harness.Skip("journald needs /etc/machine-id")
        self.form = form

        self.run = os.path.join(directory, "run")  # outlives it, and so does what it wrote
        os.mkdir(self.run)
        self.socket = os.path.join(self.run, "systemd", "journal", "socket" if form == "journal" else "dev-log")

    def argv(self):
        return ["unshare", "--mount", "sh", "-c", f"mount --bind {self.run} /run && mkdir -p /run/systemd/journal /run/log/journal && "
                f"exec {JOURNALD}"]

    def parsed(self):
        folder = os.path.join(self.run, "log", "journal")
        if not os.path.isdir(folder) or not os.listdir(folder):
            return []
        out = subprocess.run(["journalctl", "--directory", os.path.join(folder, os.listdir(folder)[0]), "--output", "json", "--all",
                              "--no-pager", "SYSLOG_IDENTIFIER=negwatchd"], stdout=subprocess.PIPE, text=True, check=False).stdout
        found = []
        for row in map(json.loads, out.splitlines()):
            keys = {key[9:].lower(): value for key, value in row.items() if key.startswith("NEGWATCH_")}
            if self.form == "text":
                keys = harness.pairs(row["MESSAGE"])
            found.append({**keys, "_message": row["MESSAGE"], "_pid": row.get("SYSLOG_PID"), "_id": row.get("MESSAGE_ID"),
                          "_facility": {"10": "authpriv"}.get(row.get("SYSLOG_FACILITY")),
                          "_severity": {"2": "crit", "3": "err", "4": "warning", "6": "info"}.get(row.get("PRIORITY"))})
        return found


FORMS = {(name, form): kind for name, kind, forms in (
    ("rsyslog", Rsyslog, ("text", "cee", "rfc5424")),
    ("syslog-ng", SyslogNg, ("text", "cee", "rfc5424")),
    ("journald", Journald, ("text", "journal"))) for form in forms}

if __name__ == "__main__":
    sys.exit("receivers: this is a part of tests/package/run")
