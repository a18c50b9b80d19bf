"""The story of a service that its own sidecar enters into a registry, where another finds it."""
import signal
import subprocess
import time

import tools
from registry_calls import first_answer_s
from registry_kinds import PORT
from registry_story import BACK_S, Story

INTERVAL_S = 1
PACE_S = 5  # by then a caller of Consul asks at once again, after all these changes
CIRCUIT_S = 5 * 1.25 + 1  # of an endpoint that refused calls: `endpoint_circuit.open_for`
CONFIGURATION = """\
admin: off
metrics: {{address: "127.0.0.1:9912"}}
drain: {{grace: 10s, quiet: 1s}}
listeners: [{{name: outbound, address: "127.0.0.1:15011"}}]
registries: {{{registry}}}
register:
  - {{in: {kind}, name: orders, address: {host}, port: {port},
      health: {{http: /, interval: {every}s}}}}
"""


class NeighbourStory(Story):
    def __init__(self, scratch, registry, pace):
        super().__init__(scratch, registry, pace)
        self.own, self.other = self.addresses[:2]
        self.neighbour = None

    def close(self):
        if self.neighbour is not None:
            self.neighbour.kill()
            self.neighbour.wait()
        super().close()

    def start_neighbour(self):
        file = self.scratch / "neighbour.yaml"
        file.write_text(CONFIGURATION.format(
            registry=self.registry.registry(), kind=self.registry.kind,
            host=self.own.rsplit(":", 1)[0], port=PORT, every=INTERVAL_S))
        with open(self.scratch / "neighbour.log", "a") as log:
            self.neighbour = subprocess.Popen([tools.OUTRIGGER, "run", "-c", file],
                                              stdin=subprocess.DEVNULL, stderr=log)

    def is_found(self, limit_s, circuit_s=0):
        wrong = self.until(lambda: self.own in self.registry.listed(), limit_s)
        return wrong or self.are_called([self.own], self.registry.late_s + circuit_s)

    def is_lost(self, limit_s):
        wrong = self.until(lambda: self.own not in self.registry.listed(), limit_s)
        return wrong or self.are_left_alone([self.own], self.registry.late_s)

    def tell(self):
        self.instances.start(self.other)
        self.change(self.registry.add, [self.other], listed=[self.other])
        self.sidecar.start()
        if first_answer_s(time.monotonic()) == float("inf"):
            raise tools.Broken("no call was answered: " + self.sidecar.log.read_text()[-500:])
        self.instances.begin_calls()

        self.start_neighbour()
        self.rest(3 * INTERVAL_S)
        wrong = self.own in self.registry.listed() and "it is there already"
        self.case("before the service answers it is not entered", wrong or None)
        self.instances.start(self.own)
        self.case("once it answers it is found", self.is_found(3 * INTERVAL_S))
        self.instances.kill(self.own)
        self.case("a service that is gone is lost", self.is_lost(3 * INTERVAL_S))
        self.instances.start(self.own)
        self.case("and is found again", self.is_found(3 * INTERVAL_S, CIRCUIT_S))

        server = self.registry.server
        server.kill()
        self.rest(self.pace.away_s)
        server.start()
        self.change(self.registry.add, [self.other], listed=[self.other])
        self.case("a registry that forgot it has it again", self.is_found(BACK_S))

        self.rest(PACE_S)
        self.neighbour.send_signal(signal.SIGTERM)
        self.case("on SIGTERM it is taken out at once", self.is_lost(1))
        self.instances.kill(self.own)
        self.rest(self.pace.settled_s)
        status = self.neighbour.wait(20)
        self.case("and may end", None if status == 0 else f"the sidecar ended with {status}")
        self.instances.end_calls()
        self.sidecar.stop()
        return self.cases
