"""The story of a registry under 500 calls a second, told to real ones and to the fakes."""
import contextlib
import json
import signal
import time
import typing

import registry_recorded
import tools
from registry_calls import Instances, Sidecar, first_answer_s
from registry_kinds import PORT
from tools import Case

BACK_S = 35  # a registry that failed is asked again within 30 s
CONFIRM_S = 5
SAID_S = 12  # a name server is asked three times before that is an error
LEFT_ALONE_S = 0.3


class Pace(typing.NamedTuple):
    """How long things last that only time can tell."""
    frozen_s: float
    away_s: float
    settled_s: float
    slack_s: float  # beside all bounds: of a machine that tells many stories at once


UNHURRIED, HURRIED = Pace(5, 2, 2, 0), Pace(1.5, 0.5, 0.5, 2)


class Story:
    """Chapters; each is a Case, and wrong also if a call failed meanwhile."""

    def __init__(self, scratch, registry, pace):
        self.registry, self.pace, self.cases = registry, pace, []
        self.scratch = scratch
        self.sidecar = Sidecar(scratch, registry.registry(), {"orders": registry.source()})
        self.instances = Instances()
        self.addresses = [f"10.9.0.{11 + i}:{PORT}" for i in range(6)]

    def close(self):
        self.sidecar.stop(signal.SIGKILL)
        self.instances.close()

    def case(self, name, wrong=None):
        failed = self.instances.take_failures()
        if wrong or failed:  # what the sidecar makes of it
            with contextlib.suppress(OSError):
                (self.scratch / f"{len(self.cases)}.json").write_text(
                    json.dumps(self.sidecar.service(), indent=1))
        self.cases.append(Case(name, "; ".join(filter(None, [failed, wrong])) or None))

    # What is waited for gives None, or how it went wrong.

    def until(self, holds, limit_s):
        began = time.monotonic()
        while True:
            if holds():
                return None
            if time.monotonic() - began > limit_s + self.pace.slack_s:
                return f"not within {limit_s:.1f} s"
            time.sleep(0.01)

    def change(self, act, *args, listed=(), unlisted=()):
        """Does it; ends when the registry's own answers say so: that long is not ours."""
        act(*args)

        def is_said():
            found = self.registry.listed()
            return set(listed) <= found and not found & set(unlisted)
        if late := self.until(is_said, 10):
            raise tools.Broken(f"the registry did not change its answers {late}")

    def are_called(self, addresses, limit_s):
        moment = time.monotonic()
        return self.until(lambda: all(self.instances.seen_since(address, moment)
                                      for address in addresses), limit_s)

    def are_left_alone(self, addresses, limit_s):
        def nobody_calls():
            moment = time.monotonic()
            time.sleep(LEFT_ALONE_S)
            return not any(self.instances.seen_since(address, moment) for address in addresses)
        return self.until(nobody_calls, limit_s)

    def appear(self, addresses, limit_s=None):
        self.change(self.registry.add, addresses, listed=addresses)
        return self.are_called(addresses, limit_s or self.registry.late_s)

    def vanish(self, addresses, limit_s=None):
        self.change(self.registry.remove, addresses, unlisted=addresses)
        return self.are_left_alone(addresses, limit_s or self.registry.late_s)

    def rest(self, seconds):
        time.sleep(seconds)

    # The chapters.

    def tell(self):
        self.begin()
        self.come_and_go()
        self.registry_falters()
        self.more()
        self.much_is_lost()
        self.nothing_is_left()
        self.begins_anew()
        return self.cases

    def more(self):
        """What only this kind of registry does."""

    def begin(self):
        for address in self.addresses:
            self.instances.start(address)
        self.change(self.registry.add, self.addresses[:3], listed=self.addresses[:3])
        self.sidecar.start()
        if first_answer_s(time.monotonic()) == float("inf"):
            raise tools.Broken("no call was answered: " + self.sidecar.log.read_text()[-500:])
        self.instances.begin_calls()
        self.case("three instances", self.are_called(self.addresses[:3], 2))
        if self.pace is UNHURRIED and hasattr(self.registry, "recorded"):
            self.case("the fake answers as it does", registry_recorded.differs(self.registry))

    def come_and_go(self):
        _, second, third, fourth = self.addresses[:4]
        self.case("an instance is added", self.appear([fourth]))
        if self.registry.how_drained:
            self.change(self.registry.drain, second, True, unlisted=[second])
            wrong = self.are_left_alone([second], self.registry.late_s)
            self.case(f"an instance is drained ({self.registry.how_drained})", wrong)
            self.change(self.registry.drain, second, False, listed=[second])
            self.case("and serves again", self.are_called([second], self.registry.late_s))
        self.case("an instance is taken out", self.vanish([second]))
        self.instances.kill(third)
        self.rest(self.pace.away_s)
        self.case("an instance is killed")
        self.instances.start(third)

    def registry_falters(self):
        second = self.addresses[1]
        server, pace = self.registry.server, self.pace
        server.freeze()
        self.rest(pace.frozen_s)
        self.case("the registry is frozen")
        server.thaw()
        self.case("and goes on", self.appear([second], BACK_S))
        self.case("and changes come at once again", self.vanish([second]))
        server.kill()
        self.rest(pace.away_s)
        self.case("the registry is gone, and that is said",
                  self.until(self.sidecar.last_error, SAID_S))
        server.start()
        if not self.registry.remembers:
            self.rest(pace.settled_s)
            self.case("and comes back without memory")
        self.case("and comes back", self.appear(self.addresses[:4], BACK_S))
        self.case("and changes come at once again", self.vanish([second]))

    def much_is_lost(self):
        """More than half, and more than three, of six."""
        wrong = self.appear(self.addresses)
        self.case("six instances", wrong)
        self.case("four of six are taken out at once",
                  self.vanish(self.addresses[:4], self.registry.late_s + CONFIRM_S))

    def nothing_is_left(self):
        self.change(self.registry.remove, self.addresses[4:], unlisted=self.addresses)
        self.rest(self.registry.late_s + self.pace.settled_s)
        self.case("the registry says that there is nothing")
        self.case("and has all of them again", self.appear(self.addresses, BACK_S))

    def begins_anew(self):
        self.case("all of them are on the disk",
                  self.until(lambda: self.sidecar.keeps(self.addresses), 15))
        self.instances.end_calls()
        self.registry.server.kill()
        self.sidecar.stop(signal.SIGKILL)
        began = time.monotonic()
        self.sidecar.start()
        took = first_answer_s(began)
        self.instances.begin_calls()
        wrong = None if took <= 1 else f"the first call took {took:.2f} s"
        wrong = wrong or self.are_called(self.addresses, 2)
        if self.sidecar.metric("outrigger_snapshot_in_use", 'service="orders"') != 1:
            wrong = wrong or "outrigger_snapshot_in_use is not 1"
        self.case("a start without a registry, from what was kept", wrong)
        self.registry.server.start()
        if not self.registry.remembers:
            self.registry.add(self.addresses)
        wrong = self.until(lambda: self.sidecar.metric("outrigger_snapshot_in_use") == 0, BACK_S)
        self.case("and the registry takes over again", wrong)
        self.instances.end_calls()
        self.sidecar.stop()
