"""What registries seldom do: each fault of a fake is told to a service of its own, twice, under 500
calls a second. The last list stays, the log says what is wrong, and when the registry speaks the
truth again so do calls."""
import json
import signal
import time

import tools
from registry_calls import Instances, Sidecar, first_answer_s
from registry_kinds import PORT
from tools import Case

SEEN_S = 30  # a whole answer is given twenty seconds
BACK_S = 35
GROWS_BYTES = 64 << 20


class Lies:
    """`expected`: by fault what the log says of it; None: it is none that anybody must know of."""

    def __init__(self, scratch, registry, expected, tell_lies, add=None, source=None):
        self.registry, self.expected, self.cases = registry, expected, []
        self.tell_lies = tell_lies
        self.add = add or registry.add
        source = source or registry.source
        self.sidecar = Sidecar(scratch, registry.registry(),
                               {name: source(name) for name in expected})
        self.instances = Instances()
        self.addresses = [f"10.9.0.{11 + i}:{PORT}" for i in range(4)]

    def close(self):
        self.sidecar.stop(signal.SIGKILL)
        self.instances.close()

    def wait(self, names, holds, limit_s):
        """Those of which it does not hold in time."""
        ends = time.monotonic() + limit_s
        while (left := [name for name in names if not holds(name)]) and time.monotonic() < ends:
            time.sleep(0.1)
        return left

    def said_of(self, name):
        """What the log says of a service."""
        lines = map(json.loads, self.sidecar.log.read_text().splitlines())
        return [line.get("why") or line.get("reason") or "" for line in lines
                if line.get("service") == name]

    def is_said(self, name):
        expected = self.expected[name]
        return expected is None or any(expected in why for why in self.said_of(name))

    def is_called(self, name, address):
        return self.instances.answered[name, address] > 0

    def tell(self):
        names = list(self.expected)
        for address in self.addresses:
            self.instances.start(address)
        for name in names:
            self.add(self.addresses[:3], name)
        self.sidecar.start()
        if first_answer_s(time.monotonic(), names[0]) == float("inf"):
            raise tools.Broken("no call was answered: " + self.sidecar.log.read_text()[-500:])
        self.instances.begin_calls(names)
        self.wait(names, lambda name: all(self.is_called(name, address)
                                          for address in self.addresses[:3]), 10)
        before = self.sidecar.resident_bytes()
        self.tell_lies(True)
        unsaid = self.wait(names, self.is_said, SEEN_S)
        grown = self.sidecar.resident_bytes() - before
        wrong = {name: f'the log does not say "{self.expected[name]}", but {self.said_of(name)}'
                 for name in unsaid}
        for name in names:
            listed = {each["address"] for each in self.sidecar.service(name)["endpoints"]}
            if not set(self.addresses[:3]) <= listed:
                wrong[name] = f"the list is {listed}"
        self.tell_lies(False)
        for name in names:
            self.add(self.addresses[3:], name)
        for name in self.wait(names, lambda name: self.is_called(name, self.addresses[3]), BACK_S):
            wrong.setdefault(name, f"what is true afterwards is not taken within {BACK_S} s")
        self.instances.end_calls()
        for name, (count, first) in self.instances.failed.items():
            wrong[name] = f"{count} calls failed: {first}"
        self.sidecar.stop()
        self.cases += [Case(name, wrong.get(name)) for name in names]
        self.cases.append(Case("memory", None if grown < GROWS_BYTES else
                               f"it grew by {grown >> 20} MiB"))
        return self.cases


OF_HTTP = {
    "torn": "no JSON", "cut": "closed the connection within", "html": "no JSON",
    "error": "status 502", "redirect": "status 302", "huge": "more than 16777216 bytes",
    "endless": "more than 16777216 bytes", "trickle": "took longer than",
    "babble": "malformed", "hang-up": "closed the connection before",
}
OF_CONSUL = {
    **OF_HTTP, "object": "no list", "strings": "no object",
    "no-service": "no \"Service\"",
    "port-zero": "no usable port", "port-huge": "no usable port", "port-words": "no usable port",
    "host-name": "no IP address", "twice": None, "no-leader": "no leader", "index-back": None,
    "index-none": None, "index-huge": None,
}
OF_EUREKA = {
    **OF_HTTP, "silence": "did not answer in time", "object": "no application",
    "list": "no application",
    "xml": "no JSON", "port-zero": "no usable port", "port-huge": "no usable port",
    "port-words": "no usable port", "port-none": "no open port", "host-name": "no IP address",
    "twice": None, "not-ready": "status 403",
}
OF_KUBERNETES = {
    **OF_HTTP, "silence": "did not answer in time", "list-gone": "status 410",
    "list-no-items": "no list", "list-no-version": "no resourceVersion", "list-words": "no list",
    "busy": "status 429", "gone": None, "watch-gone": None, "server-error": "etcd is away",
    "torn-event": "no event", "html-event": "no event", "no-object": "no event",
    "unknown-event": "no known type", "absurd-port": "absurd port", "port-map": "absurd port",
    "endpoints": "without an IP address", "endpoint-map": "without an IP address",
    "address": "without an IP address", "host-name": "without an IP address", "again": None,
    "endless-event": "has no end",
}
# What is cut over TCP too, a loop of aliases, and an address of two bytes count as no address.
OF_DNS = {
    "servfail": "no usable answer", "refused": "no usable answer", "formerr": "no usable answer",
    "no-name": None, "no-data": None, "silence": "no name server answered in time",
    "number": "no name server answered in time", "question": "no name server answered in time",
    "torn": "no usable answer", "empty": "no name server answered in time",
    "garbage": "no name server answered in time", "alias-loop": None, "short": None,
    "pointers": "no name server answered in time", "cut": None,
    "ttl": None, "absurd": "no address of an instance", "many": None,
}
