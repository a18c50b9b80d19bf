"""Real registries as processes, and what a story does with each of them."""
import contextlib
import json
import os
import secrets
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request

import registry_builds
import tools

EUREKA_FLAGS = [
    "--eureka.client.register-with-eureka=false", "--eureka.client.fetch-registry=false",
    "--eureka.server.response-cache-update-interval-ms=200",
    "--eureka.server.use-read-only-response-cache=false",
    "--eureka.server.eviction-interval-timer-in-ms=1000",
    "--eureka.server.wait-time-in-ms-when-sync-empty=0", "--server.address=127.0.0.1"]
START_S = 90


class Process:
    """A server that can be stopped, started anew and frozen; where it is stays."""

    def __init__(self, command, log, is_ready):
        self.command, self.log, self.is_ready = command, log, is_ready
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log)
        ends = time.monotonic() + START_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > ends:
                raise tools.Broken(f"{self.command[0]} did not start: "
                                   + self.log.read_text(errors="replace")[-500:])
            time.sleep(0.05)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def reload(self):
        self.process.send_signal(signal.SIGHUP)


class HttpServer(Process):
    """One that is spoken to over HTTP; `fields` go with every question."""

    def __init__(self, command, log, url, ready, fields=(), ca_file=None):
        super().__init__(command, log, self.answers)
        self.url, self.ready, self.fields = url, ready, dict(fields)
        self.tls = ca_file and ssl.create_default_context(cafile=ca_file)

    def answers(self):
        with contextlib.suppress(OSError):
            return self.ask("GET", self.ready)[0] == 200
        return False

    def ask(self, method, path, body=None, fields=()):
        """(status, body, fields); whatever the status is. A body is JSON, or text of some type."""
        data = body.encode() if isinstance(body, str) else body and json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, method=method, data=data,
                                         headers={"content-type": "application/json",
                                                  **self.fields, **dict(fields)})
        try:
            with urllib.request.urlopen(request, timeout=5, context=self.tls) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    def must(self, statuses, method, path, body=None, fields=()):
        status, said, _ = self.ask(method, path, body, fields)
        if status not in statuses:
            raise tools.Broken(f"{method} {path} gave {status} {said[:300]}")
        return said


def consul(scratch):
    command = [registry_builds.consul(), "agent", "-dev", "-bind", "127.0.0.1", "-client",
               "127.0.0.1", "-dns-port=-1", "-grpc-port=-1"]
    return HttpServer(command, scratch / "consul.log", "http://127.0.0.1:8500",
                      "/v1/catalog/nodes")


def eureka(scratch):
    command = [tools.debian_tool("java", "default-jre-headless"), "-Xmx256m",
               "-XX:TieredStopAtLevel=1", "-jar", registry_builds.eureka(), "--server.port=8761",
               *EUREKA_FLAGS]
    return HttpServer(command, scratch / "eureka.log", "http://127.0.0.1:8761", "/eureka/apps")


class KubernetesFiles:
    """What an API server is started with. A token is made at each rotation; the old one is none
    any more once the server was started again."""

    def __init__(self, scratch):
        self.folder = scratch
        self.certificate, self.key = tools.certificate(scratch)
        self.admin = secrets.token_hex(16)
        self.token_file = scratch / "token"
        self.rotate()

    def rotate(self):
        token = secrets.token_hex(16)
        (self.folder / "tokens.csv").write_text(f'{self.admin},admin,1,"system:masters"\n'
                                                f"{token},sidecar,2\n")
        (self.folder / "token.new").write_text(token)
        os.replace(self.folder / "token.new", self.token_file)


def etcd(scratch):
    url = "http://127.0.0.1:2379"
    command = [tools.debian_tool("etcd", "etcd-server"), "--data-dir", scratch / "etcd",
               "--listen-client-urls", url, "--advertise-client-urls", url,
               "--listen-peer-urls", "http://127.0.0.1:2380"]
    return HttpServer(command, scratch / "etcd.log", url, "/health")


def kube_apiserver(scratch, files):
    key, public = scratch / "accounts.key", scratch / "accounts.pub"
    if not key.exists():
        openssl = tools.debian_tool("openssl", "openssl")
        subprocess.run([openssl, "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        subprocess.run([openssl, "rsa", "-in", key, "-pubout", "-out", public], check=True,
                       capture_output=True)
    command = [registry_builds.kube_apiserver(), "--etcd-servers=http://127.0.0.1:2379",
               f"--cert-dir={scratch}", f"--tls-cert-file={files.certificate}",
               f"--tls-private-key-file={files.key}", "--secure-port=6443",
               "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
               "--service-cluster-ip-range=10.0.0.0/24", "--service-account-issuer=https://x",
               f"--service-account-key-file={public}", f"--service-account-signing-key-file={key}",
               "--authorization-mode=RBAC", f"--token-auth-file={scratch / 'tokens.csv'}",
               "--disable-admission-plugins=ServiceAccount"]
    return HttpServer(command, scratch / "apiserver.log", "https://127.0.0.1:6443", "/readyz",
                      {"authorization": f"Bearer {files.admin}"}, files.certificate)
