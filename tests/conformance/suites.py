"""The foreign suites, each a function that returns its cases."""
import contextlib
import functools
import http.server
import re
import threading
import xml.etree.ElementTree as xml

import tools
from tools import Case

H2SPEC = ("github.com/summerwind/h2spec/cmd/h2spec", "v2.2.1+incompatible")
H2SPEC_CASES = 146
GRPC_CLIENT = ("google.golang.org/grpc/interop/client", "v1.83.0")
GRPC_SERVER = ("google.golang.org/grpc/interop/server", "v1.83.0")
# All of the client's cases but those that need credentials of a cloud, and pick_first_unary, which
# fails without a proxy too: this server does not say who it is.
GRPC_CASES = """
    empty_unary large_unary client_streaming server_streaming ping_pong empty_stream
    timeout_on_sleeping_server cancel_after_begin cancel_after_first_response
    status_code_and_message special_status_message custom_metadata unimplemented_method
    unimplemented_service rpc_soak channel_soak orca_per_rpc orca_oob""".split()
# The orca cases look at load reports through a balancer of the client.
ORCA = '{"loadBalancingConfig": [{"test_backend_metrics_load_balancer": {}}]}'
H2LOAD_REQUESTS = 4000

PAGE = b"0123456789abcdef" * 64


# --- Origins ------------------------------------------------------------------------------------

class PageHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        while "chunked" in self.headers.get("Transfer-Encoding", ""):
            length = int(self.rfile.readline(), 16)
            self.rfile.read(length)
            self.rfile.readline()
            if length == 0:
                break
        self.send_response(200)
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(PAGE)

    do_GET = do_HEAD = do_POST = do_PUT = do_OPTIONS = answer

    def log_message(self, *_):
        pass


class PageServer(http.server.ThreadingHTTPServer):
    request_queue_size = 256

    def handle_error(self, *_):
        """Broken connections are what suites are about."""


@contextlib.contextmanager
def http1_origin(_scratch):
    server = PageServer(("127.0.0.1", 0), PageHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def http2_origin(scratch):
    nghttpd = tools.debian_tool("nghttpd", "nghttp2-server")
    (scratch / "index.html").write_bytes(PAGE)
    port = tools.free_port()
    with tools.server([nghttpd, "--no-tls", "-a", "127.0.0.1", "-d", scratch, str(port)], port):
        yield port


ORIGINS = {"http1": http1_origin, "http2": http2_origin}


# --- Suites -------------------------------------------------------------------------------------

def h2spec(protocol, tls, scratch):
    program = tools.go_tool(*H2SPEC)
    report = scratch / "h2spec.xml"
    report.unlink(missing_ok=True)
    with ORIGINS[protocol](scratch) as origin, \
            tools.sidecar(scratch, protocol, origin, tls) as port:
        over = ["--tls", "--insecure"] if tls else []
        status, said = tools.run(
            [program, "--strict", "--timeout", "10", "--port", str(port),
             "--junit-report", report, *over], 400)
    if not report.exists():
        raise tools.Broken(f"h2spec ended with {status}: {said[-500:]}")
    cases = list(read_h2spec(report))
    if len(cases) != H2SPEC_CASES:
        cases.append(Case("all", f"h2spec ran {len(cases)} cases, not {H2SPEC_CASES}"))
    return cases


def read_h2spec(report):
    for suite in xml.parse(report).getroot().iter("testsuite"):
        for number, case in enumerate(suite.findall("testcase"), 1):
            bad = next((e for e in case if e.tag in ("failure", "error", "skipped")), None)
            wrong = None
            if bad is not None:
                wrong = f"{case.get('classname')}: {bad.tag}: {' '.join((bad.text or '').split())}"
            yield Case(f"{suite.get('package')}/{number}", wrong)


def grpc(tls, scratch):
    client, server = tools.go_tool(*GRPC_CLIENT), tools.go_tool(*GRPC_SERVER)
    options, server_options = [], []
    if tls:
        cert, key = tools.certificate(scratch)
        options = ["--use_tls", "--use_test_ca", f"--ca_file={cert}",
                   "--server_host_override=origin"]
        server_options = ["--use_tls", f"--tls_cert_file={cert}", f"--tls_key_file={key}"]
    port = tools.free_port()
    with tools.server([server, f"--port={port}", *server_options], port), \
            tools.sidecar(scratch, "http2", port, tls, upstream_tls=tls) as listener:
        command = [client, "--server_host=127.0.0.1", f"--server_port={listener}", *options]
        return [grpc_case(command, case) for case in GRPC_CASES]


def grpc_case(command, case):
    balancer = [f"--service_config_json={ORCA}"] if case.startswith("orca") else []
    status, said = tools.run([*command, f"--test_case={case}", *balancer], 30)
    return Case(case, None if status == 0 else f"ended with {status}: {said.strip()[-300:]}")


def h2load(protocol, tls, scratch):
    program = tools.debian_tool("h2load", "nghttp2-client")
    with ORIGINS[protocol](scratch) as origin, \
            tools.sidecar(scratch, protocol, origin, tls) as port:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port}/"
        _, said = tools.run([program, "-n", str(H2LOAD_REQUESTS), "-c", "8", "-m", "16", url], 60)
    good = re.search(r"^status codes: (\d+) 2xx", said, re.M)
    failed = re.search(r"^requests:.* (\d+) failed, (\d+) errored, (\d+) timeout", said, re.M)
    if good and failed and int(good[1]) == H2LOAD_REQUESTS and set(failed.groups()) == {"0"}:
        return [Case(f"{H2LOAD_REQUESTS} requests")]
    return [Case(f"{H2LOAD_REQUESTS} requests", " ".join(said[-600:].split()))]


def all_suites():
    """(name, function of the scratch folder)"""
    for tls in (False, True):
        before = "TLS" if tls else "h2c"
        for protocol, words in (("http1", "HTTP/1"), ("http2", "HTTP/2")):
            yield (f"h2spec {before}, {words} upstream",
                   functools.partial(h2spec, protocol, tls))
            yield (f"h2load {before}, {words} upstream",
                   functools.partial(h2load, protocol, tls))
        yield f"gRPC interop {before} on both sides", functools.partial(grpc, tls)
