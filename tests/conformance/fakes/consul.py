"""A Consul as far as the stories see it: python consul.py PORT."""
import asyncio
import copy
import json
import sys

from http_fake import Fake, Reply, json_reply, recorded

HEALTH = "/v1/health/service/"
AGENT = "/v1/agent/service/"
FOUND, NONE = (recorded("consul")[name] for name in ("found", "nothing"))
ITEM = FOUND["body"][0]


def changed(change):
    """A fault: the list after that change of it."""
    def make(reply):
        items = json.loads(reply.body)
        return reply._replace(body=json.dumps(change(items)).encode())
    return make


def with_first(part, value):
    def change(items):
        items[0]["Service"][part] = value
        return items
    return changed(change)


def with_fields(change, **fields):
    def make(reply):
        fresh = change(reply) if change else reply
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        return fresh._replace(fields={**fresh.fields, **named})
    return make


class Consul(Fake):
    wrongs = {
        "object": changed(lambda items: {"items": items}),
        "strings": changed(lambda items: ["none"] * len(items)),
        "no-service": changed(lambda items: [{"Node": items[0]["Node"]}]),
        "port-zero": with_first("Port", 0),
        "port-huge": with_first("Port", 70_000),
        "port-words": with_first("Port", "http"),
        "host-name": with_first("Address", "orders.internal"),
        "twice": changed(lambda items: items + items),
        "no-leader": with_fields(changed(lambda items: []), X_Consul_Knownleader="false"),
        "index-back": with_fields(None, X_Consul_Index="1"),
        "index-none": with_fields(None, X_Consul_Index=""),
        "index-huge": with_fields(None, X_Consul_Index="9" * 40),
    }

    def __init__(self):
        super().__init__()
        self.index = 20
        self.changed_at = {}  # by name: the index
        self.services = {}  # by name: items by id
        self.maintained = set()

    def service_of(self, request):
        return request.path[len(HEALTH):] if request.path.startswith(HEALTH) else None

    def passing(self, name):
        known = self.services.get(name, {})
        return [item for number, item in known.items() if number not in self.maintained]

    async def answer(self, request, writer):
        name = self.service_of(request)
        if name is not None:
            return await self.health(name, request.query)
        if request.path.startswith(AGENT) and request.method == "PUT":
            self.index += 1
            self.write(request)
            await self.change()
            return Reply(200)
        return json_reply([]) if request.path == "/v1/catalog/nodes" else Reply(404)

    def write(self, request):
        what, _, number = request.path[len(AGENT):].partition("/")
        if what == "register":
            said = json.loads(request.body)
            item = copy.deepcopy(ITEM)
            item["Service"].update({name: said[key] for name, key in
                                    (("ID", "ID"), ("Service", "Name"), ("Address", "Address"),
                                     ("Port", "Port"))})
            self.services.setdefault(said["Name"], {})[said["ID"]] = item
            self.changed_at[said["Name"]] = self.index
            return
        name = next((name for name, known in self.services.items() if number in known), None)
        self.changed_at[name] = self.index
        if what == "deregister":
            self.services.get(name, {}).pop(number, None)
        elif request.query["enable"] == "true":
            self.maintained.add(number)
        else:
            self.maintained.discard(number)

    async def health(self, name, query):
        index = int(query.get("index", 0))
        if index > 0:
            await self.wait(lambda: self.is_faulty(name) or index > self.index
                            or index < self.changed_at.get(name, 0),
                            int(query["wait"].rstrip("s")))
        items = self.passing(name)
        fields = {**(FOUND if items else NONE)["fields"],
                  "X-Consul-Index": self.changed_at.get(name, self.index)}
        return json_reply(items, fields=fields)


if __name__ == "__main__":
    asyncio.run(Consul().run(int(sys.argv[1])))
