"""100 other files under 2,000 calls a second: `./dev conformance reloads`.

One program (clients/reloads.go) is callers and origins: HTTP/1.1, HTTP/2 and gRPC at a steady rate,
and gRPC server streams, a WebSocket, a CONNECT tunnel and a connection to a tcp service that are
open all the while. The first half of the files come as Kubernetes mounts them, by a link `..data`
that is swapped, the others by rename; before every fifth comes a bad one, which must change
nothing. No call fails or sees two versions, nobody needs another connection, circuits and counters
go on.
"""
import contextlib
import json
import re
import shutil
import socket
import subprocess
import time
import typing
import urllib.request

import programs
import tools
from tools import Case

SWAPS, CALLS_PER_S = 100, 2000
BAD_EACH = 5
FIRST_BAD = 1_000_000  # as in reloads.go
LIMIT_S = 30  # of a file, until it was read
END_LIMIT_S = 60

CONFIGURATION = """\
admin: {{address: "127.0.0.1:0"}}
metrics: {{address: "127.0.0.1:0"}}
drain: {{grace: 1s, quiet: 0s}}
workers: 2
unmatched: {unmatched}
listeners:
  - {{name: suite, address: "127.0.0.1:0"{settings}}}
  - {{name: tcp, address: "127.0.0.1:0", service: db}}
{listener}defaults:
  timeout: {{request: {request_s}s}}
  circuit: {{window: 1h, min_requests: {min_requests}}}
  headers: &version {{request: {{set: {{x-version: "{version}"}}}},
                      response: {{set: {{x-version: "{version}"}}}}}}
services:
{service}  one: {{protocol: http1, endpoints: {{static: ["127.0.0.1:{one}"]}}}}
  two: {{protocol: http2, endpoints: {{static: ["127.0.0.1:{two}"]}}}}
  calls: {{protocol: http2, endpoints: {{static: ["127.0.0.1:{grpc}"]}}}}
  streams: {{protocol: http2, endpoints: {{static: ["127.0.0.1:{grpc}"]}}}}
  chat: {{endpoints: {{static: ["127.0.0.1:{one}"]}}}}
  tunnel: {{endpoints: {{static: ["127.0.0.1:{echo}"]}}}}
  db: {{protocol: tcp, headers: off, endpoints: {{static: ["127.0.0.1:{echo}"]}}}}
"""


def configuration(ports, version, listener="", service=""):
    """Half of the versions have a listener and a service more, and settings of all kinds differ."""
    odd = version % 2
    return CONFIGURATION.format(
        **ports, version=version, unmatched="refuse" if odd else "passthrough",
        settings=", via: edge, filters: {without: [trace]}" if odd else "",
        listener=listener or ('  - {name: more, address: "127.0.0.1:0"}\n' if odd else ""),
        service=service or ('  more: {endpoints: {static: ["127.0.0.1:9"]}}\n' if odd else ""),
        request_s=20 + version % 3, min_requests=999_999 + odd)


def bad_files(ports, taken_port, key):
    """(what is wrong, the file), round and round; each would be another version."""
    version = FIRST_BAD
    secure = ('  - {name: secure, address: "127.0.0.1:0", '
              f'tls: {{cert_file: {key}, key_file: {key}}}}}\n')
    absent = ('  more: {endpoints: {static: ["127.0.0.1:9"]}, '
              f'tls: {{ca_file: {key}.absent}}}}\n')
    while True:
        text = configuration(ports, version)
        yield "torn", text[:text.rindex("{") + 1].encode()
        yield "empty", b""
        yield "2 MiB", (text + "#" * (2 << 20)).encode()
        yield "binary", bytes(range(256)) * 16
        yield "mistakes", text.replace("timeout:", "timeuot:").replace("static:", "statc:").encode()
        yield "a port that is taken", configuration(
            ports, version, f'  - {{name: taken, address: "127.0.0.1:{taken_port}"}}\n').encode()
        yield "a key that is none", configuration(ports, version, secure).encode()
        yield "an unknown authority", configuration(ports, version, "", absent).encode()
        version += 1


class Mount:
    """The folder of the configuration, with `outrigger.yaml` in it."""

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "outrigger.yaml"
        self.count = 0
        folder.mkdir()

    def swap_link(self, data):
        """As the kubelet does: a folder of its own, and the link to it in one step."""
        self.count += 1
        new, old = self.folder / f"..{self.count}", self.folder / f"..{self.count - 1}"
        new.mkdir()
        (new / self.file.name).write_bytes(data)
        link = self.folder / "..data_tmp"
        link.symlink_to(new.name)
        link.rename(self.folder / "..data")
        if not self.file.is_symlink():
            self.file.symlink_to(f"..data/{self.file.name}")
        shutil.rmtree(old, ignore_errors=True)

    def rename(self, data):
        aside = self.folder / ".outrigger.yaml"
        aside.write_bytes(data)
        aside.rename(self.file)


class Load:
    """The program with callers and origins."""

    def __init__(self):
        program = programs.go_program("reloads")
        self.process = subprocess.Popen([program, str(CALLS_PER_S)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.ports = self.hear()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise tools.Broken(f"callers: {self.process.stderr.read().strip()[-300:]}")
        return json.loads(line)

    def open(self, **ports):
        self.process.stdin.write(json.dumps(ports) + "\n")
        self.process.stdin.flush()
        self.hear()

    def end(self):
        said, words = self.process.communicate(timeout=END_LIMIT_S)
        if self.process.returncode != 0:
            raise tools.Broken(f"callers: {words.strip()[-300:]}")
        return json.loads(said)


class Swapped(typing.NamedTuple):
    """`strange`: what was not as it should be; `longest_s`: until a file was read."""
    bad: int
    strange: list
    longest_s: float


class Admin:
    def __init__(self, port):
        self.base = f"http://127.0.0.1:{port}"

    def ask(self, path):
        request = urllib.request.Request(self.base + path, headers={"Accept": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.read().decode()

    def files(self):
        """How the files stand to what runs."""
        return json.loads(self.ask("/api/v1/config"))

    def after(self, hash_before):
        """The same once other files were read."""
        ends = time.monotonic() + LIMIT_S
        while (files := self.files())["file"]["hash"] == hash_before:
            if time.monotonic() > ends:
                raise tools.Broken(f"another file was not read within {LIMIT_S} s")
            time.sleep(0.005)
        return files

    def calls(self, service):
        return json.loads(self.ask(f"/api/v1/circuits/{service}"))["counts"]

    def sum(self, metric, **labels):
        """Of all series that have these labels."""
        total = 0
        for said, value in re.findall(rf"^{metric}\{{(.*)\}} (\S+)", self.ask("/metrics"), re.M):
            found = dict(re.findall(r'(\w+)="([^"]*)"', said))
            total += float(value) if labels.items() <= found.items() else 0
        return int(total)


def swap_all(mount, admin, ports, bad):
    """SWAPS good files, and a bad one before every fifth of them."""
    strange, bad_count, longest_s = [], 0, 0.0
    seen = admin.files()

    def swap(number, data):
        nonlocal longest_s
        begun = time.monotonic()
        (mount.swap_link if number <= SWAPS // 2 else mount.rename)(data)
        files = admin.after(seen["file"]["hash"])
        longest_s = max(longest_s, time.monotonic() - begun)
        return files

    for number in range(1, SWAPS + 1):
        if number % BAD_EACH == 0:
            what, data = next(bad)
            was, seen = seen["running"], swap(number, data)
            bad_count += 1
            if seen["running"] != was or not seen["errors"]:
                strange.append(f"{what}: {seen['running']}, {seen['errors'][:1]}")
        seen = swap(number, configuration(ports, number).encode())
        if seen["running"]["hash"] != seen["file"]["hash"] or seen["errors"]:
            strange.append(f"version {number}: {seen['running']}, {seen['errors'][:1]}")
    return Swapped(bad_count, strange, longest_s)


def judge(told, swapped, admin):
    """Cases of what callers and origins saw, and what the sidecar counted meanwhile."""
    def case(name, wrong):
        return Case(name, str(wrong) if wrong else None)

    yield case("every good file is in force, and no bad one", swapped.strange)
    yield case("no call fails or sees two versions", told["wrong"])
    yield case("every version was seen", told["versions"] < SWAPS and told["versions"])
    held, accepted = told["held"], told["accepted"]
    yield case("what is held goes on", (len(held) < 4 or min(held.values()) < SWAPS) and held)
    yield case("no caller needs another connection", told["dialled"])
    yield case("no origin sees another connection", any(accepted.values()) and accepted)
    yield case(f"{CALLS_PER_S} calls a second", told["per_s"] < .95 * CALLS_PER_S and told["per_s"])
    for service, calls in told["calls"].items():
        counts = admin.calls(service)
        yield case(f"the circuit of {service} goes on", counts["failed"] or counts["total"] != calls
                   and f"{counts} of {calls}")
        counted = admin.sum("outrigger_requests_total", service=service, outcome="success")
        yield case(f"counters of {service} go on", counted != calls and f"{counted} of {calls}")
    yield case("nothing is repeated", admin.sum("outrigger_retries_total"))


@contextlib.contextmanager
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        yield somebody.getsockname()[1]


def reloads(scratch):
    load = Load()
    try:
        mount = Mount(scratch / "mount")
        key = scratch / "no-key.pem"
        key.write_text("no key")
        mount.swap_link(configuration(load.ports, 0).encode())
        with taken_port() as taken, tools.sidecar_of(scratch, mount.folder) as sidecar:
            admin = Admin(sidecar.port_of("admin"))
            load.open(outbound=sidecar.port, tcp=sidecar.port_of("tcp"))
            begun = time.monotonic()
            swapped = swap_all(mount, admin, load.ports, bad_files(load.ports, taken, key))
            took_s = time.monotonic() - begun
            told = load.end()
            cases = list(judge(told, swapped, admin))
    finally:
        load.process.kill()
        load.process.wait()
    calls, wrong = sum(told["calls"].values()), sum(told["wrong"].values())
    print(f"reloads: {SWAPS} files and {swapped.bad} bad ones in {took_s:.0f} s, read within "
          f"{swapped.longest_s:.2f} s; {calls} calls, {told['per_s']:.0f} a second, {wrong} wrong; "
          f"p50 {told['p50_ms']:.2f} ms, p99 {told['p99_ms']:.2f} ms, most {told['most_ms']:.1f} "
          f"ms; messages of what is held {told['held']}", flush=True)
    return cases
