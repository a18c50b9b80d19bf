"""Real registries under 500 calls a second: `./dev conformance registries`.

For each registry the same story: an instance is added, taken out, killed; the registry is frozen,
restarted, and says that there is nothing; at last it is gone and the sidecar begins anew from what
it kept. No call fails, a change reaches calls within a second of the registry's own answer (of
Eureka, within its refresh), and the first call after a start without a registry is answered within
a second.
"""
import asyncio
import contextlib
import signal
import socket
import subprocess
import threading
import time

import registry_servers
import tools
from tools import Case

CALLS_PER_S = 500
CONNECTIONS = 20
CHANGE_S = 1.0
REFRESH_S = 1.0

CONFIGURATION = """\
admin: {{address: "127.0.0.1:{admin}"}}
metrics: {{address: "127.0.0.1:0"}}
drain: {{grace: 1s, quiet: 0s}}
listeners: [{{name: suite, address: "127.0.0.1:{port}", service: orders}}]
snapshot: {{dir: {kept}}}
registries: {{{registry}}}
services:
  orders:
    endpoints: {{{source}}}
    retry: {{attempts: 3}}
"""


class Instances:
    """Servers that answer with their address, on a loop of their own thread; and 500 calls a second
    through the sidecar. Only what is asked from other threads has a lock."""

    def __init__(self, port):
        self.port = port
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.servers = {}
        self.calls = self.failed = 0
        self.last_seen = {}  # by address: when a call went there last
        self.first_failure = None
        self.calling = None
        self.ends = False

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)

    def start(self, address):
        async def serve(reader, writer):
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                while True:
                    await reader.readuntil(b"\r\n\r\n")
                    body = address.encode()
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" %
                                 (len(body), body))
                    await writer.drain()
            writer.close()

        host, port = address.rsplit(":", 1)
        writers = []

        async def accept(reader, writer):
            writers.append(writer)
            await serve(reader, writer)
        self.servers[address] = (self.run(asyncio.start_server(accept, host, int(port))), writers)

    def kill(self, address):
        async def end(server, writers):
            server.close()
            for writer in writers:
                writer.transport.abort()
        self.run(end(*self.servers.pop(address)))

    def begin_calls(self):
        async def caller():
            reader = writer = None
            while not self.ends:
                began = time.monotonic()
                try:
                    if writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.write(b"GET / HTTP/1.1\r\nHost: orders\r\n\r\n")
                    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
                    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    body = (await reader.readexactly(length)).decode()
                    good = head.startswith(b"HTTP/1.1 200")
                except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError,
                        IndexError) as why:
                    good, body, head = False, str(why), b""
                    if writer is not None:
                        writer.close()
                    writer = None
                self.calls += 1
                if good:
                    self.last_seen[body] = time.monotonic()
                else:
                    self.failed += 1
                    self.first_failure = self.first_failure or (head[:300] + body.encode())
                pause = CONNECTIONS / CALLS_PER_S - (time.monotonic() - began)
                await asyncio.sleep(max(0.001, pause))

        async def begin():
            self.calling = [self.loop.create_task(caller()) for _ in range(CONNECTIONS)]
        self.run(begin())

    def end_calls(self):
        async def end():
            await asyncio.gather(*self.calling)
        self.ends = True
        if self.calling:
            self.run(end())
        self.calling, self.ends = None, False

    def take_failures(self):
        failed, self.failed = self.failed, 0
        why, self.first_failure = self.first_failure, None
        return failed, why

    def seen_since(self, address, moment):
        return self.last_seen.get(address, 0) > moment

    def close(self):
        self.end_calls()
        for address in list(self.servers):
            self.kill(address)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()


class Consul:
    name = "Consul 1.14"
    source = "consul: {service: orders}"
    late_s = CHANGE_S

    def __init__(self):
        self.server = registry_servers.consul_server()

    def registry(self):
        return f'consul: {{url: "{self.server.url}"}}'

    def add(self, address):
        host, port = address.rsplit(":", 1)
        self.expect(self.server.ask("PUT", "/v1/agent/service/register", {
            "ID": address, "Name": "orders", "Address": host, "Port": int(port)}))

    def remove(self, address):
        self.expect(self.server.ask("PUT", f"/v1/agent/service/deregister/{address}"))

    def listed(self):
        return self.server.ask("GET", "/v1/health/service/orders?passing=true")[1].decode()

    def expect(self, answer):
        if answer[0] != 200:
            raise tools.Broken(f"Consul said {answer}")


class Eureka:
    name = "Eureka of Spring Cloud 2023"
    source = "eureka: {app: orders}"
    late_s = CHANGE_S + REFRESH_S * 1.1

    def __init__(self):
        self.server = registry_servers.eureka_server()

    def registry(self):
        return f'eureka: {{urls: ["{self.server.url}/eureka"], refresh: {REFRESH_S}s}}'

    def add(self, address):
        host, port = address.rsplit(":", 1)
        status, said = self.server.ask("POST", "/eureka/apps/ORDERS", {"instance": {
            "instanceId": address, "hostName": host, "app": "ORDERS", "ipAddr": host,
            "vipAddress": "orders", "status": "UP", "port": {"$": int(port), "@enabled": "true"},
            "dataCenterInfo": {"@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
                               "name": "MyOwn"},
            "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90}}})
        if status != 204:
            raise tools.Broken(f"Eureka said {status} {said}")

    def listed(self):
        return self.server.ask("GET", "/eureka/apps/ORDERS",
                               fields=[("accept", "application/json")])[1].decode()

    def remove(self, address):
        status, said = self.server.ask("DELETE", f"/eureka/apps/ORDERS/{address}")
        if status != 200:
            raise tools.Broken(f"Eureka said {status} {said}")


class Sidecar:
    def __init__(self, scratch, registry):
        self.port, self.admin = tools.free_port(), tools.free_port()
        self.file, self.log = scratch / "registries.yaml", scratch / "registries.log"
        self.file.write_text(CONFIGURATION.format(
            port=self.port, admin=self.admin, kept=scratch / "kept", registry=registry.registry(),
            source=registry.source))
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen([tools.OUTRIGGER, "run", "-c", self.file],
                                            stdin=subprocess.DEVNULL, stderr=log)

    def stop(self, number=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(20)
            self.process = None


def first_answer_s(port, began):
    while time.monotonic() - began < 10:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as one:
            one.settimeout(5)
            one.sendall(b"GET / HTTP/1.1\r\nHost: orders\r\n\r\n")
            if one.recv(100).startswith(b"HTTP/1.1 200"):
                return time.monotonic() - began
        time.sleep(0.01)
    return float("inf")


class Story:
    def __init__(self, scratch, registry):
        self.registry, self.cases = registry, []
        self.sidecar = Sidecar(scratch, registry)
        self.instances = Instances(self.sidecar.port)
        self.addresses = [f"127.0.0.{10 + i}:{tools.free_port()}" for i in range(4)]

    def case(self, name, wrong=None):
        failed, why = self.instances.take_failures()
        if failed:
            wrong = f"{failed} calls failed: {why}" + (f"; {wrong}" if wrong else "")
        self.cases.append(Case(name, wrong))

    def until(self, holds, limit_s):
        """None, or that it took longer."""
        began = time.monotonic()
        while time.monotonic() - began < limit_s:
            if holds():
                return None
            time.sleep(0.01)
        return f"not within {limit_s:.1f} s"

    def wait_for_registry(self, address, listed):
        """Until its own answers say so: that long is not ours."""
        late = self.until(lambda: (f'"{address}"' in self.registry.listed()) == listed, 10)
        if late:
            raise tools.Broken(f"the registry did not change its answers {late}")

    def is_left_alone(self, address):
        moment = time.monotonic()
        time.sleep(0.3)
        return not self.instances.seen_since(address, moment)

    def tell(self):
        registry, instances = self.registry, self.instances
        for address in self.addresses:
            instances.start(address)
        for address in self.addresses[:3]:
            registry.add(address)
        self.sidecar.start()
        if first_answer_s(self.sidecar.port, time.monotonic()) == float("inf"):
            raise tools.Broken("no call was answered")
        instances.begin_calls()
        time.sleep(1)
        self.case("three instances")

        moment = time.monotonic()
        registry.add(self.addresses[3])
        self.wait_for_registry(self.addresses[3], True)
        late = self.until(lambda: instances.seen_since(self.addresses[3], moment), registry.late_s)
        self.case("an instance is added", late)

        registry.remove(self.addresses[1])
        self.wait_for_registry(self.addresses[1], False)
        late = self.until(lambda: self.is_left_alone(self.addresses[1]), registry.late_s + 0.3)
        self.case("an instance is taken out", late)

        instances.kill(self.addresses[2])
        time.sleep(3)
        self.case("an instance is killed")
        instances.start(self.addresses[2])

        registry.server.signal(signal.SIGSTOP)
        time.sleep(5)
        self.case("the registry is frozen")
        registry.server.signal(signal.SIGCONT)
        time.sleep(2)
        self.case("and goes on")

        registry.server.kill()
        time.sleep(2)
        self.case("the registry is gone")
        registry.server.start()
        time.sleep(4)
        self.case("and comes back without memory")

        for address in self.addresses:
            registry.add(address)
        moment = time.monotonic()
        late = self.until(lambda: instances.seen_since(self.addresses[1], moment), 40)
        self.case("all instances register again", late)
        for address in self.addresses:
            registry.remove(address)
        time.sleep(8)
        self.case("the registry says that there is nothing")
        for address in self.addresses:
            registry.add(address)
        time.sleep(3 + REFRESH_S)
        instances.end_calls()
        time.sleep(12)  # so that all lists are on the disk
        instances.take_failures()

        registry.server.kill()
        self.sidecar.stop(signal.SIGKILL)
        began = time.monotonic()
        self.sidecar.start()
        took = first_answer_s(self.sidecar.port, began)
        instances.begin_calls()
        time.sleep(2)
        self.case("a start without a registry, from what was kept",
                  None if took <= 1 else f"the first call took {took:.2f} s")
        instances.end_calls()
        return self.cases


def story(make):
    def tell(scratch):
        registry = make()
        with registry.server:
            one = Story(scratch, registry)
            try:
                return one.tell()
            finally:
                one.sidecar.stop(signal.SIGKILL)
                one.instances.close()
    return tell


def all_suites():
    return [(f"registries, {kind.name}", story(kind)) for kind in (Consul, Eureka)]
