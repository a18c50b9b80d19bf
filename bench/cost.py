"""`./dev bench cost`: what a request and a connection cost, in figures that a busy machine does not
move. Each figure is the difference between a run of N and one of 2N requests, so that start-up and
the opening of connections cancel."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time

import proxies

CONNECTIONS = 64
IDLE_CONNECTIONS = 10_000
CALLGRIND_REQUESTS = 3000
STRACE_REQUESTS = 20_000
MALLOC_REQUESTS = 20_000


def requests(proxy, number, connections=CONNECTIONS):
    result = proxies.load(proxy.port, connections=connections, requests=number)
    if result["errors"] or result["requests"] != number:
        raise SystemExit(f"bench: {proxy.name} answered {result['requests']} of {number} requests")


def instructions_total(name, origin_port, number):
    with tempfile.TemporaryDirectory(prefix="outrigger-callgrind-") as folder:
        os.chmod(folder, 0o777)  # for workers that gave up root
        valgrind = ["valgrind", "--tool=callgrind", "--trace-children=yes", "--quiet",
                    f"--callgrind-out-file={folder}/%p"]
        with proxies.proxy(name, origin_port, prefix=valgrind) as proxy:
            requests(proxy, number, connections=16)
        totals = 0
        for file in pathlib.Path(folder).iterdir():
            found = re.search(r"^(?:totals|summary): (\d+)", file.read_text(), re.M)
            totals += int(found.group(1)) if found else 0
        return totals


def instructions(name, origin_port):
    """User instructions per request, libraries included."""
    once = instructions_total(name, origin_port, CALLGRIND_REQUESTS)
    twice = instructions_total(name, origin_port, 2 * CALLGRIND_REQUESTS)
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


def syscalls(name, origin_port):
    """Calls of the kernel per request, and {syscall: share of that}."""
    with proxies.proxy(name, origin_port) as proxy:
        requests(proxy, 1000)
        once = syscalls_total(proxy, STRACE_REQUESTS)
        twice = syscalls_total(proxy, 2 * STRACE_REQUESTS)
    each = {call: (twice[call] - once.get(call, 0)) / STRACE_REQUESTS for call in twice}
    return sum(each.values()), each


def allocations(name, origin_port):
    """Calls of malloc and its kin per request, after a warm-up."""
    with tempfile.NamedTemporaryFile() as count:
        count.write(bytes(8))
        count.flush()
        environment = {"LD_PRELOAD": str(proxies.BUILD / "malloc_count.so"),
                       "OUTRIGGER_MALLOC_COUNT": count.name}
        with proxies.proxy(name, origin_port, environment=environment) as proxy:
            requests(proxy, MALLOC_REQUESTS)
            marks = [read_count(count)]
            for times in (1, 2):
                requests(proxy, times * MALLOC_REQUESTS)
                marks.append(read_count(count))
    if marks[0] == 0:
        raise SystemExit(f"bench: {name} runs without the allocation counter")
    return ((marks[2] - marks[1]) - (marks[1] - marks[0])) / MALLOC_REQUESTS


def read_count(file):
    return int.from_bytes(pathlib.Path(file.name).read_bytes()[:8], "little")


def memory(name, origin_port):
    """Resident kB of the process tree at rest, and with many idle connections."""
    with proxies.proxy(name, origin_port) as proxy:
        at_rest = proxy.rss_kb()
        with proxies.idle_connections(proxy.port, IDLE_CONNECTIONS):
            return at_rest, proxy.rss_kb()


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


def run(name):
    """True when every limit holds. The limits are the product's; peers are only measured."""
    ours = name == "outrigger"
    print(f"\n{name}")
    table = Table()
    with proxies.origin() as port:
        spent = instructions(name, port)
        table.row("user instructions per request", spent, 20_000 if ours else None)
        if ours:
            without = instructions("outrigger-no-retry", port)
            table.row("  of which retry, unused", spent - without, 400)
        calls, each = syscalls(name, port)
        parts = sorted(each.items(), key=lambda item: -item[1])
        note = ", ".join(f"{call} {number:.2f}" for call, number in parts if number >= 0.015)
        table.row(f"syscalls per request, {CONNECTIONS} connections", calls, 4.5 if ours else None,
                  digits=2, note=note)
        table.row("allocations per request", allocations(name, port), 0 if ours else None, digits=2)
        at_rest, loaded = memory(name, port)
        growth = loaded - at_rest
        table.row("resident MB at rest", at_rest / 1024, 10 if ours else None, digits=1)
        table.row(f"growth over {IDLE_CONNECTIONS:,} idle connections, MB", growth / 1024,
                  10 if ours else None, digits=1)
        table.row("  bytes per idle connection", growth * 1024 / IDLE_CONNECTIONS)
    return table.is_within
