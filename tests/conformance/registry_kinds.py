"""What a story does with a registry of each kind, over the registry's own API: real or fake."""
import json
import re

import registry_servers
import tools

CHANGE_S = 1.0
REFRESH_S = 1.0
PORT = 8080


def host_of(address):
    return address.rsplit(":", 1)[0].strip("[]")


class Consul:
    kind = "consul"
    late_s = CHANGE_S
    remembers = False  # over a restart
    how_drained = "its maintenance mode"

    def __init__(self, scratch, server=registry_servers.consul):
        self.server = server(scratch)

    def registry(self):
        return f'consul: {{url: "{self.server.url}"}}'

    def source(self, service="orders"):
        return f"consul: {{service: {service}}}"

    def add(self, addresses, service="orders"):
        for address in addresses:
            self.server.must([200], "PUT", "/v1/agent/service/register", {
                "ID": f"{service}-{address}", "Name": service, "Address": host_of(address),
                "Port": int(address.rsplit(":", 1)[1])})

    def remove(self, addresses, service="orders"):
        for address in addresses:
            self.server.must([200], "PUT", f"/v1/agent/service/deregister/{service}-{address}")

    def drain(self, address, on):
        self.server.must([200], "PUT", f"/v1/agent/service/maintenance/orders-{address}"
                                       f"?enable={str(on).lower()}")

    def listed(self):
        found = json.loads(self.server.must([200], "GET",
                                            "/v1/health/service/orders?passing=true"))
        return {f"{item['Service']['Address']}:{item['Service']['Port']}" for item in found}

    def recorded(self):
        """The questions whose answers the fake imitates."""
        path = "/v1/health/service/{}?passing=true&stale"
        return {"found": (path.format("orders"), ()), "nothing": (path.format("none"), ())}


class Eureka:
    kind = "eureka"
    late_s = CHANGE_S + REFRESH_S * 1.1
    remembers = False
    how_drained = "OUT_OF_SERVICE"
    json = [("accept", "application/json")]

    def __init__(self, scratch, server=registry_servers.eureka):
        self.server = server(scratch)

    def registry(self):
        return f'eureka: {{urls: ["{self.server.url}/eureka"], refresh: {REFRESH_S}s}}'

    def source(self, service="orders"):
        return f"eureka: {{app: {service}}}"

    def add(self, addresses, service="orders"):
        app = service.upper()
        for address in addresses:
            host, port = address.rsplit(":", 1)
            self.server.must([204], "POST", f"/eureka/apps/{app}", {"instance": {
                "instanceId": address, "hostName": host, "app": app, "ipAddr": host,
                "vipAddress": service, "status": "UP",
                "port": {"$": int(port), "@enabled": "true"},
                "dataCenterInfo": {
                    "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
                    "name": "MyOwn"},
                "leaseInfo": {"renewalIntervalInSecs": 30, "durationInSecs": 90}}})

    def remove(self, addresses, service="orders"):
        for address in addresses:
            self.server.must([200], "DELETE", f"/eureka/apps/{service.upper()}/{address}")

    def drain(self, address, on):
        path = f"/eureka/apps/ORDERS/{address}/status?value="
        self.server.must([200], *(("PUT", path + "OUT_OF_SERVICE") if on else
                                  ("DELETE", path + "UP")))

    def listed(self):
        status, body, _ = self.server.ask("GET", "/eureka/apps/ORDERS", fields=self.json)
        if status == 404:
            return set()
        return {f"{item['ipAddr']}:{item['port']['$']}"
                for item in json.loads(body)["application"]["instance"] if item["status"] == "UP"}

    def recorded(self):
        path = "/eureka/apps/{}"
        return {"found": (path.format("ORDERS"), self.json),
                "nothing": (path.format("NONE"), self.json)}


SLICES = "/apis/discovery.k8s.io/v1/namespaces/{}/endpointslices"
ACCESS = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/"
PORTS = [{"name": "grpc", "port": 9090, "protocol": "TCP"},
         {"name": "http", "port": PORT, "protocol": "TCP"}]


def role_of_documentation():
    text = (tools.ROOT / "docs/discovery.md").read_text()
    return re.search(r"```yaml\n(apiVersion: rbac.*?)```", text, re.S).group(1)


class Kubernetes:
    """A Service of two slices, whose ports have names. The sidecar's user has the Role that the
    documentation prints, and no more."""
    kind = "kubernetes"
    late_s = CHANGE_S
    remembers = True
    how_drained = "serving, and terminating"

    def __init__(self, scratch, server=registry_servers.kube_apiserver):
        self.files = registry_servers.KubernetesFiles(scratch)
        self.server = server(scratch, self.files)
        self.endpoints = {}  # by service: conditions by address

    def prepare(self, name_space="shop"):
        """What is in a cluster before the story begins."""
        self.server.must([201, 409], "POST", "/api/v1/namespaces",
                         {"metadata": {"name": name_space}})
        self.server.must([201, 409], "POST", ACCESS.format(name_space) + "roles",
                         role_of_documentation().replace("shop", name_space),
                         [("content-type", "application/yaml")])
        self.permit(True, name_space)

    def permit(self, on, name_space="shop"):
        path = ACCESS.format(name_space) + "rolebindings"
        if not on:
            self.server.must([200], "DELETE", path + "/sidecar")
            return
        self.server.must([201, 409], "POST", path, {
            "metadata": {"name": "sidecar"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role",
                        "name": "outrigger"},
            "subjects": [{"kind": "User", "name": "sidecar",
                          "apiGroup": "rbac.authorization.k8s.io"}]})

    def registry(self):
        return (f'kubernetes: {{url: "{self.server.url}", namespace: shop, token_file: '
                f"{self.files.token_file}, ca_file: {self.files.certificate}}}")

    def source(self, service="orders", name_space="shop"):
        return f"kubernetes: {{service: {service}, port: http, namespace: {name_space}}}"

    def put(self, name_space="shop", service="orders"):
        """The two slices of a Service, with every other endpoint each."""
        known = self.endpoints.get((name_space, service), {})
        for half in range(2):
            chosen = sorted(known)[half::2]
            endpoints = [{"addresses": [host_of(address)], "conditions": known[address]}
                         for address in chosen]
            item = {"metadata": {"name": f"{service}-{half}", "labels": {
                        "kubernetes.io/service-name": service}},
                    "addressType": "IPv4", "ports": PORTS[::-1] if half else PORTS,
                    "endpoints": endpoints}
            path = SLICES.format(name_space)
            if self.server.ask("POST", path, item)[0] == 409:
                self.server.must([200], "PUT", f"{path}/{service}-{half}", item)

    def set(self, addresses, ready=True, serving=True, terminating=False, name_space="shop",
            service="orders"):
        known = self.endpoints.setdefault((name_space, service), {})
        known.update({address: {"ready": ready, "serving": serving, "terminating": terminating}
                      for address in addresses})
        self.put(name_space, service)

    def add(self, addresses, service="orders", name_space="shop"):
        self.set(addresses, name_space=name_space, service=service)

    def remove(self, addresses):
        for address in addresses:
            self.endpoints["shop", "orders"].pop(address)
        self.put()

    def drain(self, address, on):
        self.set([address], ready=not on, terminating=on)

    def listed(self):
        found = json.loads(self.server.must([200], "GET", SLICES.format("shop")))
        return {f"{endpoint['addresses'][0]}:{PORT}" for item in found["items"]
                for endpoint in item.get("endpoints") or [] if endpoint["conditions"]["ready"]}

    def version(self):
        found = json.loads(self.server.must([200], "GET", SLICES.format("shop")))
        return found["metadata"]["resourceVersion"]

    def recorded(self):
        return {"found": (SLICES.format("shop"), ())}
