"""`./dev bench`: CPU per request and added latency of the proxies, in alternating rounds."""
import contextlib
import statistics

import proxies


class Scenario:
    """One load that keeps the proxies busy. `limit`: of the CPU of the best of `against`."""

    def __init__(self, name, kind, limit=None, against=("haproxy",), **options):
        self.name = name
        self.kind = kind
        self.limit = limit
        self.against = against
        self.options = options


BOTH = ("haproxy", "nghttpx")
SCENARIOS = [
    Scenario("1 kB, 64 connections", proxies.HTTP1, 1.0, path="/1k", connections=64),
    Scenario("1 kB, 256 connections", proxies.HTTP1, path="/1k", connections=256),
    Scenario("1 MB, 16 connections", proxies.HTTP1, path="/1m", connections=16),
    Scenario("gRPC, 8 x 16 streams", proxies.HTTP2, 0.9, BOTH, connections=8, streams=16),
    Scenario("gRPC, 32 x 1 stream", proxies.HTTP2, 1.0, BOTH, connections=32, streams=1),
    Scenario("TLS, 64 connections", proxies.TLS, 1.0, connections=64),
    Scenario("TLS, full handshakes", proxies.TLS, 1.0, connections=16, reconnect=True),
    Scenario("tunnel, 1 MB, 16 connections", proxies.TCP, 1.0, path="/1m", connections=16),
    Scenario("tunnel, 1 kB, 64 connections", proxies.TCP, 1.0, path="/1k", connections=64),
    Scenario("tunnel, a connection each", proxies.TCP, connections=16, reconnect=True),
]
RATE, RATE_CONNECTIONS = 5000, 16
REFERENCE = "haproxy"


class Broken(Exception):
    """A proxy lost requests: what it spent on the others means nothing."""


def checked(name, result):
    if result["errors"] or not result["requests"]:
        raise Broken(f"{name}: {result['errors']} errors, {result['requests']} requests")
    return result


def measure_cpu(proxy, options, seconds):
    proxies.load(proxy.port, proxy.kind, seconds=seconds / 4, **options)
    before = proxy.cpu_ns()
    result = proxies.load(proxy.port, proxy.kind, seconds=seconds, **options)
    checked(proxy.name, result)
    return (proxy.cpu_ns() - before) / result["requests"] / 1000


def measure_latency(name, port, seconds):
    return checked(name, proxies.load(port, connections=RATE_CONNECTIONS, rate=RATE,
                                      seconds=seconds, warmup=seconds / 4))


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


class Field:
    """The proxies that speak one kind, running, with their origin."""

    def __init__(self, stack, kind, names):
        self.origin_port = stack.enter_context(proxies.origin(kind))
        self.running = [stack.enter_context(proxies.proxy(name, self.origin_port, kind))
                        for name in names if name in kind.templates]


def run(names, scenarios, rounds, seconds):
    """Returns {scenario: {proxy: [µs of CPU per request]}} and {proxy: [latency results]}."""
    cpu = {scenario: {name: [] for name in names if name in scenario.kind.templates}
           for scenario in scenarios}
    latency = {name: [] for name in ["direct", *names]}
    with contextlib.ExitStack() as stack:
        kinds = {scenario.kind for scenario in scenarios}
        fields = {kind: Field(stack, kind, names) for kind in kinds}
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", flush=True)
            for scenario in scenarios:
                for proxy in rotated(fields[scenario.kind].running, number):
                    spent = measure_cpu(proxy, scenario.options, seconds)
                    cpu[scenario][proxy.name].append(spent)
            if proxies.HTTP1 in fields:
                measure_latencies(fields[proxies.HTTP1], number, seconds, latency)
    return cpu, latency


def measure_latencies(field, number, seconds, latency):
    with proxies.awake_cores():
        latency["direct"].append(measure_latency("direct", field.origin_port, seconds))
        for proxy in rotated(field.running, number):
            latency[proxy.name].append(measure_latency(proxy.name, proxy.port, seconds))


def quartiles(values):
    if len(values) < 3:
        return min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def ratios(samples, name, reference):
    return [mine / theirs for mine, theirs in zip(samples[name], samples[reference])]


def print_cpu(cpu, names):
    print(f"\nCPU per request in µs (user and kernel, whole process tree), median; in brackets the"
          f" median of\nthe rounds' ratios to {REFERENCE} [quartiles]\n")
    print(f"{'':28}" + "".join(f"{name:>26}" for name in names))
    for scenario, samples in cpu.items():
        cells = [cpu_cell(samples, name) for name in names]
        print(f"{scenario.name:28}" + "".join(f"{cell:>26}" for cell in cells))


def cpu_cell(samples, name):
    if name not in samples:
        return "-"
    cell = f"{statistics.median(samples[name]):.1f}"
    if REFERENCE in samples and name != REFERENCE:
        by_round = ratios(samples, name, REFERENCE)
        low, high = quartiles(by_round)
        cell += f" ({statistics.median(by_round):.2f} [{low:.2f}-{high:.2f}])"
    return cell


def print_latency(latency, names):
    if not latency["direct"]:
        return
    print(f"\nLatency in µs at {RATE} requests/s, {RATE_CONNECTIONS} connections, open loop; added "
          "is less the direct\ncall of the same round\n")
    print(f"{'':24}" + "".join(f"{name:>26}" for name in ["direct", *names]))
    for key in ("p50_us", "p99_us"):
        direct = [result[key] for result in latency["direct"]]
        cells = [f"{statistics.median(direct):.1f}"]
        for name in names:
            mine = [result[key] for result in latency[name]]
            added = [one - other for one, other in zip(mine, direct)]
            cells.append(f"{statistics.median(mine):.1f} (added {statistics.median(added):.1f})")
        print(f"{key[:3]:24}" + "".join(f"{cell:>26}" for cell in cells))


def print_verdict(cpu):
    """True when the product is within its limits, or there is nothing to compare."""
    is_within = True
    print()
    for scenario, samples in cpu.items():
        peers = [name for name in scenario.against if name in samples]
        if scenario.limit is None or not peers or "outrigger" not in samples:
            continue
        best = min(peers, key=lambda name: statistics.median(samples[name]))
        ratio = statistics.median(ratios(samples, "outrigger", best))
        verdict = "within" if ratio <= scenario.limit else "MISSES"
        is_within = is_within and ratio <= scenario.limit
        print(f"{scenario.name}: outrigger spends {ratio:.2f} of {best}'s CPU: {verdict} the limit "
              f"of {scenario.limit:.2f}")
    return is_within
