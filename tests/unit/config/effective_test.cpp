#include <fstream>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/schema_check.hpp"
#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// A file that has every key of the language somewhere.
std::string rich_file() {
  const std::string secret = testing::TempDir() + "outrigger_effective_secret";
  std::ofstream(secret) << "secret";
  return R"(
x-free: [1, 2]
admin: { address: "unix:/run/admin.sock", tokens: [{ name: oncall, role: operator, file: SECRET }], insecure: true }
metrics: { address: "[::]:9902", endpoint_label: true, histogram_buckets: [0.25ms, 2.5s, 90s] }
workers: auto
memory: { limit: 1GiB, cache: 1MiB, retry_bodies: 1536KiB }
access_log: { path: /var/log/x, when: errors, sample: 12.5%, slow: 1500ms }
request_id: { header: X-Call, generate: true }
tracing: off
startup: { wait: 0 }
drain: { grace: 5s, quiet: 100ms }
unmatched: refuse
listeners:
  - { name: a, address: "127.0.0.1:0", intercept: proxy, via: me, timeout: { head: 1s }, limits: { fields: 50 } }
  - { name: b, address: ["127.0.0.1:15002", "unix:/run/b"], service: orders }
registries:
  corp: { kind: dns, servers: ["10.0.0.53", "[fd00::1]:53"], ttl_min: 5s, hosts_file: SECRET }
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
        - union: [{ file: /etc/orders.yaml }, { static: ["10.0.0.1:1", { address: "[::1]:1", weight: 3 }] }]
      hold: 5s
    when_empty: refuse
    protocol: http1
    pool: { idle: off, lifetime: off }
    authority: orders.example:8443
    balance: random
    slow_start: 30s
    panic_below: off
    timeout: { request: off, attempt: 1s, idle: off, stream_idle: off }
    deadline_header: X-Deadline
    retry: { attempts: 3, unsent: 0, on: [429, 5xx, {header: {x-retry: "yes"}}], methods: [GET, POST], backoff: { base: 0, max: 2s }, budget: 33.3%, body_max: 1MiB }
    limits: { outstanding: 5, queue: 7, queue_wait: 1s, mode: shadow }
    circuit: { mode: shadow, consecutive_failures: 3, failure_rate: off, slow_rate: 10%, slow_call: 2s, ramp: off, failures: [timeout, {header: {x-outcome: bad}}] }
    endpoint_circuit: { consecutive_failures: 2, mode: shadow }
    fallback:
      - { on: [any, {header: {x-outcome: bad}}], stale: { max_age: 1h }, methods: any }
      - { on: [timeout, 503, grpc-unavailable], service: stock, within: 500ms }
      - { on: [circuit_open], respond: { status: 200, headers: { content-type: application/json, x-t: {file: SECRET, prefix: "Bearer "} }, body: "[]\n\"x\": ${A:-b}" } }
      - { respond: { status: 503, body_file: SECRET } }
      - { omit: empty_list }
    cache: { key: [accept, x-user], store: rfc9111, entry_bytes: 1MiB }
    headers:
      request: { set: { x-a: "a: b", x-s: {file: SECRET, prefix: p} }, add: { x-b: {file: SECRET, prefix: p} }, remove: [X-C] }
      response: { set: { x-s: {file: SECRET, prefix: p} }, add: { x-b: {file: SECRET, prefix: p} }, remove: server }
    routes:
      - { name: reads, match: { path: /v2/*, method: [GET], headers: { x-beta: "1" } }, circuit: { window: 5s }, limits: { outstanding: 2 } }
      - { match: { path: /exact }, headers: off, retry: off, timeout: { total: 2h }, deadline_header: off, fallback: [] }
      - { name: edits, headers: { request: off } }
  stock: { circuit: off, endpoint_circuit: off, cache: off, retry: off, limits: off, timeout: off, pool: off }
  rest: { hosts: [], balance: round_robin, authority: upstream, headers: off }
)";
}

std::string with_files(std::string text) {
  const std::string secret = testing::TempDir() + "outrigger_effective_secret";
  for (size_t at = text.find("SECRET"); at != std::string::npos; at = text.find("SECRET")) {
    text.replace(at, 6, secret);
  }
  return text;
}

Json as_json(const std::string& yaml) {
  std::vector<Problem> problems;
  const Node node = parse_yaml(FileText{0, "f", yaml}, no_environment(), problems);
  EXPECT_THAT(texts(problems), IsEmpty());
  return Json::parse(to_json(node, false));
}

TEST(Effective, ReadsBackToAnEqualConfiguration) {
  const Config config = good(with_files(rich_file()));
  const std::string text = effective(config);
  EXPECT_EQ(good(text), config) << text;
  EXPECT_EQ(effective(good(text)), text);
}

TEST(Effective, OfNothingReadsBackToo) { EXPECT_EQ(good(effective(Config{})), Config{}); }

TEST(Effective, HasEveryDefaultFilledIn) {
  const std::string text = effective(good("services: {a: {}}"));
  EXPECT_THAT(text, HasSubstr("    timeout:\n      connect: 1s\n      request: 15s\n"));
  EXPECT_THAT(text, HasSubstr("    balance: least_loaded\n"));
  EXPECT_THAT(text, HasSubstr("filters: [access_log, trace, headers, fallback, deadline, "
                              "outstanding, retry, circuit, attempt_timeout]\n"));
}

TEST(Effective, RedactsHeaderValuesThatLookSecret) {
  const Config config = good(
      "services: {a: {headers: {request: {set: {Authorization: Basic abc, x-api-key: k1, x-a: "
      "b}}}, "
      "fallback: [{respond: {headers: {set-cookie: c1}}}]}}");
  const std::string text = effective(config);
  EXPECT_THAT(text, Not(HasSubstr("abc")));
  EXPECT_THAT(text, Not(HasSubstr("k1")));
  EXPECT_THAT(text, Not(HasSubstr("c1")));
  EXPECT_THAT(text, HasSubstr("x-a: b"));
  EXPECT_THAT(text, HasSubstr("authorization: REDACTED"));
  EXPECT_EQ(good(text).services[0].policy.headers.request.set[2].value, "b");
}

TEST(Effective, FingerprintTellsConfigurationsApartAlsoBySecrets) {
  const auto with = [](const std::string& value) {
    return fingerprint(
        good("services: {a: {headers: {request: {set: {authorization: " + value + "}}}}}"));
  };
  EXPECT_EQ(with("a"), with("a"));
  EXPECT_NE(with("a"), with("b"));
}

TEST(Schema, AcceptsWhatTheReaderAccepts) {
  const Json root = Json::parse(schema());
  SchemaCheck check(root);
  EXPECT_THAT(check(as_json(with_files(rich_file()))), IsEmpty());
  EXPECT_THAT(check(as_json(effective(good(with_files(rich_file()))))), IsEmpty());
  EXPECT_THAT(check(as_json(effective(Config{}))), IsEmpty());
  EXPECT_THAT(check(as_json("services: {a: }")), IsEmpty());
  EXPECT_THAT(check(as_json("services: {a: {circuit: false, timeout: {request: \"$${T:-1s}\"}}}")),
              IsEmpty());
}

TEST(Schema, RefusesWhatTheReaderRefuses) {
  const Json root = Json::parse(schema());
  SchemaCheck check(root);
  for (const std::string_view text :
       {"admni: {}", "workers: many", "services: {a: {tiemout: {}}}",
        "services: {a: {timeout: {request: 5}}}", "services: {a: {retry: {attempts: 0}}}",
        "services: {a: {retry: {on: [conect]}}}", "services: {a: {health_check: {}}}",
        "services: {a: {endpoints: {union: [{dsn: {}}]}}}", "unmatched: drop",
        "listeners: [{filters: [fault]}]", "services: {a: {retry: {budget: 0.5}}}"}) {
    EXPECT_THAT(check(as_json(std::string(text))), Not(IsEmpty())) << text;
  }
}

// Every property that the schema has, by its path; the names of free maps and places in lists are
// left out.
void collect_schema(const Json& root, const Json& schema, const std::string& path,
                    std::set<std::string>& keys, int depth = 0) {
  if (schema.contains("$ref") && depth < 2) {
    collect_schema(root, root.at("$defs").at("endpoints"), path, keys, depth + 1);
  }
  if (schema.contains("properties")) {
    for (const auto& [key, member] : schema.at("properties").items()) {
      keys.insert(path + "/" + key);
      collect_schema(root, member, path + "/" + key, keys, depth);
    }
  }
  for (const char* word : {"items", "additionalProperties"}) {
    if (schema.contains(word) && schema.at(word).is_object()) {
      collect_schema(root, schema.at(word), path, keys, depth);
    }
  }
  if (schema.contains("anyOf")) {
    for (const Json& one : schema.at("anyOf")) collect_schema(root, one, path, keys, depth);
  }
}

// Every key of a value, by the same paths: a key that the schema does not know is a free name.
void collect_value(const std::set<std::string>& known, const Json& value, const std::string& path,
                   std::set<std::string>& keys) {
  if (value.is_array()) {
    for (const Json& item : value) collect_value(known, item, path, keys);
  }
  if (!value.is_object()) return;
  for (const auto& [key, member] : value.items()) {
    const std::string inner = path + "/" + key;
    if (known.contains(inner)) keys.insert(inner);
    collect_value(known, member, known.contains(inner) ? inner : path, keys);
  }
}

TEST(Schema, HasExactlyTheKeysOfTheEffectiveOutput) {
  const Json root = Json::parse(schema());
  std::set<std::string> in_schema;
  collect_schema(root, root, "", in_schema);
  std::set<std::string> in_output;
  collect_value(in_schema, as_json(effective(good(with_files(rich_file())))), "", in_output);
  std::vector<std::string> missing;
  for (const std::string& key : in_schema) {
    // What the output never has: nested sources beyond the first level, the short form of filters,
    // and of `defaults` all but what passthrough takes.
    const bool shorthand = key.ends_with("/without");
    const bool nested = key.find("/union/") != std::string::npos ||
                        key.find("/first_of/") != std::string::npos ||
                        key.starts_with("/services/endpoints/");
    const bool of_defaults = key.starts_with("/defaults/");
    const bool of_routes = key.starts_with("/services/routes/");
    if (shorthand || nested || of_defaults || of_routes) continue;
    if (!in_output.contains(key)) missing.push_back(key);
  }
  EXPECT_THAT(missing, IsEmpty());
  EXPECT_GT(in_output.size(), 150U);
}

TEST(Schema, DocumentsEveryKey) {
  const std::string text = schema();
  EXPECT_THAT(text, Not(HasSubstr("\"description\": \"\"")));
}

}  // namespace
}  // namespace outrigger::config::test
