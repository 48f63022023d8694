# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of what the daemon needs: exactly three capabilities and no other right, and no BTF of the kernel."""
import os

import cable
import doctor
import stage
from lab import daemon, net

NO_BTF = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', "sh"]


def nobody(missing=None):
    caps = ",".join(f"+{name}" for name in doctor.NEEDED if name != missing)
    return ["setpriv", "--reuid", doctor.NOBODY, "--regid", doctor.NOBODY, "--clear-groups", "--inh-caps", f"-all,{caps}",
            "--ambient-caps", f"-all,{caps}", "--bounding-set", f"-all,{caps}", "--no-new-privs", "--pdeathsig", "KILL"]


def start(network, before, **options):
    """A daemon that owns its directories, whoever it is."""
    directory = os.path.join(network.directory, f"rights-{len(os.listdir(network.directory))}")
    os.mkdir(directory)
    os.makedirs(os.path.join(directory, "state"))
    for path in (directory, os.path.join(directory, "state")):
        os.chmod(path, 0o777)
    return daemon.Daemon(network, network.server, ["nwa"], before=before, directory=directory, answer_timeout=600, **options)


def works(before, **options):
    """Starts, tells a reload from a crash, finds an alteration, ends cleanly and leaves nothing."""
    with cable.lab() as network:
        wire = cable.Cable(network, "nwa")
        host = start(network, before, **options)
        wire.altered(host)
        if host.close() != 0 or cable.attached(network.server, "nwa"):
            raise stage.Failed(f"status {host.process.returncode}, left {cable.attached(network.server, 'nwa')}: "
                               f"{host.said()}")


def as_nobody():
    for options in ({}, {"ingress": "xdp"}, {"ingress": "clsact", "egress": "clsact"}):
        works(nobody(), **options)


def one_missing():
    """Each capability that is missing is named, with status 77."""
    with cable.lab() as network:
        cable.Cable(network, "nwa")
        for missing in doctor.NEEDED:
            try:
                start(network, nobody(missing))
            except net.LabError as refused:
                if f"CAP_{missing.upper()} is missing" not in str(refused) or "status 77" not in str(refused):
                    raise
            else:
                raise stage.Failed(f"it started without CAP_{missing.upper()}")


def without_btf():
    """With /sys/kernel/btf hidden, as root and as nobody."""
    works(NO_BTF)
    works([*NO_BTF, *nobody()])


TESTS = {"nobody": as_nobody, "one-missing": one_missing, "without-btf": without_btf}
