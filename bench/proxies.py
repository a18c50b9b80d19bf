"""Starts the proxies and the origin on their cores, and reads what a process tree has used."""
import atexit
import contextlib
import functools
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "release"

# The proxy has one core, generator and origin share the other.
LOAD_CPU, PROXY_CPU = sorted(os.sched_getaffinity(0))[:2]

# name: command; @CONFIG@ and @DIR@ are filled in.
COMMANDS = {
    "outrigger": [str(BUILD / "outrigger"), "run", "-c", "@CONFIG@"],
    "outrigger-no-retry": [str(BUILD / "outrigger"), "run", "-c", "@CONFIG@"],
    "haproxy": ["haproxy", "-db", "-f", "@CONFIG@"],
    "nginx": ["nginx", "-p", "@DIR@", "-c", "@CONFIG@", "-g", "daemon off;"],
    "nghttpx": ["nghttpx", "--conf=@CONFIG@"],
}


class Kind:
    """What is spoken on both sides of the proxies."""

    def __init__(self, origin, generator, templates):
        self.origin = origin
        self.generator = generator
        self.templates = templates  # {proxy: file in peers/}


HTTP1 = Kind(["bench_origin", "@PORT@"], ["bench_load"],
             {"outrigger": "outrigger.yaml", "outrigger-no-retry": "outrigger-no-retry.yaml",
              "haproxy": "haproxy.cfg", "nginx": "nginx.conf", "nghttpx": "nghttpx.conf"})
# gRPC-like calls over h2c; the product needs no word about it.
HTTP2 = Kind(["bench_h2_origin", "@PORT@"], ["bench_h2_load"],
             {"outrigger": "outrigger.yaml", "haproxy": "haproxy-h2.cfg",
              "nghttpx": "nghttpx-h2.conf"})
# HTTP/1.1 over TLS 1.3.
TLS = Kind(["bench_origin", "@PORT@", "@TLS@/cert.pem", "@TLS@/key.pem"], ["bench_load", "--tls"],
           {"outrigger": "outrigger-tls.yaml", "haproxy": "haproxy-tls.cfg"})
# The same calls as HTTP1, by proxies that do not look.
TCP = Kind(HTTP1.origin, HTTP1.generator,
           {"outrigger": "outrigger-tcp.yaml", "haproxy": "haproxy-tcp.cfg"})


def is_installed(name):
    return shutil.which(COMMANDS[name][0]) is not None


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare_child(cpu):
    def prepare():
        os.sched_setaffinity(0, {cpu})
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (40000, 40000))
    return prepare


def wait_for_port(port, process, seconds):
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        if process.poll() is not None:
            raise SystemExit(f"bench: {process.args} ended with {process.returncode} at once")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise SystemExit(f"bench: {process.args} does not listen")


def stop(process, seconds=60):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise SystemExit(f"bench: {process.args} did not end on SIGTERM") from None


@functools.cache
def certificates():
    """The folder with the one certificate of all sides; gone with this process."""
    folder = tempfile.TemporaryDirectory(prefix="outrigger-bench-tls-")
    atexit.register(folder.cleanup)
    os.chmod(folder.name, 0o755)
    cert, key = (pathlib.Path(folder.name) / name for name in ("cert.pem", "key.pem"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "30", "-subj", "/CN=origin.test",
                    "-addext", "subjectAltName=DNS:origin.test"],
                   check=True, stderr=subprocess.DEVNULL)
    (cert.parent / "both.pem").write_text(cert.read_text() + key.read_text())
    return folder.name


@contextlib.contextmanager
def origin(kind=HTTP1):
    """Yields the port of a running origin."""
    port = free_port()
    values = {"PORT": str(port), "TLS": certificates() if kind is TLS else ""}
    program, *arguments = (filled(word, values) for word in kind.origin)
    process = subprocess.Popen([BUILD / program, *arguments], preexec_fn=prepare_child(LOAD_CPU))
    try:
        wait_for_port(port, process, 5)
        yield port
    finally:
        stop(process)


class Proxy:
    """One running proxy: its port, and what its process tree has used."""

    def __init__(self, name, kind, port, process):
        self.name = name
        self.kind = kind
        self.port = port
        self.process = process

    def pids(self):
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                waiting += [int(child) for child in (task / "children").read_text().split()]
        return found

    def threads(self):
        return [task for pid in self.pids() for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]

    def cpu_ns(self):
        """Time on a core, user and kernel, to the nanosecond."""
        return sum(int((task / "schedstat").read_text().split()[0]) for task in self.threads())

    def rss_kb(self):
        total = 0
        for pid in self.pids():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += int(status.split("VmRSS:")[1].split()[0])
        return total


@contextlib.contextmanager
def proxy(name, origin_port, kind=HTTP1, prefix=(), environment=None):
    """Yields a running Proxy; `prefix` is put before its command (valgrind)."""
    template, command = kind.templates[name], COMMANDS[name]
    with tempfile.TemporaryDirectory(prefix="outrigger-bench-") as folder:
        # Workers that gave up root still write here.
        os.chmod(folder, 0o777)
        port = free_port()
        values = {"PORT": str(port), "ORIGIN": str(origin_port), "DIR": folder,
                  "CONFIG": f"{folder}/{template}",
                  "TLS": certificates() if kind is TLS else ""}
        text = (HERE / "peers" / template).read_text()
        pathlib.Path(values["CONFIG"]).write_text(filled(text, values))
        log = pathlib.Path(folder) / "log"
        with log.open("w") as output:
            process = subprocess.Popen([*prefix, *(filled(word, values) for word in command)],
                                       stdout=output, stderr=output, stdin=subprocess.DEVNULL,
                                       env={**os.environ, **(environment or {})},
                                       preexec_fn=prepare_child(PROXY_CPU))
        try:
            wait_for_port(port, process, 60)
            yield Proxy(name, kind, port, process)
        except SystemExit:
            print(log.read_text())
            raise
        finally:
            if process.poll() is None:
                stop(process)


def filled(text, values):
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


def load(port, kind=HTTP1, **options):
    """Runs the generator to its end; returns what it printed. An option that is True is a flag."""
    words = []
    for key, value in options.items():
        words += [f"--{key}"] if value is True else [f"--{key}", str(value)]
    done = subprocess.run([*generator(kind), "--port", str(port), *words], check=True,
                          stdout=subprocess.PIPE, preexec_fn=prepare_child(LOAD_CPU))
    return json.loads(done.stdout)


def generator(kind):
    program, *arguments = kind.generator
    return [BUILD / program, *arguments]


@contextlib.contextmanager
def idle_connections(port, number, kind=HTTP1):
    """Holds that many connections, each of which has made one call."""
    process = subprocess.Popen(
        [*generator(kind), "--port", str(port), "--connections", str(number), "--idle"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=prepare_child(LOAD_CPU))
    try:
        if process.stdout.readline().strip() != b"ready":
            raise SystemExit("bench: the idle connections could not be made")
        yield
    finally:
        process.stdin.close()
        process.wait()


@contextlib.contextmanager
def awake_cores():
    """Keeps both cores from sleeping, with work that anything else pushes aside: what a virtual
    machine needs to wake a core would drown the latencies."""
    def prepare(cpu):
        def run():
            os.sched_setaffinity(0, {cpu})
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        return run
    spinners = [subprocess.Popen(["sh", "-c", "while :; do :; done"], preexec_fn=prepare(cpu))
                for cpu in (LOAD_CPU, PROXY_CPU)]
    try:
        yield
    finally:
        for spinner in spinners:
            spinner.kill()
            spinner.wait()
