"""The client matrix: ordinary programs, each at full rate, through the sidecar and straight.

Every client of clients/ tells the same stories, straight to the origin and through the sidecar, in
clear text and over TLS, and what its calls came to must be the same. Then each server that is not
ours is called by one client in the same manner.

  get       a page                     empty     a POST without a body
  post      a body of known length     chunked   a body whose length is not said
  refused   4 MiB to who answers 413 and reads none of it
  denied    a small body to who answers 401 and reads none of it
  drip      100,000 pieces of one byte
  slow      a reader that pauses
  ends      a server that ends its connections now and then
  trailers  an answer with trailers
  cancel    every eighth call is given up
"""
import contextlib
import functools
import json
import pathlib
import re
import subprocess
import sys
import typing

import tools
from tools import Case

HERE = pathlib.Path(__file__).resolve().parent / "clients"
AT_ONCE = 16
LIMIT_S = 180
COMMON = {"get": 2000, "post": 2000, "chunked": 1000, "empty": 500, "refused": 16, "denied": 1000,
          "drip": 2, "ends": 500}
MORE = {"slow": 4, "cancel": 800}
TRAILERS = {"trailers": 500}
PYTHON_PACKAGES = ["requests==2.32.3", "aiohttp==3.11.11", "httpx[http2]==0.28.1",
                   "uvicorn==0.34.0", "gunicorn==23.0.0"]


class Client(typing.NamedTuple):
    name: str
    command: list
    versions: tuple
    stories: dict


# --- Programs -------------------------------------------------------------------------------------

def go_program(name):
    """The program of clients/NAME.go, built once for each version of its text."""
    source = HERE / f"{name}.go"
    folder = tools.CACHE / "outrigger/conformance" / f"{name}-{tools.digest(source)}"
    if not (folder / name).exists():
        tools.need_go()
        folder.mkdir(parents=True, exist_ok=True)
        tools.install(f"go build {name}.go", ["go", "build", "-o", folder / name, source], folder)
    return str(folder / name)


@functools.cache
def python_with_packages():
    """The interpreter of an environment of its own that has PYTHON_PACKAGES."""
    folder = tools.CACHE / "outrigger/conformance" / f"python-{tools.digest(PYTHON_PACKAGES)}"
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        tools.install("python3 -m venv", [sys.executable, "-m", "venv", "--clear", partial],
                      folder.parent)
        tools.install("pip install " + " ".join(PYTHON_PACKAGES),
                      [partial / "bin/python", "-m", "pip", "install", "-q", *PYTHON_PACKAGES],
                      folder.parent)
        partial.rename(folder)
    return str(folder / "bin/python")


def go_clients():
    yield Client("Go net/http", [go_program("client")], ("h1", "h2"), COMMON | MORE | TRAILERS)


def node_clients():
    node = tools.debian_tool("node", "nodejs")
    yield Client("Node", [node, HERE / "client.mjs"], ("h1", "h2"), COMMON | MORE | TRAILERS)


def python_clients():
    python = python_with_packages()
    for name, versions in (("requests", ("h1",)), ("aiohttp", ("h1",)), ("httpx", ("h1", "h2"))):
        yield Client(f"Python {name}", [python, HERE / "client.py", name], versions, COMMON | MORE)


def java_clients():
    command, jars = tools.java_tool(HERE / "pom.xml")
    for name, kind, versions in (("Apache HttpClient 5.4", "apache", ("h1",)),
                                 ("Java HttpClient", "jdk", ("h1", "h2")),
                                 ("OkHttp", "okhttp", ("h1", "h2"))):
        yield Client(name, [*command, "-cp", jars, HERE / "Client.java", kind], versions, COMMON)


LANGUAGES = {"Go": go_clients, "Node": node_clients, "Python": python_clients, "Java": java_clients}


# --- Calls ----------------------------------------------------------------------------------------

def tell(client, stories, base, version, ca):
    """What the calls of each story came to."""
    told = ",".join(f"{story}:{calls}" for story, calls in stories.items())
    command = [*client.command, told, base, str(AT_ONCE), version, *([ca] if ca else [])]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired:
        raise tools.Broken(f"{client.name} took longer than {LIMIT_S} s") from None
    if done.returncode != 0:
        raise tools.Broken(f"{client.name}: {(done.stderr or done.stdout).strip()[-300:]}")
    return json.loads(done.stdout.splitlines()[-1])


def is_loss(word):
    return word.startswith("error") or "then" in word or word == "stuck"


def compare(name, straight, through):
    """What is lost through us was lost at least as often by a straight run."""
    for story, wanted in straight.items():
        got = through[story]
        lost, lost_straight = (sum(count for word, count in outcomes.items() if is_loss(word))
                               for outcomes in (got, wanted))
        strange = {word for word in got if not is_loss(word)} - set(wanted)
        fine = got == wanted or (not strange and lost <= lost_straight)
        if story == "refused":  # a straight caller may be reset before it has read the answer
            fine = set(got) == {"413"}
        yield Case(f"{name}, {story}", None if fine else f"straight {wanted}, through us {got}")


@contextlib.contextmanager
def origin(scratch, tls):
    port = tools.free_port()
    files = [str(file) for file in tools.certificate(scratch)] if tls else []
    with tools.server([go_program("origin"), f"127.0.0.1:{port}", *files], port):
        yield port


def matrix(language, tls, scratch):
    cases = []
    ca = str(tools.certificate(scratch)[0]) if tls else None
    scheme = "https" if tls else "http"
    for client in LANGUAGES[language]():
        for version in client.versions:
            upstream = "http2" if version == "h2" else "http1"
            with origin(scratch, tls) as straight, origin(scratch, False) as behind, \
                    tools.sidecar(scratch, upstream, behind, tls) as port:
                told = [tell(client, client.stories, f"{scheme}://localhost:{at}", version, ca)
                        for at in (straight, port)]
            words = f"{client.name} {'HTTP/2' if version == 'h2' else 'HTTP/1.1'}"
            cases.extend(compare(words, *told))
    return cases


# --- Servers --------------------------------------------------------------------------------------

NGINX = """\
daemon off; worker_processes 1; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 256; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; scgi_temp_path {folder}; uwsgi_temp_path {folder};
  keepalive_requests 50;
  server {{ listen 127.0.0.1:{port}{http2}; client_max_body_size 1m;
    location /page {{ return 200 "{page}"; }}
    location /ends {{ return 200 "{page}"; }}
    location /refuse {{ client_max_body_size 1k; root {folder}; }} }} }}
"""


@contextlib.contextmanager
def nginx(scratch, version):
    program = tools.debian_tool("nginx", "nginx-light")
    port = tools.free_port()
    folder = scratch / "nginx"
    folder.mkdir(exist_ok=True)
    file = folder / "nginx.conf"
    file.write_text(NGINX.format(folder=folder, port=port, page="x" * 1024,
                                 http2=" http2" if version == "h2" else ""))
    with tools.server([program, "-c", str(file), "-p", str(folder)], port):
        yield port


@contextlib.contextmanager
def node_server(scratch, version):
    node = tools.debian_tool("node", "nodejs")
    port = tools.free_port()
    with tools.server([node, HERE / "server.mjs", str(port), version], port):
        yield port


@contextlib.contextmanager
def python_server(kind, scratch, _version):
    python = python_with_packages()
    port = tools.free_port()
    command = {"uvicorn": [python, "-m", "uvicorn", "--log-level", "critical", "--port", str(port),
                           "--app-dir", HERE, "servers:asgi"],
               "gunicorn": [python, "-m", "gunicorn", "--log-level", "critical", "--threads", "16",
                            "--chdir", HERE, "-b", f"127.0.0.1:{port}", "servers:wsgi"]}[kind]
    with tools.server(command, port):
        yield port


SERVERS = (("nginx", nginx, ("h1", "h2"), {"get": 2000, "ends": 2000, "refused": 16}),
           ("Node", node_server, ("h1", "h2"), {"get": 2000, "post": 1000, "chunked": 500}),
           ("uvicorn", functools.partial(python_server, "uvicorn"), ("h1",),
            {"get": 2000, "post": 1000, "chunked": 500}),
           ("gunicorn", functools.partial(python_server, "gunicorn"), ("h1",),
            {"get": 1000, "post": 500, "chunked": 500}))


def servers(scratch):
    client = next(go_clients())
    cases = []
    for name, start, versions, stories in SERVERS:
        for version in versions:
            with start(scratch, version) as behind, \
                    tools.sidecar(scratch, {"h1": "http1", "h2": "http2"}[version], behind) as port:
                told = [tell(client, stories, f"http://localhost:{at}", version, None)
                        for at in (behind, port)]
            words = f"{name} {'HTTP/2' if version == 'h2' else 'HTTP/1.1'}"
            cases.extend(compare(words, *told))
    return cases


# --- gRPC -----------------------------------------------------------------------------------------

SOAK = ["--test_case=rpc_soak", "--soak_iterations=20000", "--soak_max_failures=0",
        "--soak_overall_timeout_seconds=170",
        "--soak_per_iteration_max_acceptable_latency_ms=10000"]


def soak(threads, scratch):
    """The soak of gRPC's own client: not one of 20,000 calls may be lost."""
    import suites
    go = suites.grpc_go(scratch)
    port = tools.free_port()
    with tools.server([*go.server, f"--port={port}", "--use_tls=false"], port), \
            tools.sidecar(scratch, "http2", port) as listener:
        status, said = tools.run(
            [*go.client, "--server_host=127.0.0.1", f"--server_port={listener}", "--use_tls=false",
             *SOAK, f"--soak_num_threads={threads}"], LIMIT_S)
    found = re.search(r"failures: (\d+)", said)
    good = status == 0 and (found is None or found[1] == "0")
    return [Case(f"20,000 calls, {threads} at once", None if good else said.strip()[-300:])]


def quick_suites():
    """The part that runs with the other suites."""
    yield "clients in Go, clear text", functools.partial(matrix, "Go", False)


def all_suites():
    """(name, function of the scratch folder)"""
    for language in LANGUAGES:
        for tls in (False, True):
            yield (f"clients in {language}, {'TLS' if tls else 'clear text'}",
                   functools.partial(matrix, language, tls))
    yield "servers", servers
    for threads in (1, 8):
        yield f"gRPC soak of Go, {threads} at once", functools.partial(soak, threads)
