# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Runs whose programs watch their own memory: built with ASan, UBSan and LeakSanitizer (--san), or under valgrind
(--valgrind). What they report fails the test that it came in."""
import dataclasses
import glob
import os
import shutil
import subprocess
import sys

import cable
import stage
from lab import daemon, net

HERE = os.path.dirname(os.path.abspath(__file__))
LOSE = os.path.join(HERE, "lose.c")
STATUS = 86  # of a program that has something to report
SHOWN = 40   # lines of a report
SUPPRESSIONS = os.path.join(HERE, "valgrind.supp")


@dataclasses.dataclass
class Kind:
    """A way to watch memory. In texts {where} is the beginning of its reports' names."""
    programs: str  # directory below build/
    make: str      # what makes them
    slower: int    # times, of what tests wait for
    larger: int    # times, of what a daemon may grow by
    tests: list    # those that are run when none are named
    under: list = dataclasses.field(default_factory=list)
    environment: dict = dataclasses.field(default_factory=dict)
    fine: list = dataclasses.field(default_factory=list)  # what each report has to say; without, there must be none


KINDS = {
    # A small quarantine: tests look at the daemon's memory, too; and they preload libraries (verify_asan_link_order).
    "--san": Kind(
        "san", "make build/san/negwatchd build/san/negwatch", 3, 8,
        ["xdp/untouched-proxied", "xdp/request-guid", "xdp/encrypted", "xdp/not-validated", "tc/3.1.1-request-capabilities",
         "tc/response-capabilities", "tc/resegmented-1", "peers/remembered", "journal/full-disk", "journal/deaf",
         "control/roles", "control/pages", "control/reload", "control/fuzz", "evidence/bounds", "hostile/escapes",
         "life/left-elsewhere", "faults/ring-overflow", "faults/reload-broken", "faults/syslog-gone",
         "faults/interface-gone", "faults/truncated"],
        environment={"ASAN_OPTIONS": f"log_path={{where}}:exitcode={STATUS}:detect_leaks=1:"
                                     "detect_stack_use_after_return=1:verify_asan_link_order=0:quarantine_size_mb=4",
                     "UBSAN_OPTIONS": f"log_path={{where}}:exitcode={STATUS}:print_stacktrace=1",
                     "LSAN_OPTIONS": f"exitcode={STATUS}"}),
    # Memory that is still reachable counts, too: the daemon frees all, and closes all but its standard descriptors and
    # valgrind's own.
    "--valgrind": Kind(
        "", "make", 6, 8, ["control/reload", "xdp/request-guid"],
        under=["valgrind", "--log-file={where}.%p", f"--error-exitcode={STATUS}", f"--suppressions={SUPPRESSIONS}",
               "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all", "--track-fds=yes"],
        fine=["All heap blocks were freed", "FILE DESCRIPTORS: 4 open (3 std) at exit", "ERROR SUMMARY: 0 errors"]),
}


class Watch:
    """All that a run starts is watched in one way, from here to close()."""

    def __init__(self, kind):
        self.kind = kind
        if kind.under and not shutil.which(kind.under[0]):
            sys.exit(f"run: {kind.under[0]} is missing; install it with scripts/setup --test")
        net.remove_leftovers()
        self.directory = net.private_dir()
        os.chmod(self.directory, 0o1777)  # some of what is started is another user's
        where = os.path.join(self.directory, "report")
        daemon.DAEMON, daemon.CLI = (os.path.join(daemon.ROOT, "build", kind.programs, name)
                                     for name in ("negwatchd", "negwatch"))
        daemon.UNDER = [word.replace("{where}", where) for word in kind.under]
        os.environ.update({name: text.replace("{where}", where) for name, text in kind.environment.items()})
        net.SLOWER, net.LARGER = kind.slower, kind.larger
        self.reports, self.ended = 0, 0

    def complaints(self):
        """What was reported since the last call by what has ended, as text; "" is nothing."""
        said = []
        for path in sorted(glob.glob(os.path.join(self.directory, "report.*"))):
            if os.path.exists(f"/proc/{path.rpartition('.')[2]}"):
                continue  # it goes on
            with open(path, encoding="utf-8", errors="replace") as text:
                lines = [line for line in text.read().splitlines() if not line.startswith("--")]  # valgrind's warnings
            os.unlink(path)
            self.reports += 1
            missing = [word for word in self.kind.fine if not any(word in line for line in lines)]
            if missing or not self.kind.fine:
                said += lines[:SHOWN] + [f"the report does not say: {word}" for word in missing]
        said += [f"a daemon ended with status {status} when it was told to" for status in daemon.ends if status < 0]
        self.ended += len(daemon.ends)
        daemon.ends.clear()
        return "\n".join(said)

    def notices(self):
        """A daemon that loses memory is complained of: without that, silence would prove nothing."""
        with cable.lab() as network:
            cable.Cable(network, "nwa")
            library = os.path.join(network.directory, "lose.so")
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, LOSE], check=True)
            host = daemon.Daemon(network, network.server, ["nwa"], before=["env", f"LD_PRELOAD={library}"])
            status = host.close()
            said = self.complaints()
            if status != STATUS or "lose.so" not in said:
                raise stage.Failed(f"status {status}, wanted {STATUS}; reported: {said or 'nothing'}")

    def finish(self, report):
        """The last of them have ended."""
        said = self.complaints()
        if self.kind.fine and self.reports < self.ended:
            said += f"\n{self.ended} daemons ended, {self.reports} reports were written"
        report.result("memory/reports", said)
        print(f"# {self.ended} daemons ended and were looked through, {self.reports} reports", flush=True)

    def close(self):
        shutil.rmtree(self.directory, ignore_errors=True)
