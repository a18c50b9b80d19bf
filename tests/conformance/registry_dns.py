"""Name servers as registries: dnsmasq, bind9 and the fake. The name is orders.test, its TTL a
second."""
import contextlib
import json
import os
import subprocess
import sys

import tools
from fakes import dns_message
from registry_kinds import CHANGE_S, PORT, host_of
from registry_servers import Process

TTL_S = 1
NAME = "orders.test"


class Names:
    """What all of them have in common. Kinds write `records` to where their server reads them."""
    late_s = CHANGE_S + TTL_S * 1.1
    remembers = True
    how_drained = None  # DNS knows no such thing
    where = ("127.0.0.1", 5353)

    def __init__(self):
        self.records = {}  # by name: addresses without ports

    def registry(self):
        return f'dns: {{servers: ["127.0.0.1:{self.where[1]}"]}}'

    def source(self, service="orders"):
        return f"dns: {{name: {service}.test, port: {PORT}}}"

    def add(self, addresses, service="orders"):
        known = self.records.setdefault(f"{service}.test", [])
        known += [host for host in map(host_of, addresses) if host not in known]
        self.publish()

    def remove(self, addresses):
        gone = set(map(host_of, addresses))
        self.records[NAME] = [host for host in self.records[NAME] if host not in gone]
        self.publish()

    def publish(self):
        raise NotImplementedError

    def ask(self, kind, name=NAME):
        return dns_message.ask(self.where, name, kind)

    def listed(self):
        with contextlib.suppress(OSError):
            return {f"[{what}]:{PORT}" if kind == dns_message.AAAA else f"{what}:{PORT}"
                    for asked in (dns_message.A, dns_message.AAAA)
                    for kind, what in self.ask(asked)[2]}
        return set()

    def answers(self, code=dns_message.NO_ERROR):
        """Also that there is no such name."""
        with contextlib.suppress(OSError):
            return self.ask(dns_message.A)[0] in (code, dns_message.NO_NAME)
        return False


class Dnsmasq(Names):
    """Found as a program finds it that knows nothing: the name is looked for in the domains of
    resolv.conf, whose first server is silent."""
    where = ("127.0.0.1", 53)
    late_s = Names.late_s + 1  # the timeout of the silent one

    def __init__(self, scratch):
        super().__init__()
        self.hosts = scratch / "hosts"
        self.publish()
        self.server = Process([tools.debian_tool("dnsmasq", "dnsmasq-base"), "-k", "-p", "53",
                               "--listen-address=127.0.0.1", "--bind-interfaces", "-h", "-R",
                               f"--addn-hosts={self.hosts}", f"--local-ttl={TTL_S}",
                               "--local=/test/", "--user=root", "--pid-file"],
                              scratch / "dnsmasq.log", self.answers)

    def registry(self):
        return "dns: {servers: system}"

    def source(self, service="orders"):
        return f"dns: {{name: {service}, port: {PORT}}}"

    def publish(self):
        fresh = self.hosts.with_suffix(".new")
        fresh.write_text("".join(f"{host} {name}\n" for name, hosts in self.records.items()
                                 for host in hosts))
        os.replace(fresh, self.hosts)
        if hasattr(self, "server"):
            self.server.reload()


NAMED = """\
options {{
  directory "{folder}"; listen-on port 5353 {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; pid-file none; session-keyfile none; dnssec-validation no;
}};
controls {{ }};
zone "test" {{ type primary; file "test.zone"; allow-update {{ 127.0.0.1; }}; }};
"""
ZONE = f"""\
$TTL {TTL_S}
@ SOA ns root 1 60 60 60 {TTL_S}
@ NS ns
ns A 127.0.0.1
"""


class Bind(Names):
    def __init__(self, scratch):
        super().__init__()
        self.folder, self.told = scratch, {}
        self.nsupdate = tools.debian_tool("nsupdate", "bind9-dnsutils")
        (scratch / "named.conf").write_text(NAMED.format(folder=scratch))
        self.make_zone(ZONE)
        self.server = Process([tools.debian_tool("named", "bind9"), "-g", "-4", "-c",
                               scratch / "named.conf"], scratch / "named.log", self.says_anything)

    def says_anything(self):
        return self.answers(dns_message.SERVER_FAILED) or self.answers()

    def make_zone(self, text):
        (self.folder / "test.zone").write_text(text)
        for journal in self.folder.glob("*.jnl"):
            journal.unlink()

    def whole_zone(self):
        return ZONE + "".join(line + "\n" for lines in self.lines().values() for line in lines)

    def lines(self):
        return {name: [f"{name}. {TTL_S} {'AAAA' if ':' in host else 'A'} {host}"
                       for host in hosts] for name, hosts in self.records.items()}

    def publish(self):
        """As updates of what is new and what is gone (RFC 2136)."""
        commands = ["server 127.0.0.1 5353", "zone test"]
        before, now = (sum(lines.values(), []) for lines in (self.told, self.lines()))
        commands += [f"update add {line}" for line in now if line not in before]
        commands += [f"update delete {line.replace(f' {TTL_S} ', ' ', 1)}"
                     for line in before if line not in now]
        self.told = self.lines()
        subprocess.run([self.nsupdate], input="\n".join([*commands, "send", ""]), text=True,
                       check=True, capture_output=True, timeout=10)


class FakeNames(Names):
    """`lies`: names that are answered wrongly."""

    def __init__(self, scratch):
        super().__init__()
        self.state, self.lies = scratch / "records.json", False
        self.publish()
        fake = tools.ROOT / "tests/conformance/fakes/dns.py"
        self.server = Process([sys.executable, fake, str(self.where[1]), self.state],
                              scratch / "dns.log", self.answers)

    def publish(self):
        fresh = self.state.with_suffix(".new")
        fresh.write_text(json.dumps({"ttl": TTL_S, "lies": self.lies, "records": self.records}))
        os.replace(fresh, self.state)


SERVICE = "_http._tcp.orders.test"


class BindServices(Bind):
    """SRV records, whose targets have an address each. They say the port, priority and weight."""

    def __init__(self, scratch):
        self.says = {}  # by address: priority and weight
        super().__init__(scratch)

    def source(self, service="orders"):
        return f"dns: {{srv: {SERVICE}}}"

    def add(self, addresses, service="orders", priority=10, weight=1):
        self.says.update({address: (priority, weight) for address in addresses})
        self.publish()

    def remove(self, addresses):
        for address in addresses:
            del self.says[address]
        self.publish()

    def lines(self):
        found = {SERVICE: []}
        for address, (priority, weight) in self.says.items():
            host, port = host_of(address), address.rsplit(":", 1)[1]
            target = "at-" + host.replace(".", "-").replace(":", "-") + ".test"
            found[target] = [f"{target}. {TTL_S} {'AAAA' if ':' in host else 'A'} {host}"]
            found[SERVICE].append(
                f"{SERVICE}. {TTL_S} SRV {priority} {weight} {port} {target}.")
        return found

    def listed(self):
        """Of the first priority, as whoever asks must choose (RFC 2782)."""
        with contextlib.suppress(OSError):
            records = [what for kind, what in self.ask(dns_message.SRV, SERVICE)[2]
                       if kind == dns_message.SRV]
            first = min((record[0] for record in records), default=0)
            return {self.address_of(record) for record in records if record[0] == first}
        return set()

    @staticmethod
    def address_of(record):
        host = record[3].removeprefix("at-").removesuffix(".test")
        parts = host.split("-")
        return (f"{host.replace('-', '.')}:{record[2]}" if len(parts) == 4 else
                f"[{host.replace('-', ':')}]:{record[2]}")
