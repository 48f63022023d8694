# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Tests of the control socket, of reload and conf.d, of the metrics, and of what `negwatch check` says of real trouble."""
import contextlib
import json
import os
import random
import shutil
import socket
import stat
import subprocess
import time
import traceback

import cable
import flood
import stage
from lab import daemon, net, schema

GROUP = 4242  # the daemon's in these tests, so the socket's
REQUESTS = int(os.environ.get("NEGWATCH_REQUESTS", "0"))  # 0: as many as FUZZ_SECONDS hold
FUZZ_SECONDS = 20
AT_LEAST = REQUESTS or 20000  # on a machine that does much else; it may then take longer
DIFFERENT = 40000  # of them; making one costs more than answering it
BATCH = 250
PAGED = 2500
UNPACKED = os.path.join(daemon.ROOT, "build", "lab", "prometheus")
# Long answers, which ask the kernel: one request in fifty.
DEAR = [json.dumps({"cmd": verb}).encode() for verb in ("status", "stats", "metrics", "verbs")]
SEEDS = ([json.dumps({"cmd": verb}).encode() for verb in ("ping", "reload", "watch")] +
         [b'{"cmd":"alerts","limit":10,"since":3}', b'{"cmd":"show","id":1}', b'{"cmd":"flows","limit":1}',
          b'{"cmd":"peers","not_validated":true}', b'{"cmd":["status"]}', b'{"cmd":null}', b"[]", b"", b"\r", b"\0\0",
          b'{"cmd":"ping"}{"cmd":"ping"}', b'{"cmd":"show","id":-9223372036854775808}',
          b'{"cmd":"alerts","limit":1e400}', b'{"cmd":"flows","limit":18446744073709551616}',
          b"[" * 3000, b'{"a":' * 1500, b'{"cmd":"' + b"x" * 5000 + b'"}', b'{"cmd":"\\u0000ping"}', b'{"cmd":"\xff\xfe"}',
          b'{"cmd":"ping","cmd":"reload"}'])


class Place:
    """One interface, and a daemon whose socket belongs to GROUP."""

    def __init__(self, network, **options):
        self.network = network
        self.wire = cable.Cable(network, "nwa")
        self.daemon = daemon.Daemon(network, network.server, ["nwa"],
                                    before=["setpriv", "--regid", str(GROUP), "--clear-groups"], **options)

    def talk(self):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(self.daemon.socket)  # with a timeout set it would not wait for the queue of connections
        sock.settimeout(30)
        return sock

    def memory(self):
        """(resident KiB, open files) of the daemon."""
        pid = self.daemon.process.pid
        with open(f"/proc/{pid}/status", encoding="ascii") as lines:
            resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
        return resident, len(os.listdir(f"/proc/{pid}/fd"))


@contextlib.contextmanager
def place(**options):
    with cable.lab() as network:
        yield Place(network, **options)


def wants(what, found, wanted):
    if found != wanted:
        raise stage.Failed(f"{what}: {found!r}, wanted {wanted!r}")


def exchange(sock, line):
    """One request, one answer, parsed and held against the schema."""
    sock.sendall(line + b"\n")
    text = b""
    while not text.endswith(b"\n"):
        more = sock.recv(1 << 20)
        if not more:
            raise stage.Failed(f"{line[:100]!r}: the daemon hung up after {text[:200]!r}")
        text += more
    return json.loads(text)


def as_user(uid, groups, function):
    """The result of function() in a process of that user; text with the reason if it failed."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        status = 1
        try:
            os.close(read)
            os.setgroups(groups)
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            try:
                result = function()
            except Exception:
                result = traceback.format_exc()
            with os.fdopen(write, "w") as out:
                json.dump(result, out)
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read) as got:
        text = got.read()
    os.waitpid(pid, 0)
    return json.loads(text or '"no result"')


def roles():
    """Who may do what: an unprivileged user, a member of the group, and root, for every verb."""
    with place() as here:
        verbs = exchange(here.talk(), b'{"cmd":"verbs"}')["verbs"]
        for verb in verbs:
            if schema.complaints("verb", verb):
                raise stage.Failed(schema.complaints("verb", verb))

        def ask_all():
            answers = {}
            for verb in verbs:
                try:
                    with here.talk() as sock:
                        answer = exchange(sock, json.dumps({"cmd": verb["cmd"], "id": 1, "since": "2026-01-01T00:00:00Z"}).encode())
                        answers[verb["cmd"]] = "yes" if answer["ok"] else answer["error"]
                except PermissionError:
                    answers[verb["cmd"]] = "no way in"
            return answers
        nothing, table = "There is no alert 1;", []
        for who, uid, groups in (("nobody", 65534, []), ("member", 65533, [GROUP]), ("root", 0, [])):
            answers = as_user(uid, groups, ask_all)
            table.append(answers)
            for cmd, answer in answers.items():
                changes = next(verb["changes"] for verb in verbs if verb["cmd"] == cmd)
                wanted = ("no way in" if who == "nobody" else "only root may do that" if changes and who == "member"
                          else nothing if cmd in ("show", "evidence") else "yes")
                if not answer.startswith(wanted):
                    raise stage.Failed(f"{who}, {cmd}: {answer!r}, wanted {wanted!r}")
        print(f"# {'verb':<12}{'nobody':<12}{'group member':<24}root")
        for cmd in table[0]:
            said = [answers[cmd].split(";")[0] for answers in table]
            print(f"# {cmd:<12}{said[0]:<12}{said[1]:<24}{said[2]}")
        print(f"# {len(verbs)} verbs, {sum(verb['changes'] for verb in verbs)} of them for root alone", flush=True)


def mutated(rng):
    """A request as nobody should write it; without a newline in it."""
    text = bytearray(rng.choice(SEEDS if rng.randrange(50) else DEAR))
    for _ in range(rng.choice((0, 1, 1, 2, 5))):
        at = rng.randrange(len(text) + 1)
        what = rng.randrange(5)
        if what == 0:
            text[at:at] = rng.randbytes(rng.randrange(1, 8))
        elif what == 1:
            del text[at:at + rng.randrange(1, 10)]
        elif what == 2 and at < len(text):
            text[at] ^= 1 << rng.randrange(8)
        elif what == 3:
            text[at:at] = rng.choice(SEEDS)[:40]
        else:
            text += rng.choice((b"}", b'"', b"\0", b" " * 100, b"{}", b"\xc3"))
    return bytes(text).replace(b"\n", b" ")


def read_answers(sock, wanted):
    """So many lines; they are counted, and every hundredth is looked at."""
    got, rest = 0, b""
    while got < wanted:
        more = sock.recv(1 << 20)
        if not more:
            raise stage.Failed(f"the daemon hung up after {got} of {wanted} answers")
        rest += more
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if got % 100 == 0 and "ok" not in json.loads(line):
                raise stage.Failed(f"an answer without ok: {line[:200]!r}")
            got += 1
    if rest:
        raise stage.Failed(f"more than was asked for: {rest[:200]!r}")


def storm(here, seed):
    """As a member of the group: requests over many connections, at least AT_LEAST; returns how many."""
    rng, done = random.Random(seed), 0
    pool = [mutated(rng) for _ in range(DIFFERENT)]
    end = time.monotonic() + FUZZ_SECONDS
    while done < AT_LEAST or not REQUESTS and time.monotonic() < end:
        with here.talk() as sock:
            for _ in range(40):
                sock.sendall(b"\n".join(rng.choices(pool, k=BATCH)) + b"\n")
                read_answers(sock, BATCH)
                done += BATCH
    return done


def impolite(here):
    """Those who ask without listening, half, too much, too slowly, or too many at once."""
    for line in (b'{"cmd":"sta', b"", b'{"cmd":"metrics"}\n' * 3000):
        for _ in range(50):
            with here.talk() as sock:
                sock.setblocking(False)
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    sock.send(line)
    with here.talk() as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(20):
                sock.sendall(b"x" * 10000)
        text = sock.recv(4096)
        wants("a request of 200 kB", b"larger than 64 KiB" in text, True)
    clients = [here.talk() for _ in range(40)]
    wants("the 40th client", b"too many clients" in clients[39].recv(4096), True)
    wants("the first of 40", exchange(clients[0], b'{"cmd":"ping"}'), {"ok": True})
    for sock in clients:
        sock.close()
    begun = time.monotonic()
    with here.talk() as sock:
        sock.sendall(b'{"cmd":')
        wants("half a request", sock.recv(10), b"")  # until the daemon hangs up
        idle = time.monotonic() - begun
        if not 3 < idle < 25:  # 5 s, as far as the machine has time; who doesn't read an answer has 30
            raise stage.Failed(f"half a request was borne for {idle:.1f} s, it has to be 5")


def fuzz():
    """Requests, valid and broken, by a member of the group: each is answered, and the daemon works on."""
    with place() as here:
        os.chmod(here.daemon.directory, 0o711)
        here.wire.altered(here.daemon)
        net.wait_for("the alert in syslog", lambda: here.daemon.log.lines, 20)  # now its socket to it is open, too
        with here.talk() as sock:
            exchange(sock, b'{"cmd":"metrics"}')
        before, begun = here.memory(), time.monotonic()
        done = as_user(65533, [GROUP], lambda: storm(here, 4))
        took = time.monotonic() - begun
        if not isinstance(done, int):
            raise stage.Failed(f"{done} after {took:.0f} s; negwatchd said: {here.daemon.said()}")
        impolite(here)
        here.wire.altered(here.daemon)
        wants("its configuration was read again", "Configuration read again" in here.daemon.said(), False)
        net.wait_for("the connections to be closed", lambda: here.memory()[1] <= before[1], 20, 0.1)
        after = here.memory()
        if after[0] > before[0] + 8192 * net.LARGER:
            raise stage.Failed(f"memory grew from {before[0]} to {after[0]} KiB")
        print(f"# {done} requests in {took:.0f} s ({done / took:.0f}/s; NEGWATCH_REQUESTS=1000000: that many), "
              f"memory {before[0]} to {after[0]} KiB", flush=True)
        wants("its end", here.daemon.close(), 0)


# (request, numbers of the alerts in the answer) of a daemon that has 1 to 3
PAGES = [({}, [1, 2, 3]), ({"limit": 0}, []), ({"limit": 1}, [3]), ({"limit": 2}, [2, 3]), ({"limit": 3}, [1, 2, 3]),
         ({"limit": 4}, [1, 2, 3]), ({"limit": (1 << 63) - 1}, [1, 2, 3]), ({"limit": -1}, [1, 2, 3]),
         ({"limit": 0, "before": 3}, []), ({"limit": 1, "before": 3}, [2]), ({"before": 0}, []), ({"before": 1}, []),
         ({"before": 9}, [1, 2, 3]), ({"since": 1}, [2, 3]), ({"since": 3}, []), ({"since": (1 << 63) - 1}, [])]


def numbers():
    """The numbers in a request for alerts, at their bounds and beyond."""
    with place() as here, here.talk() as sock:
        for _ in range(3):
            exchange(sock, b'{"cmd":"test-alert"}')
        for request, ids in PAGES:
            answer = exchange(sock, json.dumps({"cmd": "alerts", **request}).encode())
            wants(request, [alert["negwatch"]["alert_id"] for alert in answer["alerts"]], ids)


def reload():
    """A file with errors changes nothing, and who asked is told file and line; conf.d is read behind it."""
    with cable.lab() as network:
        directory = os.path.join(network.directory, "etc")
        os.makedirs(os.path.join(directory, "conf.d"))
        path, more = os.path.join(directory, "negwatchd.conf"), os.path.join(directory, "conf.d", "50-site.conf")

        def write(name, text):
            with open(name, "w", encoding="ascii") as file:
                file.write(text)
        write(path, "[negwatchd]\nsyslog_queue = 100\n")
        cable.Cable(network, "nwa")
        host = daemon.Daemon(network, network.server, ["nwa"], config=path)
        done = host.ask("reload")
        wants("reload of what is right", (done.returncode, done.stderr), (0, ""))
        write(more, "syslog_queue = 200\nmax_flow = 3\nmax_flows = 77777\n")
        done = host.ask("reload")
        if done.returncode != 1 or f'{more}:2: there is no key "max_flow"; did you mean "max_flows"?' not in done.stderr or \
                "stays as it was" not in done.stderr:
            raise stage.Failed(f"reload with an error: {done.returncode}, {done.stderr}")
        checked = subprocess.run([daemon.DAEMON, "--check-config", "--config", path], stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, check=False)
        if checked.returncode != 78 or f"{more}:2:" not in checked.stderr:
            raise stage.Failed(f"--check-config: {checked.returncode}, {checked.stderr}")
        host.process.send_signal(1)
        net.wait_for("the log to tell of SIGHUP's errors", lambda: host.said().count(f"{more}:2:") == 2, 20, 0.02)
        write(more, "max_flows = 77777\n")
        done = host.ask("reload")
        if done.returncode != 0 or "A change of max_flows takes effect at the next start" not in done.stderr:
            raise stage.Failed(f"reload of what needs a restart: {done.returncode}, {done.stderr}")
        write(more, "interfaces = nwa\n")
        wants("reload at the end", host.ask("reload").returncode, 0)
        wants("its state", host.interfaces()["nwa"]["state"], "watched")


def promtool():
    """The path of promtool, unpacked and not installed; raises LabError with the reason if it can't be had."""
    path = os.path.join(UNPACKED, "usr", "bin", "promtool")
    if os.path.exists(path):
        return path
    shutil.rmtree(UNPACKED, ignore_errors=True)
    os.makedirs(UNPACKED)
    done = subprocess.run(["timeout", "180", "sh", "-c", "apt-get -qq download prometheus && "
                           "dpkg-deb --fsys-tarfile prometheus_*.deb | tar -x ./usr/bin/promtool && rm prometheus_*.deb"],
                          cwd=UNPACKED, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0 or not os.path.exists(path):
        raise net.LabError(f"Debian's prometheus can't be had: {done.stdout.strip()[-200:]}")
    return path


def samples(text):
    return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))


def in_its_place(path):
    """Makes a directory of a file; not if the daemon, which writes it every 15 s, was quicker."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    with contextlib.suppress(FileExistsError):
        os.mkdir(path)
    return os.path.isdir(path)


def metrics():
    """By command and as a file: promtool finds nothing, no address is a label, nobody reads half a file."""
    try:
        tool = promtool()
    except net.LabError as reason:
        return stage.Skip(reason)
    with cable.lab() as network:
        wire = cable.Cable(network, "nwa")
        path = os.path.join(network.directory, "negwatch.prom")
        host = daemon.Daemon(network, network.server, ["nwa"], metrics_file=path)
        wire.altered(host)
        text = host.ask("metrics").stdout
        judged = subprocess.run([tool, "check", "metrics"], input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, timeout=60, check=False)
        wants("promtool's words", (judged.returncode, judged.stdout), (0, ""))
        values = samples(text)
        wants("rule 101", values['negwatch_alerts_total{rule="101",name="request-altered"}'], "1")
        wants("its hook", [value for name, value in values.items() if "interface_attached" in name and "nwa" in name], ["1", "1"])
        # The addresses of the capture that was replayed
        for flow in host.objects("flows"):
            for key in ("client_ip", "server_ip"):
                if flow[key] in text:
                    raise stage.Failed(f"{flow[key]} is in the metrics:\n{text}")
        first = os.stat(path)
        wants("mode of the file", stat.S_IMODE(first.st_mode), 0o644)
        for _ in range(20):
            wants("reload", host.ask("reload").returncode, 0)
            with open(path, encoding="ascii") as file:
                wants("names in the file", set(samples(file.read())), set(values))
        net.wait_for("a new file", lambda: os.stat(path).st_mtime_ns != first.st_mtime_ns, 20, 0.02)
        # The last reload is answered before its file is written.
        net.wait_for("nothing else to be there",
                     lambda: [name for name in os.listdir(network.directory) if name.startswith("negwatch.prom")] == ["negwatch.prom"],
                     20, 0.02)
        net.wait_for("a directory in the place of the file", lambda: in_its_place(path), 20, 0.02)
        host.ask("reload")
        cable.await_log(host, "metrics file")
        wants("it works on", host.ask("status").returncode, 0)
        print(f"# promtool: nothing to complain of in {len(values)} samples", flush=True)
    return None


def pages():
    """Connections and clients come in pages: each once, also while others come."""
    with place() as here:
        mac = bytes.fromhex(here.wire.link()["address"].replace(":", ""))
        maker = flood.Flood(mac, net.server_address(0), 7)

        def come(number):
            for _ in range(number):
                here.wire.send(maker.blind(), True)

        def page(sock, **more):
            answer = exchange(sock, json.dumps({"cmd": "flows", **more}).encode())
            return [(flow["client_ip"], flow["client_port"]) for flow in answer["flows"]], answer
        come(PAGED)
        with here.talk() as sock:
            net.wait_for("all connections", lambda: page(sock, limit=1)[1]["total"] == PAGED, 20, 0.05)
            first, answer = page(sock)
            found, asked = list(first), 1
            come(50)
            while "before" in answer:
                more, answer = page(sock, before=answer["before"], limit=700)
                found, asked = more + found, asked + 1
                wants("a page of 700", len(more) <= 700, True)
            wants("connections", (len(found), len(set(found))), (PAGED, PAGED))
            net.wait_for("the others", lambda: page(sock, limit=1)[1]["total"] == PAGED + 50, 20, 0.05)
            wants("the newest, which were in no page", set(page(sock, limit=50)[0]) & set(found), set())
            wants("a limit of 0", page(sock, limit=0)[0], [])
            wants("behind the last", page(sock, before=1), ([], {"ok": True, "total": PAGED + 50, "flows": []}))
            wants("pages of no clients", exchange(sock, b'{"cmd":"peers","limit":5}'), {"ok": True, "total": 0, "peers": []})
        wants("negwatch flows", len(here.daemon.objects("flows")), 1000)
        wants("negwatch flows with a filter", len(here.daemon.objects("flows", "--server", net.server_address(0))), PAGED + 50)
        print(f"# {PAGED} connections in {asked} pages", flush=True)


def plugin():
    """negwatch check is OK with its hooks, and never without them or without a daemon."""
    with cable.lab() as network:
        cable.Cable(network, "nwa")
        cable.Cable(network, "nwb")
        host = daemon.Daemon(network, network.server, ["nwa", "nwb"])
        cable.await_state(host, "nwb", "watched")
        for step, code, word in (("", 0, "OK"), ("link del nwb", 1, "WARNING - nwb is not there"),
                                 ("link del nwa", 2, "no interface is watched")):
            if step:
                network.server.ip(step)
                cable.await_state(host, step[-3:], "absent")
            done = host.ask("check")
            if done.returncode != code or word not in done.stdout:
                raise stage.Failed(f"after {step!r}: {done.returncode}, {done.stdout}")
        host.close()
        done = host.ask("check")
        if done.returncode != 3 or not done.stdout.startswith("NEGWATCH UNKNOWN"):
            raise stage.Failed(f"without a daemon: {done.returncode}, {done.stdout}")


TESTS = {"roles": roles, "pages": pages, "numbers": numbers, "reload": reload, "metrics": metrics, "plugin": plugin, "fuzz": fuzz}
