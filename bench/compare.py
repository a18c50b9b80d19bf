"""`./dev bench`: CPU per request and added latency of the proxies, in alternating rounds."""
import contextlib
import statistics

import proxies

# name: (path, connections)
SATURATED = {
    "1 kB, 64 connections": ("/1k", 64),
    "1 kB, 256 connections": ("/1k", 256),
    "1 MB, 16 connections": ("/1m", 16),
}
RATE, RATE_CONNECTIONS = 5000, 16
REFERENCE = "haproxy"


class Broken(Exception):
    """A proxy lost requests: what it spent on the others means nothing."""


def checked(name, result):
    if result["errors"] or not result["requests"]:
        raise Broken(f"{name}: {result['errors']} errors, {result['requests']} requests")
    return result


def measure_cpu(proxy, path, connections, seconds):
    proxies.load(proxy.port, path=path, connections=connections, seconds=seconds / 4)
    before = proxy.cpu_ns()
    result = proxies.load(proxy.port, path=path, connections=connections, seconds=seconds)
    checked(proxy.name, result)
    return (proxy.cpu_ns() - before) / result["requests"] / 1000


def measure_latency(name, port, seconds):
    return checked(name, proxies.load(port, connections=RATE_CONNECTIONS, rate=RATE,
                                      seconds=seconds, warmup=seconds / 4))


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def run(names, rounds, seconds):
    """Returns {scenario: {proxy: [µs of CPU per request]}} and {proxy: [latency results]}."""
    cpu = {scenario: {name: [] for name in names} for scenario in SATURATED}
    latency = {name: [] for name in ["direct", *names]}
    with contextlib.ExitStack() as stack:
        origin_port = stack.enter_context(proxies.origin())
        running = [stack.enter_context(proxies.proxy(name, origin_port)) for name in names]
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", flush=True)
            for scenario, (path, connections) in SATURATED.items():
                for proxy in rotated(running, number):
                    spent = measure_cpu(proxy, path, connections, seconds)
                    cpu[scenario][proxy.name].append(spent)
            with proxies.awake_cores():
                latency["direct"].append(measure_latency("direct", origin_port, seconds))
                for proxy in rotated(running, number):
                    latency[proxy.name].append(measure_latency(proxy.name, proxy.port, seconds))
    return cpu, latency


def quartiles(values):
    if len(values) < 3:
        return min(values), max(values)
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def ratios(samples, name):
    return [mine / theirs for mine, theirs in zip(samples[name], samples[REFERENCE])]


def print_cpu(cpu, names):
    print(f"\nCPU per request in µs (user and kernel, whole process tree), median; in brackets the"
          f" median of\nthe rounds' ratios to {REFERENCE} [quartiles]\n")
    print(f"{'':24}" + "".join(f"{name:>26}" for name in names))
    for scenario, samples in cpu.items():
        cells = []
        for name in names:
            cell = f"{statistics.median(samples[name]):.1f}"
            if REFERENCE in names and name != REFERENCE:
                by_round = ratios(samples, name)
                low, high = quartiles(by_round)
                cell += f" ({statistics.median(by_round):.2f} [{low:.2f}-{high:.2f}])"
            cells.append(cell)
        print(f"{scenario:24}" + "".join(f"{cell:>26}" for cell in cells))


def print_latency(latency, names):
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


def print_verdict(cpu, names, limit):
    """True when the product is within its limit, or there is nothing to compare."""
    if not {"outrigger", REFERENCE} <= set(names):
        return True
    scenario = next(iter(cpu))
    ratio = statistics.median(ratios(cpu[scenario], "outrigger"))
    verdict = "within" if ratio <= limit else "MISSES"
    print(f"\noutrigger spends {ratio:.2f} of {REFERENCE}'s CPU ({scenario}): {verdict} the limit "
          f"of {limit:.2f}")
    return ratio <= limit
