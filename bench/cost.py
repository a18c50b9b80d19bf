"""`./dev bench cost`: what a request and a connection cost, in figures that a busy machine does not
move. Each figure is the difference between a run of N and one of 2N requests, so that start-up and
the opening of connections cancel."""
import os
import pathlib
import re
import resource
import signal
import subprocess
import tempfile
import time

import proxies

IDLE_CONNECTIONS = 10_000
IDLE_H2_CONNECTIONS = 2_000
# Each takes two descriptors of one process.
IDLE_TUNNELS = min(10_000, (resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 200) // 2)
CALLGRIND_REQUESTS = 3000
STRACE_REQUESTS = 20_000
MALLOC_REQUESTS = 20_000


# What each kind of request is measured with, and what it is measured with under callgrind.
LOADS = {proxies.HTTP1: {"connections": 64}, proxies.TLS: {"connections": 64},
         proxies.HTTP2: {"connections": 8, "streams": 16}}
SLOW_LOADS = LOADS | {proxies.HTTP1: {"connections": 16}, proxies.TLS: {"connections": 16}}


def requests(proxy, number, loads=LOADS):
    result = proxies.load(proxy.port, proxy.kind, requests=number, **loads[proxy.kind])
    if result["errors"] or result["requests"] != number:
        raise SystemExit(f"bench: {proxy.name} answered {result['requests']} of {number} requests, "
                         f"{result['errors']} wrongly")


def instructions_total(name, origin_port, kind, number):
    with tempfile.TemporaryDirectory(prefix="outrigger-callgrind-") as folder:
        os.chmod(folder, 0o777)  # for workers that gave up root
        valgrind = ["valgrind", "--tool=callgrind", "--trace-children=yes", "--quiet",
                    f"--callgrind-out-file={folder}/%p"]
        with proxies.proxy(name, origin_port, kind, prefix=valgrind) as proxy:
            requests(proxy, number, SLOW_LOADS)
        totals = 0
        for file in pathlib.Path(folder).iterdir():
            found = re.search(r"^(?:totals|summary): (\d+)", file.read_text(), re.M)
            totals += int(found.group(1)) if found else 0
        return totals


def instructions(name, origin_port, kind):
    """User instructions per request, libraries included."""
    once = instructions_total(name, origin_port, kind, CALLGRIND_REQUESTS)
    twice = instructions_total(name, origin_port, kind, 2 * CALLGRIND_REQUESTS)
    return (twice - once) / CALLGRIND_REQUESTS


def is_traced(task):
    return "TracerPid:\t0\n" not in (task / "status").read_text()


def syscalls_total(proxy, number):
    """{syscall: calls} of one run."""
    with tempfile.NamedTemporaryFile("r") as report:
        attach = [word for pid in proxy.pids() for word in ("-p", str(pid))]
        strace = subprocess.Popen(["strace", "-f", "-c", "-o", report.name, *attach],
                                  stderr=subprocess.DEVNULL)
        try:
            while strace.poll() is None and not all(is_traced(task) for task in proxy.threads()):
                time.sleep(0.02)
            if strace.poll() is not None:
                raise SystemExit("bench: strace could not attach")
            requests(proxy, number)
        finally:
            strace.send_signal(signal.SIGINT)
            strace.wait()
        rows = re.findall(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+)(?: +\d+)? +(\w+)$", report.read(), re.M)
    return {name: int(calls) for calls, name in rows if name != "total"}


def syscalls(name, origin_port, kind):
    """Calls of the kernel per request, and {syscall: share of that}."""
    with proxies.proxy(name, origin_port, kind) as proxy:
        requests(proxy, 1000)
        once = syscalls_total(proxy, STRACE_REQUESTS)
        twice = syscalls_total(proxy, 2 * STRACE_REQUESTS)
    each = {call: (twice[call] - once.get(call, 0)) / STRACE_REQUESTS for call in twice}
    return sum(each.values()), each


def allocations(name, origin_port, kind):
    """Calls of malloc and its kin per request, after a warm-up."""
    with tempfile.NamedTemporaryFile() as count:
        count.write(bytes(8))
        count.flush()
        environment = {"LD_PRELOAD": str(proxies.BUILD / "malloc_count.so"),
                       "OUTRIGGER_MALLOC_COUNT": count.name}
        with proxies.proxy(name, origin_port, kind, environment=environment) as proxy:
            requests(proxy, MALLOC_REQUESTS)
            marks = [read_count(count)]
            for times in (1, 2):
                requests(proxy, times * MALLOC_REQUESTS)
                marks.append(read_count(count))
    if marks[0] == 0:
        raise SystemExit(f"bench: {name} runs without the allocation counter")
    # One block more or less may come with the opening of a run's connections.
    return max(0, ((marks[2] - marks[1]) - (marks[1] - marks[0])) / MALLOC_REQUESTS)


def read_count(file):
    return int.from_bytes(pathlib.Path(file.name).read_bytes()[:8], "little")


def resident(name, origin_port, kind):
    """kB of the process tree at rest."""
    with proxies.proxy(name, origin_port, kind) as proxy:
        return proxy.rss_kb()


def grown(name, origin_port, kind, connections):
    """By how many kB the process tree grows over so many idle connections."""
    with proxies.proxy(name, origin_port, kind) as proxy:
        at_rest = proxy.rss_kb()
        with proxies.idle_connections(proxy.port, connections, kind):
            return proxy.rss_kb() - at_rest


class Table:
    """Prints rows as they are measured and remembers whether a limit was missed."""

    def __init__(self):
        self.is_within = True
        print(f"{'':44}{'measured':>12}{'limit':>12}")

    def row(self, what, value, limit=None, digits=0, note=""):
        verdict = ""
        if limit is not None and round(value, digits) > limit:
            self.is_within = False
            verdict = "MISSED"
        shown = "" if limit is None else f"{limit:,}"
        print(f"{what:44}{value:>12,.{digits}f}{shown:>12}  {verdict}{note}", flush=True)


class Costs:
    """Measures one proxy. The limits are the product's; peers are only measured."""

    def __init__(self, name):
        self.name = name
        self.table = Table()

    def row(self, what, value, limit=None, **options):
        self.table.row(what, value, limit if self.name == "outrigger" else None, **options)

    def syscalls(self, port, kind, what, limit):
        calls, each = syscalls(self.name, port, kind)
        parts = sorted(each.items(), key=lambda item: -item[1])
        note = ", ".join(f"{call} {number:.2f}" for call, number in parts if number >= 0.015)
        self.row(what, calls, limit, digits=2, note=note)

    def resident(self, port, kind, what, limit):
        self.row(what, resident(self.name, port, kind) / 1024, limit, digits=1)

    def growth(self, port, kind, connections, limit=None, limit_each=None):
        growth = grown(self.name, port, kind, connections)
        self.row(f"growth over {connections:,} idle connections, MB", growth / 1024, limit,
                 digits=1)
        self.row("  bytes per idle connection", growth * 1024 / connections, limit_each)

    def http1(self):
        with proxies.origin() as port:
            spent = instructions(self.name, port, proxies.HTTP1)
            self.row("user instructions per request", spent, 20_000)
            if self.name == "outrigger":
                without = instructions("outrigger-no-retry", port, proxies.HTTP1)
                self.row("  of which retry, unused", spent - without, 400)
            self.syscalls(port, proxies.HTTP1, "syscalls per request, 64 connections", 4.5)
            self.row("allocations per request", allocations(self.name, port, proxies.HTTP1), 0,
                     digits=2)
            self.resident(port, proxies.HTTP1, "resident MB at rest", 10)
            self.growth(port, proxies.HTTP1, IDLE_CONNECTIONS, 10)

    def http2(self):
        with proxies.origin(proxies.HTTP2) as port:
            self.row("HTTP/2: user instructions per request",
                     instructions(self.name, port, proxies.HTTP2))
            self.syscalls(port, proxies.HTTP2, "HTTP/2: syscalls per request, 8 x 16 streams", 0.35)
            self.row("HTTP/2: allocations per request",
                     allocations(self.name, port, proxies.HTTP2), 0, digits=2)
            self.growth(port, proxies.HTTP2, IDLE_H2_CONNECTIONS)

    def tls(self):
        with proxies.origin(proxies.TLS) as port:
            self.row("TLS: user instructions per request",
                     instructions(self.name, port, proxies.TLS))
            self.row("TLS: allocations per request",
                     allocations(self.name, port, proxies.TLS), 0, digits=2)
            self.resident(port, proxies.TLS, "TLS: resident MB at rest", 14)

    def tcp(self):
        with proxies.origin(proxies.TCP) as port:
            print("Tunnels:")
            self.growth(port, proxies.TCP, IDLE_TUNNELS, limit_each=4096)


def run(name):
    """True when every limit holds."""
    print(f"\n{name}")
    costs = Costs(name)
    for kind, measure in ((proxies.HTTP1, costs.http1), (proxies.HTTP2, costs.http2),
                          (proxies.TLS, costs.tls), (proxies.TCP, costs.tcp)):
        if name in kind.templates:
            measure()
    return costs.table.is_within
