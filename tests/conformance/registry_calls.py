"""Instances that a registry may list, and 500 calls a second through the sidecar that asks it."""
import asyncio
import collections
import contextlib
import json
import signal
import socket
import subprocess
import threading
import time
import urllib.request

import tools

CALLS_PER_S = 500
CONNECTIONS = 20
PORT, ADMIN = 15001, 9901  # in a network namespace of our own

CONFIGURATION = """\
admin: {{address: "127.0.0.1:{admin}"}}
metrics: {{address: "127.0.0.1:0"}}
drain: {{grace: 1s, quiet: 0s}}
listeners: [{{name: suite, address: "127.0.0.1:{port}"}}]
snapshot: {{dir: {kept}}}
registries: {{{registry}}}
services:
"""
SERVICE = """\
  {name}:
    hosts: [{name}]
    endpoints: {{{source}}}
    retry: {{attempts: 3}}
"""


class Instances:
    """Servers that answer with their address, on a loop of their own thread; and the calls. Only
    what is asked from other threads has a lock."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.servers = {}
        self.last_seen = {}  # by address: when a call went there last
        self.answered = collections.Counter()  # by host and address
        self.failed = {}  # by host: how many, and how the first one
        self.calling, self.ends = [], False

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def start(self, address):
        writers = []

        async def serve(reader, writer):
            writers.append(writer)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" %
                                 (len(address), address.encode()))
                    await writer.drain()
            writer.close()

        host, port = address.rsplit(":", 1)
        self.servers[address] = (self.run(asyncio.start_server(serve, host.strip("[]"), int(port))),
                                 writers)

    def kill(self, address):
        async def end(server, writers):
            server.close()
            for writer in writers:
                writer.transport.abort()
        self.run(end(*self.servers.pop(address)))

    async def call(self, stream, host):
        """The address that answered, and the connection for the next call."""
        if stream is None:
            stream = await asyncio.open_connection("127.0.0.1", PORT)
        reader, writer = stream
        writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        if not head.startswith(b"HTTP/1.1 200"):
            writer.close()
            raise OSError((head[:300] + body).decode())
        return body.decode(), stream

    async def go_on_calling(self, host, rest_s):
        stream = None
        while not self.ends:
            began = time.monotonic()
            try:
                address, stream = await self.call(stream, host)
                self.last_seen[address] = time.monotonic()
                self.answered[host, address] += 1
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError,
                    IndexError) as why:
                count, first = self.failed.get(host, (0, f"{type(why).__name__} {why}"))
                self.failed[host] = count + 1, first
                stream = None
            await asyncio.sleep(max(0.001, rest_s - (time.monotonic() - began)))

    def begin_calls(self, hosts=("orders",)):
        connections = max(CONNECTIONS, len(hosts))

        async def begin():
            self.calling = [self.loop.create_task(self.go_on_calling(
                hosts[i % len(hosts)], connections / CALLS_PER_S)) for i in range(connections)]
        self.run(begin())

    def end_calls(self):
        async def end():
            await asyncio.gather(*self.calling)
        self.ends = True
        self.run(end())
        self.calling, self.ends = [], False

    def take_failures(self):
        """In words, or None."""
        failed, self.failed = self.failed, {}
        return "; ".join(f"{count} calls to {host} failed: {first}"
                         for host, (count, first) in failed.items()) or None

    def seen_since(self, address, moment):
        return self.last_seen.get(address, 0) > moment

    def close(self):
        self.end_calls()
        for address in list(self.servers):
            self.kill(address)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Sidecar:
    """The product; what it keeps on disk is there for its next start."""

    def __init__(self, scratch, registry, sources):
        self.file, self.log, self.kept = (scratch / name for name in ("a.yaml", "log", "kept"))
        text = CONFIGURATION.format(port=PORT, admin=ADMIN, kept=self.kept, registry=registry)
        self.file.write_text(text + "".join(SERVICE.format(name=name, source=source)
                                            for name, source in sources.items()))
        self.process = None

    def start(self):
        if not tools.OUTRIGGER.exists():
            raise tools.Broken(f"there is no {tools.OUTRIGGER}: ./dev build")
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([tools.OUTRIGGER, "run", "-c", self.file],
                                            stdin=subprocess.DEVNULL, stderr=log)

    def stop(self, number=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(number)
            status = self.process.wait(20)
            self.process = None
            if number == signal.SIGTERM and status != 0:
                raise tools.Broken(f"outrigger ended with {status}")

    def resident_bytes(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            return next(int(line.split()[1]) * 1024 for line in status
                        if line.startswith("VmRSS"))

    def ask(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{ADMIN}{path}", timeout=5) as answer:
            return answer.read().decode()

    def service(self, name="orders"):
        return json.loads(self.ask(f"/api/v1/services/{name}"))

    def last_error(self, name="orders"):
        return self.service(name)["discovery"]["last_error"] or ""

    def metric(self, name, label=""):
        """The sum of all that have that label."""
        return sum(float(line.rsplit(" ", 1)[1]) for line in self.ask("/metrics").splitlines()
                   if line.startswith((name + "{", name + " ")) and label in line)

    def keeps(self, addresses):
        """Whether all of these are on the disk."""
        texts = [file.read_text(errors="replace") for file in self.kept.rglob("*")
                 if file.is_file()]
        return all(any(f'"{address}"' in text for text in texts) for address in addresses)


def first_answer_s(began, host="orders"):
    """How long after that moment the first call was answered."""
    while time.monotonic() - began < 10:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", PORT), 1) as one:
            one.settimeout(5)
            one.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            if one.recv(100).startswith(b"HTTP/1.1 200"):
                return time.monotonic() - began
        time.sleep(0.01)
    return float("inf")
