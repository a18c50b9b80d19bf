"""The servers of the client matrix."""
import contextlib
import os
import select
import signal
import socket
import subprocess
import threading

import programs
import tools

RENEW_EVERY_S = 0.7
END_LIMIT_S = 15


class Origin:
    """A server on loopback. Its listening socket outlives it, so that a restart refuses nobody."""

    def __init__(self, command, end_by=signal.SIGTERM, tells=True, host="127.0.0.1"):
        """
        `command(fd, port, idle_ms)`; `end_by`: the signal that lets calls end first; `tells`: it
        writes to the descriptor $READY when it serves; `host`: the address that it listens on.
        """
        self.command = command
        self.end_by = end_by
        self.tells = tells
        self.listener = socket.create_server((host, 0), backlog=1024)
        self.port = self.listener.getsockname()[1]
        self.process = None

    def begin(self, idle_ms=0):
        """`idle_ms`: how long it keeps a connection without a call; 0: as it does by itself."""
        fd = self.listener.fileno()
        ready, tell = os.pipe()
        self.process = subprocess.Popen(
            self.command(fd, self.port, idle_ms), pass_fds=[fd, tell], stdin=subprocess.DEVNULL,
            env={**os.environ, "READY": str(tell)}, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(tell)
        with open(ready, "rb", buffering=0) as told:
            said = self.tells and select.select([told], [], [], tools.START_LIMIT_S)[0]
            if self.tells and not (said and told.read(1)):
                raise tools.Broken(f"{self.process.args[0]} did not start")

    def renew(self, idle_ms=0):
        """Another one takes its place while it ends what it has."""
        old = self.process
        self.begin(idle_ms)
        end(old, self.end_by)

    @contextlib.contextmanager
    def renewed_again_and_again(self):
        over = threading.Event()

        def work():
            while not over.wait(RENEW_EVERY_S):
                self.renew()

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def end(process, how):
    process.send_signal(how)
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running(origin):
    try:
        origin.begin()
        yield origin
    finally:
        origin.process.kill()
        origin.process.wait()
        origin.listener.close()


def go(scratch, _version, tls, host="127.0.0.1"):
    program = programs.go_program("origin")
    files = certificate(scratch, tls)
    return Origin(lambda fd, _port, idle_ms: [program, str(fd), str(idle_ms), *files], host=host)


def grpc_go(scratch, _version, tls):
    program = programs.go_program("grpc_origin")
    files = certificate(scratch, tls)
    return Origin(lambda fd, _port, idle_ms: [program, str(fd), str(idle_ms), *files])


def node(scratch, version, tls):
    files = certificate(scratch, tls)
    return Origin(lambda fd, _port, idle_ms: [
        programs.node(), programs.HERE / "server.mjs", str(fd), str(idle_ms), version, *files])


def uvicorn(scratch, _version, tls):
    files = certificate(scratch, tls)
    over = ["--ssl-certfile", files[0], "--ssl-keyfile", files[1]] if tls else []
    return Origin(lambda fd, *_: [
        programs.python(), "-m", "uvicorn", "--log-level", "critical", "--fd", str(fd), *over,
        "--app-dir", programs.HERE, "servers:asgi"])


def gunicorn(scratch, _version, tls):
    files = certificate(scratch, tls)
    over = ["--certfile", files[0], "--keyfile", files[1]] if tls else []
    return Origin(lambda fd, *_: [
        programs.python(), "-m", "gunicorn", "--log-level", "critical", "--threads", "16", *over,
        "--chdir", programs.HERE, "-b", f"fd://{fd}", "servers:make_wsgi()"])


NGINX = """\
daemon off; worker_processes 1; pid {folder}/pid; error_log /dev/null; user root;
events {{ worker_connections 512; }}
http {{ access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; scgi_temp_path {folder}; uwsgi_temp_path {folder};
  keepalive_requests 50; keepalive_timeout {idle};
  server {{ listen 127.0.0.1:{port}{over}; client_max_body_size 1m; root {folder};
    location /page {{ return 200 "{page}"; }}
    location /ends {{ return 200 "{page}"; }}
    location /denied {{ return 401; }}
    location /refuse {{ client_max_body_size 1k; }} }}
  {trust} }}
"""


def nginx(scratch, version, tls):
    program = tools.debian_tool("nginx", "nginx-light")
    folder = scratch / "nginx"
    folder.mkdir(exist_ok=True)
    (folder / "large").write_bytes(bytes(8 << 20))
    files = certificate(scratch, tls)
    trust = f"ssl_certificate {files[0]}; ssl_certificate_key {files[1]};" if tls else ""
    over = (" ssl" if tls else "") + (" http2" if version == "h2" else "")

    def command(fd, port, idle_ms):
        file = folder / "nginx.conf"
        file.write_text(NGINX.format(folder=folder, port=port, over=over, trust=trust,
                                     page="x" * 1024, idle=f"{idle_ms}ms" if idle_ms else "75s"))
        # As nginx hands its sockets to the program that takes its place.
        return ["env", f"NGINX={fd};", program, "-c", file, "-p", folder]

    return Origin(command, signal.SIGQUIT, tells=False)


def certificate(scratch, tls):
    return [str(file) for file in tools.certificate(scratch)] if tls else []
