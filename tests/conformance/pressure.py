"""16,000 connections of each kind against the sidecar in a cgroup of 128 MiB with its defaults.

Whatever they hold, the process lives, usage and the buffers of TCP stay within the 128 MiB, a good
caller beside them gets its answer or a 503 at once, and five seconds after they left all is well.
Callers and origin are elsewhere, as those of a pod are: in a network namespace of their own, so
that what their kernel holds for them is not taken for the sidecar's (/proc/net/sockstat counts the
whole machine in every namespace). Needs root: it makes two network namespaces and a cgroup. Sends
nothing beyond them.
"""
import contextlib
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import time

import origins
import programs
import tools
from tools import Case

LIMIT_BYTES = 128 << 20
CONNECTIONS = 16_000
HELD_S = 5
AFTERWARDS_S = 5
GOOD_EACH_S = 0.05
AT_ONCE_S = 2
SIDECAR, PEERS = "10.250.0.1", "10.250.0.2"
SOCKET_MEMORY = re.compile(rb"skmem:\(r(\d+),rb\d+,t\d+,tb\d+,f(\d+),w(\d+)")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
# HEADERS of GET /large, :scheme http, :authority origin, end of stream and headers.
H2_LARGE = b"\x82\x86\x04\x06/large\x01\x06origin"
KINDS = {
    "silent": lambda: b"",
    "half a head": lambda: b"GET / HTTP/1.1\r\nHost: origin\r\nX: " + b"a" * 60_000,
    "half a handshake": lambda: b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "stalled answers of HTTP/1": lambda: b"GET /large HTTP/1.1\r\nHost: origin\r\n\r\n",
    "stalled answers of HTTP/2":
        lambda: PREFACE + len(H2_LARGE).to_bytes(3, "big") + b"\1\5\0\0\0\1" + H2_LARGE,
    "stalled uploads": lambda: (b"POST /never HTTP/1.1\r\nHost: origin\r\n"
                                b"Content-Length: 10000000\r\n\r\n" + b"a" * 200_000),
}

CONFIGURATION = """\
admin: {{address: "127.0.0.1:0"}}
metrics: {{address: "127.0.0.1:0"}}
drain: {{grace: 1s, quiet: 0s}}
listeners:
  - {{name: suite, address: "{sidecar}:0", service: origin}}
  - {{name: secure, address: "{sidecar}:0", service: origin,
     tls: {{cert_file: {cert}, key_file: {key}}}}}
services:
  origin: {{endpoints: {{static: ["{peers}:{port}"]}}}}
"""


class Cgroup:
    """A memory cgroup below our own, version 1 or 2."""

    def __init__(self, namespace):
        self.namespace = namespace
        lines = pathlib.Path("/proc/self/cgroup").read_text().splitlines()
        self.version_1 = next((line.split(":")[2] for line in lines if ":memory:" in line), None)
        if self.version_1 is not None:
            parent = pathlib.Path("/sys/fs/cgroup/memory" + self.version_1)
        else:
            parent = pathlib.Path("/sys/fs/cgroup" + lines[-1].split(":")[2])
        self.folder = parent / f"outrigger-pressure-{os.getpid()}"
        limit = "memory.limit_in_bytes" if self.version_1 is not None else "memory.max"
        try:
            self.folder.mkdir()
            (self.folder / limit).write_text(str(LIMIT_BYTES))
        except OSError as error:
            raise tools.Missing(f"a memory cgroup cannot be made: {error}") from None

    def enter(self):
        (self.folder / "cgroup.procs").write_text(str(os.getpid()))

    def used(self):
        """Usage without droppable file pages, and what TCP buffers where they are not charged."""
        stat = (self.folder / "memory.stat").read_text()
        if self.version_1 is None:
            usage = int((self.folder / "memory.current").read_text())
            return usage - int(re.search(r"^inactive_file (\d+)", stat, re.M)[1])
        usage = int((self.folder / "memory.usage_in_bytes").read_text())
        return (usage - int(re.search(r"^total_inactive_file (\d+)", stat, re.M)[1]) +
                self.tcp_bytes())

    def tcp_bytes(self):
        """Of all sockets of the sidecar's namespace: received, written, and charged ahead."""
        ss = [*inside(self.namespace), tools.debian_tool("ss", "iproute2"), "-tmnHO"]
        sockets = subprocess.run(ss, capture_output=True, check=True).stdout
        return sum(sum(map(int, found)) for found in SOCKET_MEMORY.findall(sockets))

    def remove(self):
        with contextlib.suppress(OSError):
            self.folder.rmdir()


class GoodCaller(threading.Thread):
    """One call after the other, each on a connection of its own; notes those that went badly."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.bad = []
        self.answers = {}
        self.ends = threading.Event()

    def run(self):
        while not self.ends.wait(GOOD_EACH_S):
            word = good_call(self.port)
            self.answers[word] = self.answers.get(word, 0) + 1
            if word not in ("200", "503"):
                self.bad.append(word)


def good_call(port):
    began = time.monotonic()
    try:
        with socket.create_connection((SIDECAR, port), AT_ONCE_S) as caller:
            caller.settimeout(AT_ONCE_S)
            caller.sendall(b"GET /page HTTP/1.1\r\nHost: origin\r\nConnection: close\r\n\r\n")
            said = caller.recv(4096)
    except OSError as error:
        return f"{type(error).__name__} after {time.monotonic() - began:.1f} s"
    found = re.match(rb"HTTP/1\.1 (\d+)", said)
    return found[1].decode() if found else f"nothing: {said[:40]!r}"


def crowd(port, secure_port, kinds):
    """CONNECTIONS of these kinds in turn; those that cannot be made are left out."""
    sockets = []
    texts = [(KINDS[kind](), secure_port if kind == "half a handshake" else port)
             for kind in kinds]
    for number in range(CONNECTIONS):
        text, to = texts[number % len(texts)]
        with contextlib.suppress(OSError):
            caller = socket.create_connection((SIDECAR, to), 1)
            sockets.append(caller)
            caller.setblocking(False)
            if text:
                caller.send(text)
    return sockets


def press(name, kinds, running, cgroup, process):
    good = GoodCaller(running.port)
    good.start()
    peak = 0
    ends = threading.Event()

    def watch():
        nonlocal peak
        while not ends.wait(0.02):
            peak = max(peak, cgroup.used())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    sockets = crowd(running.port, running.secure, kinds)
    time.sleep(HELD_S)
    for caller in sockets:
        caller.close()
    good.ends.set()
    good.join()
    ends.set()
    watcher.join()
    yield Case(f"{name}: it lives", None if process.poll() is None else f"{process.returncode}")
    yield Case(f"{name}: within the limit",
               None if peak <= LIMIT_BYTES else f"{peak >> 20} MiB of {LIMIT_BYTES >> 20}")
    yield Case(f"{name}: the good caller", None if not good.bad else
               f"{len(good.bad)} bad of {good.answers}")
    time.sleep(AFTERWARDS_S)
    word = good_call(running.port)
    yield Case(f"{name}: all is well afterwards", None if word == "200" else word)


class Running:
    def __init__(self, log):
        text = log.read_text()
        self.port = tools.port_of(text, "suite")
        self.secure = tools.port_of(text, "secure")


def inside(namespace):
    return [tools.debian_tool("nsenter", "util-linux"), f"--net=/run/netns/{namespace}"]


def among_peers(scratch, namespace):
    """Each kind by itself, then all mixed, against a sidecar in that namespace."""
    cert, key = tools.certificate(scratch)
    kinds = [(kind, [kind]) for kind in KINDS] + [("all mixed", list(KINDS))]
    cases = []
    with origins.running(origins.go(scratch, "", False, "0.0.0.0")) as origin:
        for name, held in kinds:
            cgroup = Cgroup(namespace)
            log = scratch / "outrigger.log"
            file = scratch / "outrigger.yaml"
            file.write_text(CONFIGURATION.format(
                cert=cert, key=key, port=origin.port, sidecar=SIDECAR, peers=PEERS))
            with log.open("w") as out:
                process = subprocess.Popen(
                    [*inside(namespace), tools.OUTRIGGER, "run", "-c", file], stderr=out,
                    stdin=subprocess.DEVNULL, preexec_fn=cgroup.enter)
            try:
                tools.eventually(lambda: '"msg":"ready"' in log.read_text(), "outrigger", process)
                cases.extend(press(name, held, Running(log), cgroup, process))
            finally:
                process.kill()
                process.wait()
                cgroup.remove()
    return cases


@contextlib.contextmanager
def namespaces():
    """Two, joined by a cable: the sidecar's and its peers'."""
    tool = tools.debian_tool("ip", "iproute2")
    names = [f"outrigger-{os.getpid()}-{side}" for side in ("sidecar", "peers")]

    def ip(*arguments):
        subprocess.run([tool, *arguments], check=True)

    try:
        for name in names:
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "eth0", "netns", names[1])
        for name, address in zip(names, (SIDECAR, PEERS)):
            ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
            ip("-n", name, "link", "set", "eth0", "up")
        yield names
    finally:
        for name in names:
            subprocess.run([tool, "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def pressure(_scratch):
    if os.geteuid() != 0:
        raise tools.Missing("it needs root")
    programs.go_program("origin")
    with namespaces() as (sidecar, peers):
        # `ip netns exec` would hide the cgroups.
        done = subprocess.run([*inside(peers), sys.executable, __file__, sidecar],
                              capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise tools.Broken(done.stderr.strip()[-500:])
    return [Case(*line.split("\t")) for line in done.stdout.splitlines() if "\t" in line or line]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with tempfile.TemporaryDirectory() as folder:
        for case in among_peers(pathlib.Path(folder), sys.argv[1]):
            print(case.name if case.wrong is None else f"{case.name}\t{case.wrong}")
