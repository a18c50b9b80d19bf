"""The client matrix: ordinary programs, each at full rate, through the sidecar and straight.

Every client of clients/ tells the same stories, straight to an origin and through the sidecar, in
clear text and over TLS, and what its calls came to must be the same. Then each server that is not
ours is called by one client in the same manner.

  get       a page                     empty     a POST without a body
  post      a body of known length     chunked   a body whose length is not said
  refused   4 MiB to who answers 413 and reads none of it
  denied    a small body to who answers 401 and reads none of it
  drip      100,000 pieces of one byte, and
  crumbs    5,000 the other way
  slow      a reader that pauses       watch     an answer that is silent for 3 s
  ends      a server that ends its connections now and then
  race      one that ends those that idle, about when the next call comes
  restart   one that is restarted all the time
  trailers  an answer with trailers
  cancel    every eighth call is given up
"""
import contextlib
import functools
import json
import subprocess
import typing

import origins
import programs
import tools
from tools import Case

AT_ONCE = 16
LIMIT_S = 300
RACE_IDLE_MS = 20
COMMON = {"get": 2000, "post": 2000, "chunked": 1000, "empty": 500, "refused": 16, "denied": 1000,
          "drip": 2, "ends": 500}
MORE = {"slow": 4, "cancel": 800}
TRAILERS = {"trailers": 500}
LONG = {"crumbs": 2, "watch": 32, "race": 640, "restart": 1600}
ALL = COMMON | MORE | LONG
BOTH = ("h1", "h2")
UPSTREAM = {"h1": "http1", "h2": "http2"}
WORDS = {"h1": "HTTP/1.1", "h2": "HTTP/2"}


class Client(typing.NamedTuple):
    """`clear` and `tls`: the versions that it speaks in clear text and over TLS."""
    name: str
    command: list
    stories: dict
    clear: tuple = BOTH
    tls: tuple = BOTH


def go_clients():
    yield Client("Go net/http", [programs.go_program("client")], ALL | TRAILERS)


def node_clients():
    command = [*programs.node_with_packages(), programs.HERE / "client.mjs"]
    yield Client("Node http and http2", [*command, "core"], ALL | TRAILERS)
    # What it did not upload stays in its HTTP/2 session, which refuses all calls from then on.
    last = {story: calls for story, calls in ALL.items() if story != "refused"}
    last |= {"refused": ALL["refused"]}
    yield Client("Node undici fetch", [*command, "undici"], last, clear=("h1",))


def python_clients():
    command = [programs.python(), programs.HERE / "client.py"]
    stories = {story: calls // 2 for story, calls in ALL.items()}  # each takes ten times Go's time
    yield Client("Python requests", [*command, "requests"], stories, ("h1",), ("h1",))
    yield Client("Python aiohttp", [*command, "aiohttp"], stories, ("h1",), ("h1",))
    yield Client("Python httpx", [*command, "httpx"], stories)


JAVA_STORIES = {story: calls for story, calls in ALL.items() if story != "cancel"}


def apache_clients():
    for version in ("5.4.1", "5.5"):
        command = programs.java_program("Client", programs.APACHE + version, programs.OKHTTP)
        yield Client(f"Apache HttpClient {version}", [*command, "apache"], JAVA_STORIES, ("h1",),
                     ("h1",))


def java_clients():
    command = programs.java_program("Client", f"{programs.APACHE}5.5", programs.OKHTTP)
    # Over TLS it waits for ever, straight too, for the answer to an upload that was cut short.
    stories = {story: calls for story, calls in JAVA_STORIES.items() if story != "refused"}
    yield Client("Java HttpClient", [*command, "jdk"], stories)
    yield Client("OkHttp", [*command, "okhttp"], JAVA_STORIES)


def rust_clients():
    yield Client("Rust reqwest", [programs.cargo_program("reqwest")], ALL)


LANGUAGES = {"Go": go_clients, "Node": node_clients, "Python": python_clients, "Java": java_clients,
             "Java, Apache": apache_clients, "Rust": rust_clients}


# --- Calls ----------------------------------------------------------------------------------------

def tell(client, stories, base, version, ca):
    """What the calls of each story came to."""
    told = ",".join(f"{story}:{calls}" for story, calls in stories.items())
    command = [*client.command, told, base, str(AT_ONCE), version, *([ca] if ca else [])]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise tools.Broken(f"{client.name} took longer than {LIMIT_S} s: {told}") from None
    if done.returncode != 0:
        raise tools.Broken(f"{client.name}: {(done.stderr or done.stdout).strip()[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])


def tell_all(client, stories, base, version, ca, origin):
    """The same, with the origin as each story wants it."""
    say = functools.partial(tell, client, base=base, version=version, ca=ca)
    told = say({story: calls for story, calls in stories.items()
                if story not in ("race", "restart")})
    if "race" in stories:
        origin.renew(RACE_IDLE_MS)
        told |= say({"race": stories["race"]})
    if "restart" in stories:
        origin.renew()
        with origin.renewed_again_and_again():
            told |= say({"restart": stories["restart"]})
    return told


def is_loss(word):
    return word.startswith(("error", "5")) or "then" in word or word == "stuck"


def compare(name, straight, through):
    """
    Nothing is lost through us that no straight run loses. Some do, by chance: httpx loses good
    calls when others of its connection are given up, and servers that end one race with calls.
    """
    for story, wanted in straight.items():
        got = through[story]
        lost, lost_straight = (sum(count for word, count in outcomes.items() if is_loss(word))
                               for outcomes in (got, wanted))
        strange = {word for word in got if not is_loss(word)} - set(wanted)
        may_lose = 2 * lost_straight + sum(wanted.values()) // 50 if lost_straight else 0
        fine = got == wanted or (not strange and lost <= may_lose)
        if story == "refused":  # a straight caller may be reset before it has read the answer
            fine |= set(got) == {"413"}
        yield Case(f"{name}, {story}", None if fine else f"straight {wanted}, through us {got}")


def pairs(client, versions, server, tls, stories, scratch, crossed):
    """
    Cases of one client and one server, `server(scratch, version, tls)` of these `versions`;
    `crossed`: with an HTTP/1 server behind an HTTP/2 caller, and the other way around, too.
    """
    ca = str(tools.certificate(scratch)[0]) if tls else None
    tell_to = functools.partial(tell_all, client, stories, ca=ca)
    scheme = "https" if tls else "http"
    for version in versions:
        with origins.running(server(scratch, version, tls)) as origin:
            straight = tell_to(f"{scheme}://localhost:{origin.port}", version, origin=origin)
        for called in (client.tls if tls else client.clear) if crossed else [version]:
            with origins.running(server(scratch, version, tls)) as origin, \
                    tools.sidecar(scratch, UPSTREAM[version], origin.port, tls, tls) as port:
                through = tell_to(f"{scheme}://localhost:{port}", called, origin=origin)
            yield from compare(f"{WORDS[called]} to {WORDS[version]}", straight, through)


def named(name, cases):
    """Whoever does not come to its end has not passed, and the others are heard all the same."""
    heard = []
    try:
        for case in cases:
            heard.append(case._replace(name=f"{name}, {case.name}"))
    except tools.Broken as broken:
        heard.append(Case(name, str(broken)))
    return heard


def matrix(language, tls, scratch, stories=None):
    cases = []
    for client in LANGUAGES[language]():
        said = {story: calls for story, calls in client.stories.items()
                if stories is None or story in stories}
        cases += named(client.name, pairs(client, client.tls if tls else client.clear, origins.go,
                                          tls, said, scratch, False))
    return cases


# --- Servers --------------------------------------------------------------------------------------

FILES = ("get", "ends", "refused", "denied", "slow", "race", "restart")
PYTHON = ("get", "post", "chunked", "empty", "refused", "denied", "drip", "crumbs", "slow", "watch",
          "restart")
SERVERS = {"Go": (origins.go, BOTH, tuple(ALL | TRAILERS)),
           "nginx": (origins.nginx, BOTH, FILES),
           "Node": (origins.node, BOTH, tuple(ALL)),
           "uvicorn": (origins.uvicorn, ("h1",), (*PYTHON, "cancel")),
           "gunicorn": (origins.gunicorn, ("h1",), PYTHON)}


def servers(name, tls, scratch):
    server, versions, stories = SERVERS[name]
    client = next(go_clients())
    return named(name, pairs(client, versions, server, tls,
                             {story: client.stories[story] for story in stories}, scratch, True))


def quick_suites():
    """The part that runs with the other suites."""
    yield "clients in Go, clear text", functools.partial(matrix, "Go", False,
                                                         stories=COMMON | MORE | TRAILERS)


def all_suites():
    """(name, function of the scratch folder)"""
    import grpc_clients
    for tls, over in ((False, "clear text"), (True, "TLS")):
        for language in LANGUAGES:
            yield f"clients in {language}, {over}", functools.partial(matrix, language, tls)
        for server in SERVERS:
            yield f"server {server}, {over}", functools.partial(servers, server, tls)
        yield from grpc_clients.suites(tls, over)
    yield from grpc_clients.soaks()
