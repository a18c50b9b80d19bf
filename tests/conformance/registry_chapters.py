"""The stories by name, and the chapters that only one kind of registry has."""
import contextlib
import json
import os
import socket
import subprocess
import sys
import typing

import registry_lies
import registry_servers
import tools
from fakes import dns_message
from registry_dns import Bind, BindServices, Dnsmasq, FakeNames
from registry_kinds import PORT, SLICES, Consul, Eureka, Kubernetes
from registry_lies import Lies
from registry_neighbours import NeighbourStory
from registry_story import BACK_S, CONFIRM_S, HURRIED, UNHURRIED, Story
from tools import Case

FAKES = tools.ROOT / "tests/conformance/fakes"


class Told(typing.NamedTuple):
    """How a story begins, and what must be built before."""
    begin: typing.Callable
    builds: tuple = ()
    is_fake: bool = False


def fake(name, url, ready):
    def server(scratch):
        port = url.rsplit(":", 1)[1]
        return registry_servers.HttpServer([sys.executable, FAKES / f"{name}.py", port],
                                           scratch / f"{name}.log", url, ready)
    return server


def fake_kubernetes(scratch, files):
    command = [sys.executable, FAKES / "kubernetes.py", "6443", files.certificate, files.key,
               scratch / "tokens.csv", scratch / "objects.json"]
    return registry_servers.HttpServer(command, scratch / "kubernetes.log",
                                       "https://127.0.0.1:6443", "/readyz",
                                       {"authorization": f"Bearer {files.admin}"},
                                       files.certificate)


FAKE_CONSUL = fake("consul", "http://127.0.0.1:8500", "/v1/catalog/nodes")
FAKE_EUREKA = fake("eureka", "http://127.0.0.1:8761", "/eureka/apps")


def plain(kind, server, pace, story=Story):
    @contextlib.contextmanager
    def begin(scratch):
        registry = kind(scratch, server)
        with registry.server:
            yield story(scratch, registry, pace)
    return begin


class KubernetesStory(Story):
    """Of the API server. `forget` makes etcd lose its history while the server is away."""

    forget = staticmethod(lambda: None)

    def begin(self):
        self.registry.prepare()
        super().begin()

    def more(self):
        registry, second = self.registry, self.addresses[1]
        remaining = sorted(registry.listed())
        self.change(lambda: registry.set(remaining, ready=False, terminating=True),
                    unlisted=remaining)
        self.rest(registry.late_s)
        self.case("what terminates takes calls while nothing else does",
                  self.are_called(remaining, 1))
        registry.set(remaining)

        version = registry.version()
        registry.server.kill()
        registry.files.rotate()
        self.forget()
        registry.server.start()
        status, said, _ = registry.server.ask(
            "GET", SLICES.format("shop") +
            f"?watch=1&timeoutSeconds=1&resourceVersion={version}")
        gone = status == 410 or b'"code":410' in said
        self.case("its history is gone: 410", None if gone else f"it said {status} {said[:200]}")
        self.case("and the token is another: with it all is listed again",
                  self.appear([second], BACK_S))

        registry.server.kill()
        registry.server.start()
        registry.permit(False)
        registry.server.kill()
        registry.server.start()
        said = self.until(lambda: "403" in self.sidecar.last_error(), 10)
        self.case("without its Role: that is said, and the last list stays",
                  said and f"{said}, but {self.sidecar.last_error()}")
        self.rest(self.pace.settled_s)
        self.case("and calls go on", self.are_called([second], 1))
        registry.permit(True)
        self.case("and with it again", self.vanish([second], BACK_S))


class EtcdStory(KubernetesStory):
    @staticmethod
    def forget():
        """etcd moves on by itself, and keeps nothing from before."""
        etcdctl = [tools.debian_tool("etcdctl", "etcd-client")]
        environment = {**os.environ, "ETCDCTL_API": "3"}

        def run(*words):
            return subprocess.run([*etcdctl, *words], env=environment, check=True,
                                  capture_output=True, timeout=10).stdout
        for _ in range(10):
            run("put", "/outrigger", "moves on")
        status = json.loads(run("endpoint", "status", "-w", "json"))
        run("compact", str(status[0]["Status"]["header"]["revision"]))


@contextlib.contextmanager
def kubernetes(scratch):
    with registry_servers.etcd(scratch), plain(Kubernetes, registry_servers.kube_apiserver,
                                               UNHURRIED, EtcdStory)(scratch) as story:
        yield story


class NamesStory(Story):
    """Half of the instances are found over IPv6."""

    def __init__(self, scratch, registry, pace):
        super().__init__(scratch, registry, pace)
        self.addresses[3:] = [f"[fd09::{11 + i}]:{PORT}" for i in range(3)]

    def more(self):
        many = [f"10.9.1.{1 + i}:{PORT}" for i in range(90)]
        for address in many:
            self.instances.start(address)
        wrong = self.appear(many)
        if not self.registry.ask(dns_message.A)[1]:
            wrong = wrong or "the answer fits into a datagram"
        self.case("ninety more, of which only TCP can tell", wrong)
        self.case("and all of these are gone at once",
                  self.vanish(many, self.registry.late_s + CONFIRM_S))


class BindStory(NamesStory):
    def more(self):
        super().more()
        registry, second = self.registry, self.addresses[1]
        whole = registry.whole_zone()
        registry.server.kill()
        registry.make_zone("this is no zone\n")
        registry.server.start()
        said = self.until(lambda: "no usable answer" in self.sidecar.last_error(), 10)
        self.case("its zone is broken: SERVFAIL",
                  said and f"{said}, but {self.sidecar.last_error()}")
        self.rest(self.pace.away_s)
        self.case("and the last list stays", self.are_called(self.addresses[:1], 1))
        registry.server.kill()
        registry.make_zone(whole)
        registry.server.start()
        self.case("and whole again", self.appear([second], BACK_S))
        self.vanish([second])


class ServicesStory(NamesStory):
    """Ports differ; weights and priorities count."""

    def __init__(self, scratch, registry, pace):
        super().__init__(scratch, registry, pace)
        self.addresses = [address.replace(f":{PORT}", f":{PORT + i}")
                          for i, address in enumerate(self.addresses)]

    def more(self):
        registry, instances = self.registry, self.instances
        heavy, *others = sorted(registry.listed())
        registry.add([heavy], weight=2 * len(others))
        self.rest(registry.late_s)
        before = instances.answered.copy()
        self.rest(2)
        counts = instances.answered - before
        share = counts["orders", heavy] / max(1, sum(counts.values()))
        self.case("one weighs twice as much as all others together",
                  None if 0.6 < share < 0.73 else f"its share is {share:.2f}")
        spare = next(address for address in self.addresses if address not in registry.listed())
        registry.add([spare], priority=20)
        self.rest(registry.late_s)
        self.case("one of a later priority is left alone", self.are_left_alone([spare], 0))
        first = [heavy, *others]
        self.change(registry.remove, first, listed=[spare], unlisted=first)
        wrong = self.are_called([spare], registry.late_s + CONFIRM_S)
        self.case("until nothing else is there",
                  wrong or self.are_left_alone(first, registry.late_s))
        registry.add(first)


def names(kind, pace, story):
    @contextlib.contextmanager
    def begin(scratch):
        registry = kind(scratch)
        # The silent server of resolv.conf.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent, registry.server:
            silent.bind(("127.0.0.9", 53))
            yield story(scratch, registry, pace)
    return begin


def lies(kind, server, expected):
    @contextlib.contextmanager
    def begin(scratch):
        registry = kind(scratch, server)
        with registry.server as fake:
            yield Lies(scratch, registry, expected,
                       lambda on: fake.must([200], "PUT", "/fake", {"faults": on}))
    return begin


@contextlib.contextmanager
def lies_of_kubernetes(scratch):
    """A watch is of a namespace: that is what has the fault."""
    registry = Kubernetes(scratch, fake_kubernetes)

    def add(addresses, name):
        registry.prepare(name)
        registry.add(addresses, name_space=name)
    with registry.server as fake:
        yield Lies(scratch, registry, registry_lies.OF_KUBERNETES,
                   lambda on: fake.must([200], "PUT", "/fake", {"faults": on}), add,
                   lambda name: registry.source(name_space=name))


@contextlib.contextmanager
def lies_of_names(scratch):
    registry = FakeNames(scratch)

    def tell(on):
        registry.lies = on
        registry.publish()
    with registry.server:
        yield Lies(scratch, registry, registry_lies.OF_DNS, tell)


STORIES = {
    "registries, Consul 1.14": Told(
        plain(Consul, registry_servers.consul, UNHURRIED), ("Consul",)),
    "registries, Eureka of Spring Cloud 2023": Told(
        plain(Eureka, registry_servers.eureka, UNHURRIED), ("Eureka",)),
    "registries, a service in Consul": Told(
        plain(Consul, registry_servers.consul, UNHURRIED, NeighbourStory), ("Consul",)),
    "registries, a service in Eureka": Told(
        plain(Eureka, registry_servers.eureka, UNHURRIED, NeighbourStory), ("Eureka",)),
    "registries, Kubernetes 1.30": Told(kubernetes, ("kube-apiserver",)),
    "registries, dnsmasq": Told(names(Dnsmasq, UNHURRIED, NamesStory)),
    "registries, bind9": Told(names(Bind, UNHURRIED, BindStory)),
    "registries, bind9 with SRV records": Told(names(BindServices, UNHURRIED, ServicesStory)),
    "fakes, Consul": Told(plain(Consul, FAKE_CONSUL, HURRIED), is_fake=True),
    "fakes, Eureka": Told(plain(Eureka, FAKE_EUREKA, HURRIED), is_fake=True),
    "fakes, Kubernetes": Told(plain(Kubernetes, fake_kubernetes, HURRIED, KubernetesStory),
                              is_fake=True),
    "fakes, DNS": Told(names(FakeNames, HURRIED, NamesStory), is_fake=True),
    "fakes, Consul that lies": Told(lies(Consul, FAKE_CONSUL, registry_lies.OF_CONSUL),
                                    is_fake=True),
    "fakes, Eureka that lies": Told(lies(Eureka, FAKE_EUREKA, registry_lies.OF_EUREKA),
                                    is_fake=True),
    "fakes, Kubernetes that lies": Told(lies_of_kubernetes, is_fake=True),
    "fakes, DNS that lies": Told(lies_of_names, is_fake=True),
}


def tell(name, scratch):
    """Its cases; what broke off is one of them."""
    with STORIES[name].begin(scratch) as story:
        try:
            story.tell()
        except tools.Broken as broken:
            story.cases.append(Case("it goes on to the end", str(broken)))
        finally:
            story.close()
        return story.cases
