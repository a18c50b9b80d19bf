"""20,000 gRPC calls while their upstreams come and go: `./dev conformance --soak`.

h2load calls through the sidecar, over h2c, two instances of nghttpx, each before one nghttpd that
stays. Every second one instance ends, in turn gracefully (GOAWAY, then the end), at once, and
killed; and is begun anew. The other one serves meanwhile: none ends before both do. All calls may
be repeated, by the defaults of `retry` but for how often: none may be lost, and the sidecar may not
grow.
"""
import contextlib
import itertools
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request

import tools
from tools import Case

CALLS = 20_000
WARM_UP_CALLS = 4_000
CALLERS = 8
CALLS_PER_S = 100  # of each caller
EVERY_S = 1.0
# Slabs and arenas of the allocator settle within that.
GROWTH_MAX_KB = 2_048
MESSAGE = b"\0\0\0\0\x20" + b"m" * 32
PATH = "soak.Soak/Call.grpc"
ENDS = {"gracefully": signal.SIGQUIT, "at once": signal.SIGTERM, "killed": signal.SIGKILL}

CONFIGURATION = """\
admin: {{address: "127.0.0.1:0"}}
metrics: {{address: "127.0.0.1:0"}}
drain: {{grace: 1s, quiet: 0s}}
listeners: [{{name: suite, address: "127.0.0.1:0", service: origin}}]
services:
  origin:
    protocol: http2
    endpoints: {{static: ["127.0.0.1:{first}", "127.0.0.1:{second}"]}}
    retry: {{attempts: 3, grpc: ["/soak.Soak/*"]}}
"""


class Instance:
    """One upstream, on a port of its own, through all its lives."""

    def __init__(self, behind):
        self.port = tools.free_port()
        self.command = [
            tools.debian_tool("nghttpx", "nghttp2-proxy"), "--conf=/dev/null", "--workers=1",
            "--errorlog-file=/dev/null", f"--frontend=127.0.0.1,{self.port};no-tls",
            f"--backend=127.0.0.1,{behind};;proto=h2"]
        self.process = None

    def begin(self):
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)

    def end(self, how):
        """It is two processes, of which the first passes on all signals but one."""
        if how == signal.SIGKILL:
            os.killpg(self.process.pid, how)
        else:
            self.process.send_signal(how)
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def await_start(self):
        tools.eventually(lambda: tools.accepts(self.port), "nghttpx", self.process)


class Restarts(threading.Thread):
    """Ends and begins one instance after the other until it is told to stop."""

    def __init__(self, instances):
        super().__init__(daemon=True)
        self.instances = instances
        self.over = threading.Event()
        self.count = dict.fromkeys(ENDS, 0)
        self.broken = None

    def run(self):
        turns = zip(itertools.cycle(self.instances), itertools.cycle(ENDS))
        while not self.over.wait(EVERY_S):
            instance, how = next(turns)
            instance.end(ENDS[how])
            instance.begin()
            try:
                instance.await_start()
            except tools.Broken as broken:
                self.broken = broken
                return
            self.count[how] += 1

    def stop(self):
        self.over.set()
        self.join()
        if self.broken:
            raise self.broken


@contextlib.contextmanager
def instances(scratch):
    root = scratch / "soak"
    (root / PATH).parent.mkdir(parents=True)
    (root / PATH).write_bytes(MESSAGE)
    (scratch / "mime.types").write_text("application/grpc grpc\n")
    port = tools.free_port()
    nghttpd = [tools.debian_tool("nghttpd", "nghttp2-server"), "--no-tls", "-a", "127.0.0.1", "-d",
               root, f"--mime-types-file={scratch / 'mime.types'}", "--trailer=grpc-status: 0",
               "--no-content-length", str(port)]
    with tools.server(nghttpd, port):
        both = [Instance(port), Instance(port)]
        try:
            for one in both:
                one.begin()
                one.await_start()
            yield both
        finally:
            for one in both:
                if one.process is not None:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(one.process.pid, signal.SIGKILL)
                    one.process.wait()


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return int(re.search(r"^VmRSS:\s*(\d+)", status.read(), re.M)[1])


def outcomes(port):
    """How many calls ended how, as the sidecar counts them."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found = {}
    for labels, value in re.findall(r"^outrigger_requests_total\{(.*)\} (\d+)", text, re.M):
        said = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        key = f"{said['outcome']} {said.get('grpc_code', '')}"
        found[key] = found.get(key, 0) + int(value)
    retries = sum(map(int, re.findall(r"^outrigger_retries_total\{.*\} (\d+)", text, re.M)))
    return {key: count for key, count in found.items() if count}, retries


def call(port, calls, scratch):
    """What h2load says went wrong; nothing if all got their message."""
    (scratch / "message").write_bytes(MESSAGE)
    _, said = tools.run(
        [tools.debian_tool("h2load", "nghttp2-client"), "-n", str(calls), "-c", str(CALLERS), "-m",
         "16", f"--rps={CALLS_PER_S}", "-d", scratch / "message", "-H",
         "content-type: application/grpc", "-H", "te: trailers",
         f"http://127.0.0.1:{port}/{PATH}"], 120)
    good = re.search(r"^status codes: (\d+) 2xx", said, re.M)
    data = re.search(r"\((\d+)\) data", said)
    if good and data and int(good[1]) == calls and int(data[1]) == calls * len(MESSAGE):
        return None
    return " ".join(said[-700:].split())


def soak(scratch):
    with instances(scratch) as both:
        text = CONFIGURATION.format(first=both[0].port, second=both[1].port)
        with tools.sidecar_with(scratch, text) as sidecar:
            begun = time.monotonic()
            restarts = Restarts(both)
            restarts.start()
            try:
                wrong = call(sidecar.port, WARM_UP_CALLS, scratch)
                before_kb = resident_kb(sidecar.pid)
                wrong = wrong or call(sidecar.port, CALLS - WARM_UP_CALLS, scratch)
            finally:
                restarts.stop()
            after_kb = resident_kb(sidecar.pid)
            ended, retries = outcomes(sidecar.metrics_port)
    ends = ", ".join(f"{count} {how}" for how, count in restarts.count.items())
    print(f"soak: {CALLS} gRPC calls in {time.monotonic() - begun:.0f} s, upstreams ended {ends}; "
          f"{retries} retries; {ended}; resident {before_kb} KiB, then {after_kb} KiB", flush=True)
    lost = None if ended == {"success 0": CALLS} else f"the sidecar counts {ended}"
    grown = after_kb - before_kb
    return [Case(f"{CALLS} calls, none lost", wrong or lost),
            Case(f"memory grows by at most {GROWTH_MAX_KB} KiB",
                 f"it grew by {grown} KiB" if grown > GROWTH_MAX_KB else None)]
