"""A Eureka server as far as the stories see it: python eureka.py PORT."""
import asyncio
import copy
import json
import sys

from http_fake import Fake, Reply, json_reply, recorded

APPS = "/eureka/apps"
FOUND, NONE = (recorded("eureka")[name] for name in ("found", "nothing"))
ITEM = FOUND["body"]["application"]["instance"][0]


def changed(change):
    """A fault: the instances after that change of them."""
    def make(reply):
        body = json.loads(reply.body)
        body["application"]["instance"] = change(body["application"]["instance"])
        return reply._replace(body=json.dumps(body).encode())
    return make


def with_first(part, value):
    return changed(lambda items: [{**items[0], part: value}, *items[1:]])


class Eureka(Fake):
    wrongs = {
        "object": lambda reply: json_reply({"application": []}),
        "list": lambda reply: json_reply([1, 2, 3]),
        "xml": lambda reply: Reply(200, {"Content-Type": "application/xml"},
                                   b"<application><name>XML</name></application>"),
        "port-zero": with_first("port", {"$": 0, "@enabled": "true"}),
        "port-huge": with_first("port", {"$": 70_000, "@enabled": "true"}),
        "port-words": with_first("port", {"$": "http", "@enabled": "true"}),
        "port-none": with_first("port", {"$": 8080, "@enabled": "false"}),
        "host-name": with_first("ipAddr", "orders.internal"),
        "twice": changed(lambda items: items + items),
        "not-ready": lambda reply: Reply(403),
    }

    def __init__(self):
        super().__init__()
        self.apps = {}  # by name: instances by id

    def service_of(self, request):
        parts = request.path[len(APPS):].strip("/").split("/")
        return parts[0].lower() if len(parts) == 1 and request.method == "GET" else None

    async def answer(self, request, writer):
        app, _, rest = request.path[len(APPS):].strip("/").partition("/")
        number, _, what = rest.partition("/")
        if request.method == "GET":
            return self.read(app)
        known = self.apps.setdefault(app, {})
        if request.method == "POST":
            said = json.loads(request.body)["instance"]
            known[said["instanceId"]] = {**copy.deepcopy(ITEM), **said}
            return Reply(204)
        if number not in known:
            return Reply(404)
        if what == "status":
            known[number]["status"] = request.query["value"]
        elif request.method == "DELETE":
            del known[number]
        return Reply(200)

    def read(self, app):
        if not app:
            return json_reply({"applications": {"application": []}})
        items = list(self.apps.get(app, {}).values())
        if not items:
            return json_reply(NONE["body"], NONE["status"])
        return json_reply({"application": {"name": app, "instance": items}},
                          fields=FOUND["fields"])


if __name__ == "__main__":
    asyncio.run(Eureka().run(int(sys.argv[1])))
