#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(Mistakes, UnknownKeysComeWithTheNearestKnownOne) {
  constexpr Case kCases[] = {
      {"admni: {}", "f:1:1: unknown key \"admni\"; did you mean \"admin\"?"},
      {"services:\n  a:\n    tiemout: {}",
       "f:3:5: unknown key \"tiemout\"; did you mean \"timeout\"?"},
      {"services: {a: {retry: {attemps: 2}}}",
       "f:1:24: unknown key \"attemps\"; did you mean \"attempts\"?"},
      {"drain: {zzz: 1s}", "f:1:9: unknown key \"zzz\"; known here: grace, quiet"},
      {"services: {a: {circuit: {ramp: {step: [10%]}}}}",
       "f:1:33: unknown key \"step\"; did you mean \"steps\"?"},
      {"listeners: [{adress: \"127.0.0.1:1\"}]",
       "f:1:14: unknown key \"adress\"; did you mean \"address\"?"},
      {"services: {a: {headers: {request: {sett: {}}}}}",
       "f:1:36: unknown key \"sett\"; did you mean \"set\"?"},
  };
  expect_each(kCases);
}

TEST(Mistakes, WrongTypesSayWhatWasMeant) {
  constexpr Case kCases[] = {
      {"services: {a: {timeout: {connect: fast}}}",
       "f:1:35: \"connect\" is \"fast\", not a duration; write it like 250ms, 2s or 5m"},
      {"services: {a: {timeout: {connect: 5}}}",
       "f:1:35: \"connect\" is \"5\", not a duration; write it like 250ms, 2s or 5m"},
      {"services: {a: {timeout: {connect: 0s}}}", "f:1:35: \"connect\" is 0s, less than 1ms"},
      {"services: {a: {timeout: {connect: 0.5ms}}}",
       "f:1:35: \"connect\" is \"0.5ms\", not a whole number of milliseconds"},
      {"services: {a: {timeout: 5s}}",
       "f:1:25: \"timeout\" is \"5s\", not a map or off; write {key: value}"},
      {"services: {a: {retry: {body_max: 64}}}",
       "f:1:34: \"body_max\" is \"64\", not a size; write it like 512B, 64KiB, 32MiB or 1GiB"},
      {"services: {a: {retry: {budget: 0.2}}}",
       "f:1:32: \"budget\" is \"0.2\", not a share; write it like 50%"},
      {"services: {a: {retry: {budget: 120%}}}", "f:1:32: \"budget\" is 120%, outside 0% to 100%"},
      {"services: {a: {retry: {attempts: [1]}}}",
       "f:1:34: \"attempts\" is a list, not a whole number"},
      {"services: {a: {retry: {attempts: 0}}}", "f:1:34: \"attempts\" is 0, outside 1 to 16"},
      {"services: {a: {retry: {attempts: 1.5}}}",
       "f:1:34: \"attempts\" is \"1.5\", not a whole number"},
      {"services: {a: {balance: roundrobin}}",
       "f:1:25: unknown balance \"roundrobin\"; did you mean \"round_robin\"?"},
      {"request_id: {generate: maybe}", "f:1:24: \"generate\" is \"maybe\", not true or false"},
      {"services: [a]",
       "f:1:11: \"services\" is a list, not a map of services; write {NAME: "
       "{endpoints: ...}}"},
      {"services: {a: {routes: {b: c}}}",
       "f:1:24: \"routes\" is a map, not a list of routes; write [{match: ..., ...}]"},
      {"workers: 0", "f:1:10: \"workers\" is 0, outside 1 to 256"},
      {"memory: {limit: 1MB}",
       "f:1:17: \"limit\" is \"1MB\", not a size; write it like 512B, 64KiB, 32MiB or 1GiB"},
      {"metrics: {histogram_buckets: [2s, 1s]}",
       "f:1:35: \"histogram_buckets\" must rise from one to the next"},
      {"services: {a: {when_empty: 5m}}",
       "f:1:28: \"when_empty\" is \"5m\", not {keep_last: DURATION} or refuse"},
      {"services: {\"a b\": {}}", "f:1:12: \"a b\" is not a name; use letters, digits, - _ and ."},
      {"services: {passthrough: {}}",
       "f:1:12: \"passthrough\" is the built-in service of unknown hosts; use another name"},
  };
  expect_each(kCases);
}

TEST(Mistakes, Tokens) {
  constexpr Case kCases[] = {
      {"services: {a: {retry: {on: [conect]}}}",
       "f:1:29: unknown failure \"conect\"; did you mean \"connect\"?"},
      {"services: {a: {retry: {on: [circuit_open]}}}",
       "f:1:29: \"circuit_open\" is our own refusal; \"on\" names what the upstream did"},
      {"services: {a: {circuit: {failures: [rate]}}}",
       "f:1:37: \"rate\" is our own refusal; \"failures\" names what the upstream did"},
      {"services: {a: {circuit: {failures: [grpc-unavailble]}}}",
       "f:1:37: unknown gRPC code \"grpc-unavailble\"; did you mean \"grpc-unavailable\"?"},
      {"services: {a: {retry: {on: [700]}}}",
       "f:1:29: \"700\" is no final status; those are 200 to 599"},
      {"services: {a: {circuit: {failures: [{x-a: b}]}}}",
       "f:1:37: \"failures\" is a map, not a failure; write {header: {name: value}} for a response "
       "field"},
      {"services: {a: {retry: {methods: [get]}}}",
       "f:1:34: \"methods\" is \"get\", not a method; methods are case-sensitive: write GET, POST, "
       "..."},
  };
  expect_each(kCases);
  const Policy policy =
      only_service(
          "services: {a: {circuit: {failures: [5xx, 429, {header: {X-Outcome: failure}}]}, "
          "fallback: [{on: [any, grpc-aborted], omit: empty_list}]}}")
          .policy;
  EXPECT_TRUE(policy.circuit->failures.has_status(429));
  EXPECT_THAT(policy.circuit->failures.headers, ElementsAre(HeaderMatch{"x-outcome", "failure"}));
  EXPECT_TRUE(policy.fallback[0].on.has_grpc(10));
}

TEST(Mistakes, GrpcMethodsAndAnswers) {
  constexpr Case kCases[] = {
      {"services: {a: {retry: {grpc: [shop.Stock/Get]}}}",
       "f:1:31: \"grpc\" is \"shop.Stock/Get\", not a gRPC method; write /package.Service/Method, "
       "or a beginning of it and *"},
      {"services: {a: {retry: {grpc: [/shop.*/Get]}}}",
       "f:1:31: \"grpc\" is \"/shop.*/Get\", not a gRPC method; write /package.Service/Method, "
       "or a beginning of it and *"},
      {"services: {a: {fallback: [{methods: any, respond: {grpc_status: 17}}]}}",
       "f:1:65: \"grpc_status\" is 17, outside 0 to 16"},
      {"services: {a: {fallback: [{methods: any, respond: {grpc_status: 0, status: 201}}]}}",
       "f:1:65: \"grpc_status\" answers gRPC calls; \"status\" and \"body\" are for others"},
      {"services: {a: {fallback: [{methods: any, respond: {grpc_status: 5, body: x}}]}}",
       "f:1:65: \"grpc_status\" answers gRPC calls; \"status\" and \"body\" are for others"},
      {"services: {a: {fallback: [{methods: any, respond: {message_file: /dev/null}}]}}",
       "f:1:66: \"message_file\" belongs to \"grpc_status: 0\"; no other status has a message"},
      {"services: {a: {fallback: [{methods: safe, omit: empty_message}]}}",
       "f:1:27: this answer is for gRPC calls, which are POST, and the methods leave them out; "
       "write grpc: [/package.Service/Method] or methods: any"},
  };
  expect_each(kCases);
}

TEST(Mistakes, NamesThatAreUsedAndNotDefined) {
  constexpr Case kCases[] = {
      {"listeners: [{service: ordrs}]\nservices: {orders: {}}",
       "f:1:23: unknown service \"ordrs\"; did you mean \"orders\"?"},
      {"listeners: [{service: a}]", "f:1:23: unknown service \"a\"; there is none"},
      {"services:\n  a: {fallback: [{service: bb}]}\n  b: {}",
       "f:2:28: unknown service \"bb\"; did you mean \"b\"?"},
      {"services:\n  a: {fallback: [{service: a}]}",
       "f:2:28: the service \"a\" would fall back to itself; name another one"},
      {"services: {a: {endpoints: {dns: {name: a.b, port: 1, registry: dsn}}}}",
       "f:1:64: unknown dns registry \"dsn\"; did you mean \"dns\"?"},
      {"registries: {corp: {servers: [10.0.0.53]}}",
       "f:1:14: the registry \"corp\" has no \"kind\"; write kind: dns"},
      {"listeners: [{filters: [retyr]}]",
       "f:1:24: unknown filter \"retyr\"; did you mean \"retry\"?"},
      {"listeners: [{filters: [retry, circuit, retry]}]",
       "f:1:40: the filter \"retry\" is given twice"},
      {"listeners:\n  - {name: a, address: \"127.0.0.1:1\"}\n  - {name: a, address: "
       "\"127.0.0.1:2\"}",
       "f:3:12: the listener \"a\" is given twice; give each a name"},
      {"services: {a: {routes: [{name: r}, {name: r}]}}", "f:1:43: the route \"r\" is given twice"},
  };
  expect_each(kCases);
}

TEST(Mistakes, TwoServicesThatClaimOneHost) {
  constexpr Case kCases[] = {
      {"services:\n  a: {hosts: [x.y]}\n  b:\n    hosts: [z, X.Y]",
       "f:4:16: the services \"a\" (line 2) and \"b\" both claim the host \"x.y\"; write \"hosts\" "
       "in one of them"},
      {"services:\n  a: {}\n  b: {hosts: [a]}",
       "f:3:15: the services \"a\" (line 2) and \"b\" both claim the host \"a\"; write \"hosts\" "
       "in "
       "one of them"},
      {"services:\n  a: {hosts: [b, b]}", "f:2:18: the host \"b\" is given twice"},
      {"services: {a: {hosts: [\"*\"]}}",
       "f:1:24: \"hosts\" is \"*\", not a host; write NAME, \"*.suffix\" or either with :PORT"},
  };
  expect_each(kCases);
  EXPECT_THAT(
      mistakes("services:\n  a: {hosts: [x, \"x:80\", \"*.x\", \"[::1]:80\"]}\n  b: {hosts: "
               "[\"x:81\", \"*.y.x\"]}"),
      IsEmpty());
}

TEST(Mistakes, APolicyWhoseFilterNoListenerHas) {
  constexpr Case kCases[] = {
      {"listeners: [{filters: {without: [retry]}}]\nservices:\n  a: {retry: {attempts: 2}}",
       "f:3:7: \"retry\" is set, but no listener has the filter \"retry\"; add it to \"filters\"?"},
      {"listeners: [{filters: [retry]}]\ndefaults: {circuit: {window: 5s}}\nservices: {a: {}, b: "
       "{}}",
       "f:2:12: \"circuit\" is set, but no listener has the filter \"circuit\"; add it to "
       "\"filters\"?"},
      {"listeners: [{filters: {without: [outstanding]}}]\nservices:\n  a: {limits: {outstanding: "
       "5}}",
       "f:3:16: \"outstanding\" is set, but no listener has the filter \"outstanding\"; add it to "
       "\"filters\"?"},
      {"listeners: [{filters: {without: [fallback]}}]\nservices:\n  a: {routes: [{fallback: "
       "[{omit: no_content}]}]}",
       "f:3:17: \"fallback\" is set, but no listener has the filter \"fallback\"; add it to "
       "\"filters\"?"},
      {"listeners: [{filters: {without: [access_log]}}]\naccess_log: {path: /tmp/x}",
       "f:2:14: \"path\" is set, but no listener has the filter \"access_log\"; add it to "
       "\"filters\"?"},
      {"listeners: [{filters: {without: [attempt_timeout]}}]\nservices:\n  a: {timeout: {attempt: "
       "1s}}",
       "f:3:17: \"attempt\" is set, but no listener has the filter \"attempt_timeout\"; add it to "
       "\"filters\"?"},
      {"listeners: [{filters: {without: [headers]}}]\ndefaults: {headers: {request: {remove: "
       "[x]}}}",
       "f:2:12: \"headers\" is set, but no listener has the filter \"headers\"; add it to "
       "\"filters\"?"},
  };
  expect_each(kCases);
  EXPECT_THAT(mistakes("listeners: [{filters: {without: [retry, circuit]}}]\n"
                       "services: {a: {retry: off, circuit: {window: 10s}}}"),
              IsEmpty());
}

TEST(Mistakes, AddressesAndPorts) {
  constexpr Case kCases[] = {
      {"metrics: {address: localhost:9902}",
       "f:1:20: \"address\" is \"localhost:9902\", not an address; write IP:PORT, [IPv6]:PORT or "
       "unix:PATH; is localhost 127.0.0.1?"},
      {"metrics: {address: \"127.0.0.1:70000\"}",
       "f:1:20: \"address\" is \"127.0.0.1:70000\", not an address; write IP:PORT, [IPv6]:PORT or "
       "unix:PATH; is localhost 127.0.0.1?"},
      {"metrics: {address: \"127.0.0.1:9901\"}",
       "f:1:20: \"127.0.0.1:9901\" is already bound by admin; use another port"},
      {"listeners:\n  - address: \"127.0.0.1:15001\"\n  - name: b\n    address: [\"[::1]:1\", "
       "\"0.0.0.0:15001\"]",
       "f:4:26: \"0.0.0.0:15001\" is already bound by the listener \"outbound\", in line 2; use "
       "another port"},
      {"admin: {address: \"0.0.0.0:9901\"}",
       "f:1:18: \"0.0.0.0:9901\" is not loopback and there is no \"tls\"; write 127.0.0.1, a unix "
       "socket, \"tls\", or \"insecure: true\""},
      {"admin: {address: \"0.0.0.0:9901\", insecure: true}",
       "f:1:18: \"0.0.0.0:9901\" is not loopback, so \"tokens\" must say who may ask"},
      {"services: {a: {endpoints: {static: [\"orders:80\"]}}}",
       "f:1:37: \"static\" is \"orders:80\", not IP:PORT; for a name write dns: {name: NAME, port: "
       "PORT}"},
      {"services: {a: {endpoints: {static: [\"10.0.0.1:0\"]}}}",
       "f:1:37: \"static\" is \"10.0.0.1:0\", not IP:PORT; for a name write dns: {name: NAME, "
       "port: "
       "PORT}"},
      {"services: {a: {endpoints: {static: [\"10.0.0.1:1\", \"10.0.0.1:1\"]}}}",
       "f:1:51: the endpoint \"10.0.0.1:1\" is given twice; use weight?"},
      {"zone: [a, b]",
       "f:1:7: \"zone\" is a list, not a zone; write a name of up to 128 characters, without "
       "blanks"},
      {"services: {a: {endpoints: {static: [{address: \"10.0.0.1:1\", zone: \"a b\"}]}}}",
       "f:1:67: \"zone\" is \"a b\", not a zone; write a name of up to 128 characters, without "
       "blanks"},
  };
  expect_each(kCases);
  EXPECT_THAT(mistakes("admin: {address: \"127.0.0.1:0\"}\n"
                       "metrics: {address: \"unix:/run/m\"}\n"
                       "listeners: [{address: [\"127.0.0.1:0\", \"127.0.0.1:0\"]}]"),
              IsEmpty());
}

TEST(Mistakes, EndpointSources) {
  constexpr Case kCases[] = {
      {"services: {a: {endpoints: {file: x, static: []}}}",
       "f:1:27: more than one source; write {union: [{...}, {...}]} or first_of"},
      {"services: {a: {endpoints: {dns: {name: a.b}}}}",
       "f:1:33: \"dns\" has no \"port\"; write dns: {name: NAME, port: PORT} or dns: {srv: "
       "NAME}"},
      {"services: {a: {endpoints: {dns: {name: 10.0.0.1, port: 80}}}}",
       "f:1:40: \"name\" is \"10.0.0.1\", not a DNS name; for an address write static: "
       "[\"IP:PORT\"]"},
      {"services: {a: {endpoints: {union: [{file: x, min: 2}]}}}",
       "f:1:51: \"min\" belongs to a source within \"first_of\""},
      {"services: {a: {endpoints: {file: x, hold: 5s}}}",
       "f:1:43: \"hold\" belongs to \"first_of\""},
      {"services: {a: {endpoints: {union: []}}}", "f:1:35: \"union\" is empty"},
      {"services: {a: {endpoints: [x]}}",
       "f:1:27: \"endpoints\" is a list, not a source; write {static: [\"IP:PORT\"]}, {file: "
       "PATH}, {dns: ...} or original"},
  };
  expect_each(kCases);
  const EndpointSource source =
      only_service(
          "services: {a: {endpoints: {first_of: [{dns: {name: A.b, port: 80}, min: 2}, "
          "{union: [{file: x}, {static: [{address: \"[::1]:1\", weight: 3}]}]}], hold: 5s}}}")
          .endpoints;
  ASSERT_EQ(source.kind, EndpointSource::Kind::kFirstOf);
  EXPECT_EQ(source.hold_ms, 5'000);
  ASSERT_EQ(source.parts.size(), 2U);
  EXPECT_EQ(source.parts[0].dns_name, "a.b");
  EXPECT_EQ(source.parts[0].min, 2);
  ASSERT_EQ(source.parts[1].parts.size(), 2U);
  EXPECT_THAT(source.parts[1].parts[1].endpoints, ElementsAre(StaticEndpoint{"[::1]:1", 3}));
}

TEST(Mistakes, HeadersThatBelongToFramingOrOneHop) {
  constexpr Case kCases[] = {
      {"services: {a: {headers: {request: {set: {Content-Length: 3}}}}}",
       "f:1:42: the field \"content-length\" cannot be changed here; the proxy frames the body "
       "itself"},
      {"services: {a: {headers: {request: {set: {host: b}}}}}",
       "f:1:42: the field \"host\" cannot be changed here; use \"authority\""},
      {"services: {a: {headers: {response: {remove: [Connection]}}}}",
       "f:1:46: the field \"connection\" cannot be changed here; it ends at this hop and never "
       "travels on"},
      {"services: {a: {headers: {response: {add: {\"a b\": c}}}}}",
       "f:1:43: \"a b\" is \"a b\", not a field name"},
      {"services: {a: {headers: {response: {add: {x-a: \"b\\r\\nc: d\"}}}}}",
       "f:1:48: \"x-a\" has a control character in its value"},
      {"services: {a: {headers: {request: {set: {x-a: {prefix: b}}}}}}",
       "f:1:47: \"x-a\" has no \"file\"; write text, or {file: PATH}"},
      {"services: {a: {fallback: [{respond: {headers: {transfer-encoding: chunked}}}]}}",
       "f:1:48: the field \"transfer-encoding\" cannot be changed here; the proxy frames the body "
       "itself"},
  };
  expect_each(kCases);
}

TEST(Mistakes, Fallbacks) {
  constexpr Case kCases[] = {
      {"services: {a: {fallback: [{on: [any]}]}}",
       "f:1:27: no answer in this fallback; write one of stale, service, respond, omit"},
      {"services: {a: {fallback: [{omit: no_content, stale: {}}]}}",
       "f:1:27: more than one answer in this fallback; write one of stale, service, respond, omit"},
      {"services: {a: {fallback: [{omit: no_content, within: 1s}]}}",
       "f:1:54: \"within\" belongs to \"service\""},
      {"services: {a: {fallback: [{respond: {status: 199}}]}}",
       "f:1:46: \"status\" is 199, outside 200 to 599"},
      {"services: {a: {fallback: [{respond: {status: 204, body: x}}]}}",
       "f:1:46: \"204\" has no body"},
      {"services: {a: {fallback: [{omit: nothing}]}}",
       "f:1:34: unknown omit \"nothing\"; known here: no_content, empty_list, "
       "empty_message"},
  };
  expect_each(kCases);
}

TEST(Mistakes, Routes) {
  constexpr Case kCases[] = {
      {"services: {a: {routes: [{match: {path: v2}}]}}",
       "f:1:40: \"path\" is \"v2\", not a path; write /exact or /prefix/*"},
      {"services: {a: {routes: [{match: {path: /a*b}}]}}",
       "f:1:40: \"path\" is \"/a*b\", not a path; write /exact or /prefix/*"},
      {"services: {a: {routes: [{circuit: off}]}}",
       "f:1:25: a route that overrides circuit or limits needs a \"name\""},
      {"services: {a: {routes: [{pool: {idle: 5s}}]}}",
       "f:1:26: \"pool\" cannot differ in a route; make it a service with the same endpoints"},
      {"services: {a: {routes: [{timeout: {requst: 5s}}]}}",
       "f:1:36: unknown key \"requst\"; did you mean \"request\"?"},
      {"defaults: {routes: []}",
       "f:1:12: \"routes\" does not belong in \"defaults\"; write it in each service"},
      {"defaults: {hosts: auto}",
       "f:1:12: \"hosts\" does not belong in \"defaults\"; write it in each service"},
  };
  expect_each(kCases);
}

TEST(Mistakes, KeysThatContradictEachOther) {
  constexpr Case kCases[] = {
      {"services: {a: {circuit: {slow_rate: 50%}}}",
       "f:1:37: \"slow_rate\" needs \"slow_call\": how slow is slow?"},
      {"services: {a: {circuit: {open_for: 2m}}}",
       "f:1:36: \"open_for\" is longer than \"open_max\""},
      {"services: {a: {circuit: {ramp: {steps: [50%, 20%]}}}}",
       "f:1:40: \"steps\" must rise from one to the next"},
      {"services: {a: {retry: {backoff: {base: 1s}}}}", "f:1:40: \"base\" is longer than \"max\""},
      {"services: {a: {limits: {outstanding: off, queue: 5}}}",
       "f:1:50: \"queue\" needs \"outstanding\"; nothing would wait"},
      {"drain: {quiet: 1m}", "f:1:16: \"quiet\" is longer than \"grace\""},
      {"registries: {dns: {ttl_min: 10m}}", "f:1:29: \"ttl_min\" is longer than \"ttl_max\""},
  };
  expect_each(kCases);
}

TEST(Mistakes, AdminTokens) {
  const std::string file = testing::TempDir() + "outrigger_token";
  std::ofstream(file) << "secret";
  EXPECT_THAT(mistakes("admin: {tokens: [{name: a, role: operator, file: " + file + "}]}"),
              IsEmpty());
  constexpr Case kCases[] = {
      {"admin: {tokens: [{name: a}]}",
       "f:1:18: a token has no \"file\"; secrets come only from files"},
      {"admin: {tokens: [{name: a, token: x, file: /dev/null}]}",
       "f:1:28: unknown key \"token\"; known here: name, role, file"},
      {"admin: {tokens: [{name: a, role: root, file: /dev/null}]}",
       "f:1:34: unknown role \"root\"; known here: viewer, operator"},
      {"admin: {tokens: [{name: a, file: /dev/null}, {name: a, file: /dev/null}]}",
       "f:1:46: the token name \"a\" is given twice"},
  };
  expect_each(kCases);
}

TEST(Mistakes, AreAllToldAtOnceInTheOrderOfTheFile) {
  EXPECT_THAT(mistakes("workers: many\nservices:\n  a: {balance: best, retry: {attempts: 0}}\n"
                       "unmatched: drop\nworkers: 2\n"),
              ElementsAre("f:1:10: \"workers\" is \"many\", not a whole number",
                          HasSubstr("f:3:16: unknown balance \"best\""),
                          "f:3:40: \"attempts\" is 0, outside 1 to 16",
                          HasSubstr("f:4:12: unknown unmatched \"drop\""),
                          "f:5:1: \"workers\" is given twice; the first is in line 1"));
}

TEST(Mistakes, InDefaultsAreToldOnceForAllServices) {
  EXPECT_THAT(mistakes("defaults: {timeout: {request: x}}\nservices: {a: {}, b: {}, c: {}}"),
              testing::SizeIs(1));
}

TEST(Mistakes, KnowTheirPath) {
  const Loaded loaded =
      load_text("f", "services: {a: {routes: [{retry: {attempts: 0}}]}}", no_environment());
  ASSERT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.problems[0].path, "services.a.routes[0].retry.attempts");
}

}  // namespace
}  // namespace outrigger::config::test
