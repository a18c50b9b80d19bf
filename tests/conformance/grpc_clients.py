"""gRPC's part of the client matrix: the libraries of four languages, at full rate.

  unary     100 bytes and back         large     256 KiB and back
  down      2,000 messages of an answer          up        of a request
  both      100 turns                  slow      a reader that pauses
  fail      a status, with words and a field in the trailers
  deadline  calls whose time runs out  cancel    every eighth call is given up
  watch     a stream without even a head for 3 s, and
  late      for 17 s, longer than any call of plain HTTP may take
  race, restart   as those of clients.py, with GOAWAY
"""
import functools
import re

import clients
import origins
import programs
import tools
from tools import Case

STORIES = {"unary": 4000, "large": 200, "down": 32, "up": 32, "both": 64, "slow": 4, "fail": 1000,
           "deadline": 64, "cancel": 800, "watch": 32, "race": 640, "restart": 1600}
LIMIT_S = 600


def go():
    yield clients.Client("grpc-go",
                         [programs.go_program("grpc_client")],
                         STORIES | {"late": 4})


def python():
    yield clients.Client("grpcio", [programs.python(), programs.HERE / "grpc_client.py"], STORIES)


def node():
    yield clients.Client("grpc-js", [*programs.node_with_packages(),
                                     programs.HERE / "grpc_client.mjs"], STORIES)


def java():
    command = programs.java_program("GrpcClient", programs.GRPC_JAVA)
    for transport in ("netty", "okhttp"):
        yield clients.Client(f"grpc-java, {transport}", [*command, transport], STORIES)


LIBRARIES = {"grpc-go": go, "grpcio": python, "grpc-js": node, "grpc-java": java}


def matrix(library, tls, scratch):
    cases = []
    for client in LIBRARIES[library]():
        cases += clients.named(client.name, clients.pairs(
            client, ["h2"], origins.grpc_go, tls, client.stories, scratch, False))
    return cases


def suites(tls, over):
    for library in LIBRARIES:
        yield f"clients {library}, {over}", functools.partial(matrix, library, tls)


# --- The soak of gRPC's own client ----------------------------------------------------------------

SOAK = ["--soak_iterations=20000", "--soak_max_failures=0", "--soak_overall_timeout_seconds=580",
        "--soak_per_iteration_max_acceptable_latency_ms=10000"]
SIZES = {"large": [], "small": ["--soak_request_size=100", "--soak_response_size=100"]}


def soak(threads, size, scratch):
    """Not one of 20,000 calls may be lost."""
    import suites as others
    program = others.grpc_go(scratch)
    port = tools.free_port()
    with tools.server([*program.server, f"--port={port}", "--use_tls=false"], port), \
            tools.sidecar(scratch, "http2", port) as listener:
        status, said = tools.run(
            [*program.client, "--server_host=127.0.0.1", f"--server_port={listener}",
             "--use_tls=false", "--test_case=rpc_soak", *SOAK, *SIZES[size],
             f"--soak_num_threads={threads}"], LIMIT_S)
    found = re.search(r"failures: (\d+)", said)
    good = status == 0 and (found is None or found[1] == "0")
    return [Case(f"20,000 {size} calls, {threads} at once",
                 None if good else said.strip()[-300:])]


def soaks():
    for threads in (1, 8):
        for size in SIZES:
            yield (f"gRPC soak of Go, {size} messages, {threads} at once",
                   functools.partial(soak, threads, size))
