"""Programs of the foreign suites: where they come from, and how they start and end."""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import typing

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTRIGGER = pathlib.Path(os.environ.get("OUTRIGGER", ROOT / "build/release/outrigger"))
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
GO_NEEDED = (1, 25)  # what gRPC v1.83 asks for; Debian 12 has 1.19
installs = True  # else only what is in the cache is used
INSTALL_LIMIT_S = 3600  # an API server of Kubernetes, where others build too
START_LIMIT_S = 20
END_LIMIT_S = 15


class Missing(Exception):
    """A tool is not there: why."""


class Broken(Exception):
    """A program that must run did not start, or did not end as it should."""


class Case(typing.NamedTuple):
    """`wrong`: what the suite says went wrong."""
    name: str
    wrong: str | None = None


def debian_tool(name, package):
    path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if path is None:
        raise Missing(f"{name} is not there: Debian package {package}")
    return path


def go_tool(package, version):
    """The program of a Go package; each has a folder to itself, as names repeat."""
    folder = CACHE / "outrigger/conformance" / f"{package.replace('/', '_')}@{version}"
    program = folder / package.rsplit("/", 1)[1]
    if not program.exists():
        go_install(f"{package}@{version}", folder)
    return str(program)


def digest(what):
    """Of a file or of words: names a folder of the cache that is made anew when they change."""
    data = what.read_bytes() if isinstance(what, pathlib.Path) else "\n".join(what).encode()
    return hashlib.sha256(data).hexdigest()[:12]


def need_go():
    needed = "Go {}.{} or newer".format(*GO_NEEDED)
    if shutil.which("go") is None:
        raise Missing(f"{needed} is not there")
    said = subprocess.run(["go", "version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"go(\d+)\.(\d+)", said)
    if found is None or tuple(map(int, found.groups())) < GO_NEEDED:
        raise Missing(f"it needs {needed}, and here is: {said.strip()}")


def go_install(what, folder):
    need_go()
    folder.mkdir(parents=True, exist_ok=True)
    install(f"go install {what}", ["go", "install", what], folder,
            {**os.environ, "GOBIN": str(folder)})


def java_tool(*artifacts):
    """The command that runs a class, and the class path of these: GROUP:NAME:VERSION."""
    name, version = artifacts[0].split(":")[1:]
    java = debian_tool("java", "default-jre-headless")
    folder = CACHE / "outrigger/conformance" / f"{name}@{version}"
    if not folder.exists():
        maven_install(artifacts, folder)
    # Most of a short run is the start of the machine: one compiler, and no threads to collect.
    return [java, "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"], f"{folder}/*"


POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>outrigger</groupId> <artifactId>conformance</artifactId> <version>1</version>
  <packaging>pom</packaging>
  <dependencies>{}</dependencies>
</project>
"""
DEPENDENCY = ("<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>"
              "</dependency>")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"


def maven_install(artifacts, folder):
    """All jars or, where that fails, no folder."""
    maven = debian_tool("mvn", "maven")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as partial:
        pom, jars = pathlib.Path(partial) / "pom.xml", pathlib.Path(partial) / folder.name
        pom.write_text(POM.format("".join(DEPENDENCY.format(*artifact.split(":"))
                                          for artifact in artifacts)))
        install(f"mvn dependency:copy-dependencies of {folder.name}",
                [maven, "-q", "-B", "-f", pom, COPY, f"-DoutputDirectory={jars}"], folder.parent)
        jars.rename(folder)


def need_installing(words):
    if not installs:
        raise Missing(f"{words}: not in the cache (./dev conformance setup)")


def install(words, command, folder, environment=None):
    """Runs what brings a program here; without success it is Missing."""
    need_installing(words)
    print(f"conformance: {words}", flush=True)
    try:
        done = subprocess.run(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=INSTALL_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise Missing(f"{words} took longer than {INSTALL_LIMIT_S} s") from None
    if done.returncode != 0:
        # Maven closes with where to read about its errors.
        said = " ".join(done.stdout.split("[Help 1]")[0].split())
        raise Missing(f"{words} failed: {said[-300:]}")


def free_port():
    """For programs that cannot say which port they chose themselves."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(holds, what, process):
    ends = time.monotonic() + START_LIMIT_S
    while not (found := holds()):
        if process.poll() is not None or time.monotonic() > ends:
            raise Broken(f"{what} did not start")
        time.sleep(0.02)
    return found


def accepts(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def server(command, port):
    """Runs a server on loopback until the block ends."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: accepts(port), command[0], process)
        yield port
    finally:
        process.kill()
        process.wait()


def certificate(scratch):
    """The files of a certificate for "origin" and its key; it is its own authority."""
    files = scratch / "certificate.pem", scratch / "key.pem"
    if not files[0].exists():
        subprocess.run([debian_tool("openssl", "openssl"), "req", "-x509", "-nodes", "-newkey",
                        "rsa:2048", "-days", "2", "-subj", "/CN=origin", "-addext",
                        "subjectAltName=DNS:origin,DNS:localhost,IP:127.0.0.1",
                        "-out", files[0], "-keyout", files[1]],
                       check=True, capture_output=True, timeout=START_LIMIT_S)
    return files


CONFIGURATION = """\
admin: {{address: "127.0.0.1:0"}}
metrics: {{address: "127.0.0.1:0"}}
drain: {{grace: 1s, quiet: 0s}}
listeners: [{{name: suite, address: "127.0.0.1:0", service: origin, tls: {tls}}}]
services:
  origin:
    protocol: {protocol}
    tls: {upstream_tls}
    endpoints: {{static: ["127.0.0.1:{port}"]}}
"""


class Sidecar(typing.NamedTuple):
    port: int
    metrics_port: int
    pid: int
    log: pathlib.Path

    def port_of(self, listener):
        return port_of(self.log.read_text(), listener)


@contextlib.contextmanager
def sidecar(scratch, protocol, origin_port, tls=False, upstream_tls=False):
    """Runs the product before that origin; gives the port of its listener."""
    cert, key = certificate(scratch) if tls or upstream_tls else (None, None)
    text = CONFIGURATION.format(
        protocol=protocol, port=origin_port,
        tls=f"{{cert_file: {cert}, key_file: {key}}}" if tls else "off",
        upstream_tls=f"{{ca_file: {cert}, server_name: origin}}" if upstream_tls else "off")
    with sidecar_with(scratch, text) as running:
        yield running.port


def sidecar_with(scratch, configuration):
    """Runs the product with that; its listener is called "suite"."""
    file = scratch / "outrigger.yaml"
    file.write_text(configuration)
    return sidecar_of(scratch, file)


@contextlib.contextmanager
def sidecar_of(scratch, file):
    """The same with a file, or a folder of files, that is there."""
    if not OUTRIGGER.exists():
        raise Broken(f"there is no {OUTRIGGER}: ./dev build")
    log = scratch / "outrigger.log"
    with log.open("w") as out:
        process = subprocess.Popen([OUTRIGGER, "run", "-c", file], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=out)
    try:
        eventually(lambda: '"msg":"ready"' in log.read_text(), "outrigger", process)
        text = log.read_text()
        yield Sidecar(port_of(text, "suite"), port_of(text, "metrics"), process.pid, log)
        end(process, log)
    finally:
        process.kill()
        process.wait()


def port_of(log, listener):
    for line in filter(None, log.splitlines()):
        said = json.loads(line)
        if said.get("listener") == listener:
            return int(said["address"].rsplit(":", 1)[1])
    raise Broken(f"outrigger names no listener {listener}")


def end(process, log):
    """A suite that brought the product down has not passed, whatever it counted."""
    process.terminate()
    try:
        status = process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        status = f"nothing within {END_LIMIT_S} s"
    if status != 0:
        lines = log.read_text().splitlines()
        telling = [line for line in lines if "ERROR: " in line or "runtime error" in line]
        raise Broken(f"outrigger ended with {status}: {(telling or lines or ['no word'])[-1]}")


def run(command, limit_s):
    """(exit status, its output); a program past its limit is ended and has None."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace",
                              timeout=limit_s, check=False)
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout
