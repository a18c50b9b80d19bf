"""A Kubernetes API server as far as the stories see it:
python kubernetes.py PORT CERTIFICATE KEY TOKENS STATE.

It keeps all objects in STATE over a restart, but not its history: whoever watches from before is
told 410. A fault belongs to the namespace of its name. Lists come in pages of one slice.
"""
import asyncio
import copy
import csv
import json
import pathlib
import ssl
import sys
import time

import http_fake
from http_fake import Fake, Reply, json_reply, recorded, send

SLICES = "endpointslices"
LIST = recorded("kubernetes")["found"]
ITEM = LIST["body"]["items"][0]
BOOKMARK_S = 2


def status(code, reason, message):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code}


def event(kind, item):
    return json.dumps({"type": kind, "object": item}, separators=(",", ":")).encode() + b"\n"


EXPIRED = status(410, "Expired", "too old resource version: 1 (2)")


def bad_event(item):
    return lambda watched: event("MODIFIED", {**copy.deepcopy(watched), **item})


# Faults of a watch: what comes in the midst of it.
EVENTS = {
    "gone": lambda item: event("ERROR", EXPIRED),
    "server-error": lambda item: event("ERROR", status(500, "InternalError", "etcd is away")),
    "torn-event": lambda item: event("MODIFIED", item)[:100] + b"\n",
    "html-event": lambda item: http_fake.PAGE + b"\n",
    "no-object": lambda item: b'{"type":"MODIFIED"}\n',
    "unknown-event": lambda item: event("MOVED", item),
    "absurd-port": bad_event({"ports": [{"name": "http", "port": 70_000}]}),
    "endpoints": bad_event({"endpoints": [1, "two", None]}),
    "endpoint-map": bad_event({"endpoints": {"a": {}}}),
    "port-map": bad_event({"ports": {"http": 8080}}),
    "address": bad_event({"endpoints": [{"addresses": "10.9.0.11"}]}),
    "host-name": bad_event({"endpoints": [{"addresses": ["orders.internal"]}]}),
    "again": lambda item: event("ADDED", item) * 3,
    "endless-event": lambda item: b'{"type":"MODIFIED","object":"' + b"x" * 10_000_000,
}


class Kubernetes(Fake):
    wrongs = {
        "list-gone": lambda reply: json_reply(EXPIRED, 410),
        "list-no-items": lambda reply: json_reply({"kind": "EndpointSliceList"}),
        "list-no-version": lambda reply: json_reply({"items": [], "metadata": {}}),
        "list-words": lambda reply: json_reply("EndpointSliceList"),
        "busy": lambda reply: Reply(429, {"Retry-After": "1"}),
    }

    def __init__(self, tokens, state):
        super().__init__()
        with open(tokens) as file:
            self.users = {row[0]: row[1] for row in csv.reader(file)}
        self.state = pathlib.Path(state)
        kept = json.loads(self.state.read_text()) if self.state.exists() else [100, {}]
        self.version, self.objects = kept[0] + 10, kept[1]
        self.oldest = self.version
        self.history = []  # (version, kind of event, path of the collection, item)

    def service_of(self, request):
        parts = request.path.split("/")
        is_read = request.path.endswith(SLICES) and request.method == "GET"
        return parts[parts.index("namespaces") + 1] if is_read else None

    def may(self, request):
        """None, or the refusal."""
        user = self.users.get(request.fields.get("authorization", "").removeprefix("Bearer "))
        if user is None:
            return json_reply(status(401, "Unauthorized", "Unauthorized"), 401)
        name_space = self.service_of(request)
        is_permitted = any(path.endswith(f"/namespaces/{name_space}/rolebindings/sidecar")
                           for path in self.objects)
        if user == "admin" or name_space and is_permitted:
            return None
        return json_reply(status(403, "Forbidden", f'{SLICES}.discovery.k8s.io is forbidden: User '
                                 f'"{user}" cannot list resource "{SLICES}" in API group '
                                 f'"discovery.k8s.io" in the namespace "{name_space}"'), 403)

    async def answer(self, request, writer):
        if request.path == "/readyz":
            return Reply(200, {}, b"ok")
        refusal = self.may(request)
        if refusal:
            return refusal
        if request.method == "GET" and request.query.get("watch"):
            return await self.watch(request, writer)
        if request.method == "GET":
            return self.list(request)
        return await self.write(request)

    async def write(self, request):
        path, item = request.path, {}
        if request.fields["content-type"] == "application/json" and request.body:
            item = json.loads(request.body)
        if request.method == "POST":
            path += "/" + item.get("metadata", {}).get("name", "a")
            if path in self.objects:
                return json_reply(status(409, "AlreadyExists", "it is there"), 409)
        kind = {"POST": "ADDED", "PUT": "MODIFIED", "DELETE": "DELETED"}[request.method]
        if request.method == "DELETE":
            item = self.objects.pop(path)
        elif SLICES in path:
            item = {**copy.deepcopy(ITEM), **item,
                    "metadata": {**ITEM["metadata"], **item["metadata"]}}
        self.version += 1
        item.setdefault("metadata", {})["resourceVersion"] = str(self.version)
        if request.method != "DELETE":
            self.objects[path] = item
        self.state.write_text(json.dumps([self.version, self.objects]))
        self.history.append((self.version, kind, path.rsplit("/", 1)[0], item))
        await self.change()
        return json_reply(item, 201 if request.method == "POST" else 200)

    def list(self, request):
        items = [item for path, item in sorted(self.objects.items())
                 if path.rsplit("/", 1)[0] == request.path]
        metadata = {"resourceVersion": str(self.version)}
        if "limit" in request.query:
            at = int(request.query.get("continue", 0))
            if len(items) > at + 1:
                metadata["continue"] = str(at + 1)
            items = items[at:at + 1]
        return json_reply({**LIST["body"], "metadata": metadata, "items": items},
                          fields=LIST["fields"])

    async def watch(self, request, writer):
        name_space = self.service_of(request)
        if self.faulty and name_space == "watch-gone" and self.told[name_space] < 2:
            self.told[name_space] += 1
            return json_reply(EXPIRED, 410)
        at = int(request.query["resourceVersion"])
        await send(writer, Reply(200, LIST["fields"]).head("Transfer-Encoding: chunked"))
        if at < self.oldest:
            await send(writer, self.chunk(event("ERROR", EXPIRED)) + b"0\r\n\r\n")
            return None
        ends = time.monotonic() + int(request.query["timeoutSeconds"])
        was_faulty = self.faulty
        while time.monotonic() < ends:
            seen = self.version
            fresh = [(kind, item) for version, kind, path, item in self.history
                     if version > at and path == request.path]
            for kind, item in fresh:
                await self.send_torn(writer, event(kind, item))
            if self.faulty and not was_faulty and not await self.go_wrong(name_space, request,
                                                                          writer):
                return None
            at, was_faulty = seen, self.faulty
            await self.wait(lambda: self.version > at or self.faulty != was_faulty, BOOKMARK_S)
            if self.version == at and self.faulty == was_faulty:
                await send(writer, self.chunk(event("BOOKMARK", {
                    "kind": "EndpointSlice", "apiVersion": "discovery.k8s.io/v1",
                    "metadata": {"resourceVersion": str(at), "creationTimestamp": None}})))
        await send(writer, b"0\r\n\r\n")
        return None

    def is_sent_to_list(self, name_space):
        """Its fault is that of a list; or, of "watch-gone", how it is sent there."""
        return name_space in FAULTS or name_space in self.wrongs or name_space == "watch-gone"

    async def go_wrong(self, name_space, request, writer):
        """Whether the watch goes on."""
        if name_space in EVENTS:
            item = next(item for path, item in self.objects.items()
                        if path.rsplit("/", 1)[0] == request.path)
            await send(writer, self.chunk(EVENTS[name_space](item)))
            return True
        if name_space == "watch-gone":  # that comes at the next one
            await send(writer, b"0\r\n\r\n")
            return False
        if self.is_faulty(name_space):  # its fault is that of a list
            await send(writer, self.chunk(event("ERROR", EXPIRED)))
            return False
        return True

    @staticmethod
    def chunk(data):
        return b"%x\r\n%b\r\n" % (len(data), data)

    async def send_torn(self, writer, data):
        """Events come in whatever pieces."""
        for piece in (data[:30], data[30:]):
            await send(writer, self.chunk(piece))


def main():
    port, certificate, key, tokens, state = sys.argv[1:]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    asyncio.run(Kubernetes(tokens, state).run(int(port), tls))


if __name__ == "__main__":
    main()
