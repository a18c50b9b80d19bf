#pragma once
// One configuration in which every key is written somewhere, none with its default: what must read
// back from the effective output, and what the schema must accept.

#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace outrigger::config::test {

// A file that has every key of the language somewhere.
inline std::string rich_template() {
  const std::string secret = testing::TempDir() + "outrigger_effective_secret";
  std::ofstream(secret) << "secret";
  return R"(
x-free: [1, 2]
admin:
  address: "unix:/run/admin.sock"
  tokens: [{ name: oncall, role: operator, file: SECRET }]
  tls: { cert_file: SECRET, key_file: SECRET }
  insecure: true
metrics: { address: "[::]:9902", histogram_buckets: [0.25ms, 2.5s, 90s] }
zone: eu-central-1a
workers: auto
memory: { limit: 1GiB, cache: 1MiB, retry_bodies: 1536KiB }
access_log: { path: /var/log/x, when: errors, sample: 12.5%, slow: 1500ms }
request_id: { header: X-Call, generate: true }
tracing: off
startup: { wait: 0 }
drain: { grace: 5s, quiet: 100ms }
unmatched: refuse
snapshot: { dir: /var/lib/outrigger }
overrides: { file: /etc/outrigger/overrides.yaml }
listeners:
  - { name: a, address: "127.0.0.1:0", intercept: proxy, via: me,
      timeout: { head: 1s, handshake: 2s }, limits: { fields: 50 },
      tls: { cert_file: SECRET, key_file: SECRET, client_ca_file: SECRET } }
  - { name: b, address: ["127.0.0.1:15002", "unix:/run/b"], service: orders }
  - { name: c, address: "127.0.0.1:15003", intercept: transparent, detect_timeout: 50ms,
      opaque_ports: { also: [7000] } }
  - { name: d, address: "127.0.0.1:15004", opaque_ports: [] }
intercept: { user: 1337, include_ports: [80, 8080], exclude_ports: [81],
             exclude_cidrs: [10.0.0.0/8, "fd00::/8", 10.1.2.3], ipv6: off }
registries:
  eu: { kind: consul, url: "https://consul.test:8501", token_file: SECRET, datacenter: eu,
        tls: { ca_file: SECRET, verify: { spiffe: "spiffe://test/consul" } } }
  corp: { kind: dns, servers: ["10.0.0.53", "[fd00::1]:53"], ttl_min: 5s, hosts_file: SECRET }
register:
  - { in: eu, name: billing, port: 8080, tags: [a, b], metadata: { team: "x: y", off: "on" },
      health: { http: "/healthz?deep=1", interval: 20s, by: registry } }
  - { in: eureka, name: billing, address: "fd00::7", port: 1, health: off }
defaults:
  timeout: { connect: 700ms, total: 1h }
  limits: { body_bytes: 1MiB }
  pool: { connections: 10 }
  headers: { request: { set: { x-from: default, x-number: "1", x-off: "off" } } }
  circuit: { window: 20s }
services:
  orders:
    hosts: [orders, "*.orders.svc:8080", "[::1]:80"]
    endpoints:
      first_of:
        - { dns: { name: orders.svc, port: 8080, registry: corp }, min: 2 }
        - union:
            - { file: /etc/orders.yaml }
            - { static: ["10.0.0.1:1",
                         { address: "[::1]:1", weight: 3, zone: b },
                         { address: "[::1]:2", zone: eu-1a }] }
      hold: 5s
    when_empty: refuse
    protocol: http1
    pool: { idle: off, lifetime: off }
    authority: orders.example:8443
    tls: { ca_file: SECRET, cert_file: SECRET, key_file: SECRET, server_name: orders.example,
           alpn: [http/1.1], verify: { spiffe: "spiffe://shop/ns/a/sa/orders" } }
    balance: random
    slow_start: 30s
    health_check: { http: /healthz, interval: 2s, healthy: 1, unhealthy: 4 }
    panic_below: off
    timeout: { request: off, attempt: 1s, idle: off, stream_idle: off }
    deadline_header: X-Deadline
    retry: { attempts: 3, unsent: 0, on: [429, 5xx, {header: {x-retry: "yes"}}],
             methods: [GET, POST], backoff: { base: 0, max: 2s }, budget: 33.3%, body_max: 1MiB,
             grpc: [/shop.Stock/Get*, /shop.Stock/List], hold_head: 0 }
    limits: { outstanding: 5, streams: 6, queue: 7, queue_wait: 1s, mode: shadow }
    circuit: { mode: shadow, consecutive_failures: 3, failure_rate: off, slow_rate: 10%,
               slow_call: 2s, ramp: off, failures: [timeout, {header: {x-outcome: bad}}] }
    endpoint_circuit: { consecutive_failures: 2, mode: shadow }
    fallback:
      - { on: [any, {header: {x-outcome: bad}}], stale: { max_age: 1h }, methods: any }
      - { on: [timeout, 503, grpc-unavailable], service: stock, within: 500ms }
      - on: [circuit_open]
        respond:
          status: 200
          headers: { content-type: application/json, x-t: {file: SECRET, prefix: "Bearer "} }
          body: "[]\n\"x\": ${A:-b}\u0001"
      - { respond: { status: 503, body_file: SECRET } }
      - { omit: empty_list }
      - { grpc: /shop.Stock/*, respond: { grpc_status: 0, message_file: SECRET } }
      - { methods: any, respond: { grpc_status: 5 } }
      - { grpc: [/shop.Stock/Get], omit: empty_message }
    cache: { key: [accept, x-user], store: rfc9111, entry_bytes: 1MiB }
    headers:
      request:
        set: { x-a: "a: b", x-s: {file: SECRET, prefix: p} }
        add: { x-b: {file: SECRET, prefix: p} }
        remove: [X-C]
      response:
        set: { x-s: {file: SECRET, prefix: p} }
        add: { x-b: {file: SECRET, prefix: p} }
        remove: server
    routes:
      - { name: reads, match: { path: /v2/*, method: [GET], headers: { x-beta: "1" } },
          circuit: { window: 5s }, limits: { outstanding: 2 } }
      - { match: { path: /exact }, headers: off, retry: off, timeout: { total: 2h },
          deadline_header: off, fallback: [] }
      - { name: edits, headers: { request: off } }
      - { name: canary, to: { self: 90, stock: 10 }, sticky: { header: X-User }, when_open: refuse,
          match: { accept: { type: application/vnd.shop+json, version: 2 } } }
      - { to: { self: 1, stock: 1 }, sticky: { cookie: u } }
      - { to: stock, match: { accept: { type: text/html } },
          rewrite: { path_prefix: [/v2, /], host: stock.example } }
  stock: { circuit: off, endpoint_circuit: off, cache: off, retry: off, limits: off,
           timeout: off, pool: off }
  base: { protocol: tcp, endpoints: original, retry: { on: [connect] },
          addresses: ["10.1.0.0/16:5432", "10.0.0.7:*", "[fd00::/8]:5432"],
          timeout: { stream_idle: 2h } }
  sealed: { protocol: tls, hosts: ["*.example.org"] }
  keyed: { balance: { hash: { header: X-User } }, endpoints: { static: ["10.0.0.1:1"] },
           health_check: { grpc: "", timeout: 500ms } }
  placed: { endpoints: { dns: { srv: _http._tcp.orders.test } }, health_check: { tcp: on } }
  rest: { tls: on, hosts: [], balance: { hash: { cookie: SESSION } }, authority: upstream,
          headers: off }
)";
}

// The same with its files in place.
inline std::string rich_file() {
  std::string text = rich_template();
  const std::string secret = testing::TempDir() + "outrigger_effective_secret";
  for (size_t at = text.find("SECRET"); at != std::string::npos; at = text.find("SECRET")) {
    text.replace(at, 6, secret);
  }
  return text;
}

}  // namespace outrigger::config::test
