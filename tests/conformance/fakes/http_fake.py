"""The base of the fakes that speak HTTP: one process, one port, and what it does wrong when told.

A fault belongs to the service of its name, so that one sidecar meets all of them at once. PUT /fake
{"faults": true} begins them: each is told twice, and then the truth again; {"faults": false} ends
them.
"""
import asyncio
import collections
import contextlib
import json
import pathlib
import typing
import urllib.parse

RECORDED = pathlib.Path(__file__).resolve().parent / "recorded"
HUGE = 100_000_000
TRICKLE_S = 0.5
TIMES = {"silence": 1, "trickle": 1}  # those last; others are told twice


class Request(typing.NamedTuple):
    method: str
    path: str
    query: dict
    fields: dict
    body: bytes


class Reply(typing.NamedTuple):
    status: int
    fields: dict = {}
    body: bytes = b""

    def head(self, *more):
        lines = [f"HTTP/1.1 {self.status} {'OK' if self.status < 300 else 'No'}",
                 *(f"{name}: {value}" for name, value in self.fields.items()), *more]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def message(self):
        return self.head(f"Content-Length: {len(self.body)}") + self.body


def json_reply(value, status=200, fields=()):
    body = json.dumps(value, separators=(",", ":")).encode()
    return Reply(status, {"Content-Type": "application/json", **dict(fields)}, body)


def recorded(kind):
    """What the real server answered."""
    return json.loads((RECORDED / f"{kind}.json").read_text())


PAGE = b"<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Sorry</h1></body></html>"


async def send(writer, data):
    writer.write(data)
    await writer.drain()
    await asyncio.sleep(0)  # over TLS nobody else is told that the peer is gone


# Faults of whatever speaks HTTP: what they make of a good reply.

async def torn(writer, reply):
    await send(writer, reply._replace(body=reply.body[:len(reply.body) // 2]).message())


async def cut(writer, reply):
    await send(writer, reply.message()[:-len(reply.body) // 2])


async def html(writer, _):
    await send(writer, Reply(200, {"Content-Type": "text/html"}, PAGE).message())


async def error(writer, _):
    await send(writer, Reply(502, {"Content-Type": "text/html"}, PAGE).message())


async def redirect(writer, _):
    await send(writer, Reply(302, {"Location": "/elsewhere"}).message())


async def huge(writer, reply):
    await send(writer, reply.head(f"Content-Length: {HUGE}"))
    for _ in range(HUGE // 100_000):
        await send(writer, b" " * 100_000)


async def endless(writer, reply):
    await send(writer, reply.head("Transfer-Encoding: chunked"))
    while True:
        await send(writer, b"1000\r\n" + b" " * 4096 + b"\r\n")


async def trickle(writer, reply):
    await send(writer, reply.head("Transfer-Encoding: chunked"))
    while True:
        await send(writer, b"1\r\n \r\n")
        await asyncio.sleep(TRICKLE_S)


async def silence(_, __):
    await asyncio.sleep(3600)


async def babble(writer, _):
    await send(writer, b"\x16\x03\x01 what is this\r\n\r\n")


async def hang_up(_, __):
    """Says nothing and ends."""


FAULTS = {"torn": torn, "cut": cut, "html": html, "error": error, "redirect": redirect,
          "huge": huge, "endless": endless, "trickle": trickle, "silence": silence,
          "babble": babble, "hang-up": hang_up}


class Fake:
    """Kinds give service_of(request) and answer(request); and what they make wrong, by fault, in
    `wrongs`: from a good reply a bad one."""

    wrongs = {}

    def __init__(self):
        self.faulty = False
        self.told = collections.Counter()
        self.changed = asyncio.Condition()

    def service_of(self, request):
        raise NotImplementedError

    async def answer(self, request, writer):
        """A Reply, or None when it wrote all there is itself."""
        raise NotImplementedError

    async def change(self):
        """Whoever waits looks again."""
        async with self.changed:
            self.changed.notify_all()

    async def wait(self, holds, limit_s):
        with contextlib.suppress(asyncio.TimeoutError):
            async with self.changed:
                await asyncio.wait_for(self.changed.wait_for(holds), limit_s)

    def is_faulty(self, service):
        return (self.faulty and (service in FAULTS or service in self.wrongs)
                and self.told[service] < TIMES.get(service, 2))

    async def control(self, request):
        if request.method == "PUT":
            self.faulty = json.loads(request.body)["faults"]
            await self.change()
        return json_reply(self.told)

    async def respond(self, request, writer):
        if request.path == "/fake":
            await send(writer, (await self.control(request)).message())
            return True
        service = self.service_of(request)
        reply = await self.answer(request, writer)
        if reply is None:
            return False
        if not self.is_faulty(service):
            await send(writer, reply.message())
            return True
        self.told[service] += 1
        if service in self.wrongs:
            await send(writer, self.wrongs[service](reply).message())
            return True
        await FAULTS[service](writer, reply)
        return False

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                method, target, _ = head[0].split(" ")
                fields = {name.lower(): value.strip() for name, _, value in
                          (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(fields.get("content-length", 0)))
                url = urllib.parse.urlsplit(target)
                query = dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True))
                path = urllib.parse.unquote(url.path)
                if not await self.respond(Request(method, path, query, fields, body), writer):
                    break
        writer.close()

    async def run(self, port, tls=None):
        server = await asyncio.start_server(self.serve, "127.0.0.1", port, ssl=tls)
        async with server:
            await server.serve_forever()
