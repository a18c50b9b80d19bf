"""The foreign suites, each a function that returns its cases."""
import contextlib
import functools
import http.server
import re
import shutil
import threading
import typing
import xml.etree.ElementTree as xml

import programs
import tools
from tools import Case

H2SPEC = ("github.com/summerwind/h2spec/cmd/h2spec", "v2.2.1+incompatible")
H2SPEC_CASES = 146
GRPC_GO_CLIENT = (f"{programs.GRPC_GO}/interop/client", programs.GRPC_GO_VERSION)
GRPC_GO_SERVER = (f"{programs.GRPC_GO}/interop/server", programs.GRPC_GO_VERSION)
# All cases of the Go client but those that need credentials of a cloud, and pick_first_unary, which
# fails without a proxy too: no server says who it is.
GRPC_CASES = """
    empty_unary large_unary client_streaming server_streaming ping_pong empty_stream
    timeout_on_sleeping_server cancel_after_begin cancel_after_first_response
    status_code_and_message special_status_message custom_metadata unimplemented_method
    unimplemented_service rpc_soak channel_soak""".split()
# The orca cases look at load reports through a balancer of the client. Java's wait for seconds.
ORCA_CASES = ["orca_per_rpc", "orca_oob"]
ORCA = '{"loadBalancingConfig": [{"test_backend_metrics_load_balancer": {}}]}'
# Java on both sides: the Go client has none of these cases, and the Go server knows no
# compression and takes no more than 4 MiB. Without a proxy fail, too: client_compressed_unary and
# client_compressed_streaming, as no server answers their first, malformed call as they ask (the
# rest of them is here), and cacheable_unary, which no server has.
JAVA_CASES = """
    client_compressed_unary_noprobe server_compressed_unary client_compressed_streaming_noprobe
    server_compressed_streaming very_large_request""".split()
# Client, server, and what is run. A Java client takes a second to start, so not everything is run
# with everything; OkHttp is the other HTTP/2 of the Java client.
GRPC_PAIRS = (("Go", "Go", GRPC_CASES + ORCA_CASES), ("Go", "Java", GRPC_CASES + ORCA_CASES),
              ("Java", "Go", GRPC_CASES), ("OkHttp", "Java", JAVA_CASES))
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


class Grpc(typing.NamedTuple):
    """The commands of one language's interop programs; `--use_tls` is left to say."""
    client: list
    server: list


def grpc_go(scratch):
    cert, key = tools.certificate(scratch)
    return Grpc([tools.go_tool(*GRPC_GO_CLIENT), f"--ca_file={cert}"],
                [tools.go_tool(*GRPC_GO_SERVER), f"--tls_cert_file={cert}",
                 f"--tls_key_file={key}"])


def grpc_java(scratch):
    """Java's programs find their certificates on the class path, where the first one counts."""
    command, jars = tools.java_tool(programs.GRPC_JAVA)
    cert, key = tools.certificate(scratch)
    (scratch / "certs").mkdir(exist_ok=True)
    for name, file in (("ca.pem", cert), ("server1.pem", cert), ("server1.key", key)):
        shutil.copy(file, scratch / "certs" / name)
    command = [*command, "-cp", f"{scratch}:{jars}"]
    return Grpc([*command, "io.grpc.testing.integration.TestServiceClient"],
                [*command, "io.grpc.testing.integration.TestServiceServer"])


def grpc_okhttp(scratch):
    java = grpc_java(scratch)
    return java._replace(client=[*java.client, "--use_okhttp=true"])


GRPC = {"Go": grpc_go, "Java": grpc_java, "OkHttp": grpc_okhttp}


def grpc(client, server, cases, tls, scratch):
    client, server = GRPC[client](scratch).client, GRPC[server](scratch).server
    over = f"--use_tls={str(tls).lower()}"
    port = tools.free_port()
    with tools.server([*server, f"--port={port}", over], port), \
            tools.sidecar(scratch, "http2", port, tls, upstream_tls=tls) as listener:
        command = [*client, "--server_host=127.0.0.1", f"--server_port={listener}", over,
                   "--use_test_ca=true", "--server_host_override=origin"]
        return [grpc_case(command, case) for case in cases]


def grpc_case(command, case):
    balancer = [f"--service_config_json={ORCA}"] if case in ORCA_CASES else []
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
        for client, server, cases in GRPC_PAIRS:
            yield (f"gRPC interop {before} on both sides, {client} client, {server} server",
                   functools.partial(grpc, client, server, cases, tls))
