"""`./dev bench reload`: what another configuration of 1,000 services and 10,000 endpoints costs, of
which one key is another: the longest turn of a worker, in instructions, and the memory that reloads
leave behind."""
import pathlib
import re
import subprocess
import tempfile
import time
import urllib.request

import proxies

SERVICES, ENDPOINTS = 1_000, 10_000
INSTRUCTIONS_MOST = 5_000_000
RELOADS = 200
GROWTH_MOST_KIB = 1024


def configuration(port, admin, request_s):
    lines = [f"admin: {{address: '127.0.0.1:{admin}'}}", "metrics: off",
             f"listeners: [{{name: outbound, address: '127.0.0.1:{port}'}}]", "services:"]
    for i in range(SERVICES):
        static = ", ".join(f"'10.{i // 250}.{i % 250}.{j + 1}:80'"
                           for j in range(ENDPOINTS // SERVICES))
        lines.append(f"  s{i}: {{timeout: {{request: {request_s if i == 0 else 15}s}}, "
                     f"endpoints: {{static: [{static}]}}}}")
    return "\n".join(lines) + "\n"


def longest_turn():
    """Instructions of each turn of the worker that took part in one reload; the most of them."""
    with tempfile.TemporaryDirectory(prefix="outrigger-callgrind-") as folder:
        subprocess.run(["valgrind", "--tool=callgrind", "--quiet",
                        f"--callgrind-out-file={folder}/turn", str(proxies.BUILD / "bench_reload"),
                        str(SERVICES), str(ENDPOINTS)], check=True)
        turns = []
        for file in pathlib.Path(folder).iterdir():
            text = file.read_text()
            if "desc: Trigger: Client Request" not in text:
                continue
            turns.append(int(re.search(r"^(?:totals|summary): (\d+)", text, re.M).group(1)))
        return max(turns)


def rss_kib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1))


def reload(admin):
    url = f"http://127.0.0.1:{admin}/api/v1/config/reload"
    with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=60) as answer:
        if answer.status not in (200, 202):
            raise SystemExit(f"bench: a reload was answered with {answer.status}")


def growth():
    """KiB between the second and the last of the reloads."""
    port, admin = proxies.free_port(), proxies.free_port()
    with tempfile.TemporaryDirectory(prefix="outrigger-reload-") as folder:
        file = pathlib.Path(folder) / "outrigger.yaml"
        file.write_text(configuration(port, admin, 10))
        process = subprocess.Popen([str(proxies.BUILD / "outrigger"), "run", "-c", str(file)],
                                   stderr=subprocess.DEVNULL)
        try:
            proxies.wait_for_port(admin, process, 30)
            before = 0
            for i in range(RELOADS):
                file.write_text(configuration(port, admin, 10 + i % 2))
                reload(admin)
                if i == 1:
                    time.sleep(1)
                    before = rss_kib(process.pid)
            time.sleep(1)
            return rss_kib(process.pid) - before
        finally:
            process.kill()
            process.wait()


def run():
    turn = longest_turn()
    more_kib = growth()
    print(f"longest turn of a worker   {turn:>12,} instructions, at most {INSTRUCTIONS_MOST:,}")
    print(f"growth after {RELOADS} reloads   {more_kib:>12,} KiB, at most {GROWTH_MOST_KIB:,}")
    return turn <= INSTRUCTIONS_MOST and more_kib <= GROWTH_MOST_KIB
