// Opaque connections: which listeners and services have them, and what bounds streams.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/support.hpp"

namespace outrigger::config::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ListenerConfig only_listener(std::string_view text) { return good(text).listeners.at(0); }

TEST(Intercept, IsOneOfFourWords) {
  EXPECT_EQ(only_listener("listeners: [{}]").intercept, Intercept::kAny);
  EXPECT_EQ(only_listener("listeners: [{intercept: transparent}]").intercept,
            Intercept::kTransparent);
  EXPECT_EQ(only_listener("listeners: [{intercept: proxy}]").intercept, Intercept::kProxy);
  EXPECT_EQ(only_listener("listeners: [{intercept: authority}]").intercept, Intercept::kAuthority);
}

TEST(Upgrades, AreTokensInLowerCaseAndNoneOfOneHop) {
  using testing::ElementsAre;
  EXPECT_THAT(only_listener("listeners: [{}]").upgrades, ElementsAre("websocket"));
  EXPECT_THAT(only_listener("listeners: [{upgrades: [tcp, spdy]}]").upgrades,
              ElementsAre("tcp", "spdy"));
  EXPECT_THAT(only_listener("listeners: [{upgrades: []}]").upgrades, IsEmpty());
  for (const char* wrong : {"h2c", "tls", "WebSocket", "a b"}) {
    EXPECT_THAT(mistakes("listeners: [{upgrades: [" + std::string(wrong) + "]}]"),
                ElementsAre(HasSubstr("never h2c or tls")))
        << wrong;
  }
}

TEST(Proxy, IsSpokenToInHttp1) {
  EXPECT_TRUE(only_service("services: {a: {proxy: true, protocol: http1}}").policy.proxy);
  EXPECT_THAT(mistakes("services: {a: {proxy: false, protocol: http2}}"), IsEmpty());
  constexpr Case kCases[] = {
      {"services: {a: {proxy: true, protocol: http2}}",
       "f:1:16: a proxy is spoken to in HTTP/1.1; leave \"protocol\" out"},
      {"services: {a: {protocol: tcp, proxy: true}}",
       "f:1:31: a proxy is spoken to in HTTP/1.1; leave \"protocol\" out"},
  };
  expect_each(kCases);
}

TEST(Intercept, ATransparentListenerCarriesTlsAndHasNoUnixSocket) {
  constexpr Case kCases[] = {
      {"listeners: [{intercept: transparent, tls: {cert_file: /dev/null, key_file: /dev/null}}]",
       "f:1:43: a transparent listener carries the TLS of its callers and cannot end it; remove "
       "\"tls\", or choose another \"intercept\""},
      {"listeners: [{intercept: transparent, address: [\"127.0.0.1:1\", \"unix:/run/x\"]}]",
       "f:1:63: \"unix:/run/x\" is a unix socket, whose callers have no original destination"},
      {"listeners: [{intercept: transparant}]",
       "f:1:25: unknown intercept \"transparant\"; did you mean \"transparent\"?"},
  };
  expect_each(kCases);
  EXPECT_THAT(mistakes("listeners: [{intercept: transparent, service: a}]\nservices: {a: {}}"),
              IsEmpty());
}

TEST(OpaquePorts, AreReplacedByAListAndExtendedByAlso) {
  const std::vector<int> built_in = ListenerConfig{}.opaque_ports;
  EXPECT_EQ(built_in.size(), 14U);
  EXPECT_THAT(only_listener("listeners: [{opaque_ports: [1, 2]}]").opaque_ports, ElementsAre(1, 2));
  EXPECT_THAT(only_listener("listeners: [{opaque_ports: []}]").opaque_ports, IsEmpty());
  EXPECT_THAT(only_listener("listeners: [{opaque_ports: off}]").opaque_ports, IsEmpty());
  std::vector<int> more = built_in;
  more.push_back(7'000);
  EXPECT_EQ(only_listener("listeners: [{opaque_ports: {also: [7000, 5432]}}]").opaque_ports, more);
  EXPECT_EQ(only_listener("listeners: [{opaque_ports: {}}]").opaque_ports, built_in);
  constexpr Case kCases[] = {
      {"listeners: [{opaque_ports: [0]}]", "f:1:29: \"opaque_ports\" is 0, outside 1 to 65535"},
      {"listeners: [{opaque_ports: {also: [70000]}}]",
       "f:1:36: \"also\" is 70000, outside 1 to 65535"},
      {"listeners: [{opaque_ports: [25, 26, 25]}]", "f:1:37: the port \"25\" is given twice"},
      {"listeners: [{opaque_ports: {als: [1]}}]",
       "f:1:29: unknown key \"als\"; did you mean \"also\"?"},
      {"listeners: [{opaque_ports: 25}]",
       "f:1:28: \"opaque_ports\" is \"25\", not a list; write [a, b]"},
      {"listeners: [{detect_timeout: 0}]", "f:1:30: \"detect_timeout\" is 0, less than 1ms"},
  };
  expect_each(kCases);
}

TEST(Addresses, AreRangesWithAPort) {
  EXPECT_THAT(
      only_service("services: {a: {addresses: [\"10.1.0.0/16:5432\", \"[fd00::1]:*\"]}}").addresses,
      ElementsAre("10.1.0.0/16:5432", "[fd00::1]:*"));
  for (const char* wrong :
       {"10.1.0.0/16", "10.1.2.0/16:1", "db:5432", "fd00::/8:1", "10.0.0.1:0"}) {
    EXPECT_THAT(mistakes("services: {a: {addresses: [\"" + std::string(wrong) + "\"]}}"),
                ElementsAre("f:1:28: \"addresses\" is \"" + std::string(wrong) +
                            "\", not CIDR:PORT; write 10.1.0.0/16:5432, 10.0.0.7:5432 or "
                            "\"[fd00::/8]:5432\", with no bit set beyond the prefix; a port of * "
                            "is any"));
  }
}

TEST(Addresses, ClaimedByTwoServicesOrTwiceAreAMistakeHoweverTheyAreWritten) {
  constexpr Case kCases[] = {
      {"services:\n  a: {addresses: [\"10.0.0.7:5432\"]}\n  b: {addresses: [\"10.0.0.7/32:5432\"]}",
       "f:3:19: the services \"a\" (line 2) and \"b\" both claim the address "
       "\"10.0.0.7/32:5432\"; write \"addresses\" in one of them"},
      {"services:\n  a: {addresses: [\"[fd00::1]:1\", \"[FD00:0::1]:1\"]}",
       "f:2:34: the address \"[fd00::1/128]:1\" is given twice"},
  };
  expect_each(kCases);
  EXPECT_THAT(mistakes("services:\n  a: {addresses: [\"10.0.0.7:1\", \"10.0.0.0/8:1\"]}\n"
                       "  b: {addresses: [\"10.0.0.7:2\", \"10.0.0.7:*\"]}"),
              IsEmpty());
}

TEST(OriginalEndpoints, StandAlone) {
  EXPECT_EQ(only_service("services: {a: {endpoints: original}}").endpoints.kind,
            EndpointSource::Kind::kOriginal);
  constexpr Case kCases[] = {
      {"services: {a: {endpoints: {union: [original, {file: x}]}}}",
       "f:1:36: \"original\" is where each caller was going, no list; it stands alone"},
      {"services: {a: {endpoints: {first_of: [{file: x}, original]}}}",
       "f:1:50: \"original\" is where each caller was going, no list; it stands alone"},
      {"services: {a: {endpoints: orignal}}",
       "f:1:27: \"endpoints\" is \"orignal\", not a source; write {static: [\"IP:PORT\"]}, {file: "
       "PATH}, {dns: ...} or original"},
  };
  expect_each(kCases);
}

TEST(OpaqueServices, RefuseWhatIsAboutRequests) {
  constexpr Case kCases[] = {
      {"services: {a: {protocol: tcp, retry: {on: [connect, 503]}}}",
       "f:1:39: \"on\" means nothing to \"protocol: tcp\", whose connections are not read"},
      {"services: {a: {protocol: tcp, retry: {grpc: [/a.B/C]}}}",
       "f:1:39: \"grpc\" means nothing to \"protocol: tcp\", whose connections are not read"},
      {"services: {a: {protocol: tcp, retry: {hold_head: 1s}}}",
       "f:1:39: \"hold_head\" means nothing to \"protocol: tcp\", whose connections are not read"},
      {"services: {a: {protocol: tls, fallback: [{omit: no_content}]}}",
       "f:1:31: \"fallback\" means nothing to \"protocol: tls\", whose connections are not read"},
      {"services: {a: {protocol: tcp, cache: {store: rfc9111}}}",
       "f:1:31: \"cache\" means nothing to \"protocol: tcp\", whose connections are not read"},
      {"services: {a: {protocol: tcp, headers: {request: {remove: [x-a]}}}}",
       "f:1:31: \"headers\" means nothing to \"protocol: tcp\", whose connections are not read"},
      {"services: {a: {protocol: tcp, routes: [{match: {path: /a}}]}}",
       "f:1:31: \"routes\" means nothing to \"protocol: tcp\", whose connections are not read"},
      {"services: {a: {protocol: tcp, deadline_header: x-d}}",
       "f:1:31: \"deadline_header\" means nothing to \"protocol: tcp\", whose connections are not "
       "read"},
      {"services: {a: {protocol: tcp, limits: {body_bytes: 1MiB}}}",
       "f:1:40: \"body_bytes\" means nothing to \"protocol: tcp\", whose connections are not read"},
      {"services:\n  a: {fallback: [{service: b}]}\n  b: {protocol: tcp}",
       "f:2:28: the service \"b\" has opaque connections; it answers no requests"},
  };
  expect_each(kCases);
  EXPECT_THAT(mistakes("services: {a: {protocol: tcp, retry: {on: [connect], hold_head: 0}, "
                       "fallback: [], cache: off, headers: off, routes: []}}"),
              IsEmpty());
}

TEST(OpaqueServices, AreNotTouchedByWhatDefaultsSayToTheOthers) {
  constexpr std::string_view kText =
      "defaults: {headers: {request: {set: {x-a: b}}}, fallback: [{omit: no_content}],\n"
      "           cache: {entry_bytes: 1MiB}, retry: {attempts: 2, on: [connect, 5xx]}}\n"
      "services: {a: {protocol: tcp}, b: {}}";
  const Config config = good(kText);
  const Policy& opaque = config.services[0].policy;
  EXPECT_EQ(opaque.headers, Headers{});
  EXPECT_THAT(opaque.fallback, IsEmpty());
  EXPECT_FALSE(opaque.cache);
  EXPECT_EQ(opaque.retry->attempts, 2);
  EXPECT_FALSE(opaque.retry->on.has_status(503));
  EXPECT_TRUE(opaque.retry->on.has(Token::kConnect));
  EXPECT_TRUE(config.services[1].policy.cache);
  EXPECT_THAT(effective(config), HasSubstr("protocol: tcp\n"));
  const Config again = good(effective(config));
  EXPECT_EQ(again.services, config.services);
}

TEST(OpaqueServices, OfTlsSayWhichConnectionsAreMeantAndEncryptNothing) {
  constexpr Case kCases[] = {
      {"services: {a: {protocol: tls, hosts: []}}",
       "f:1:26: \"protocol: tls\" needs \"hosts\", \"addresses\" or a listener's \"service\"; "
       "which connections are meant?"},
      {"services: {a: {protocol: tls, tls: on}}",
       "f:1:36: \"tls\" would encrypt once more what \"protocol: tls\" carries; write protocol: "
       "tcp, or tls: off"},
      {"defaults: {tls: on}\nservices: {a: {protocol: tls}}",
       "f:1:17: \"tls\" would encrypt once more what \"protocol: tls\" carries; write protocol: "
       "tcp, or tls: off"},
  };
  expect_each(kCases);
  EXPECT_THAT(mistakes("listeners: [{service: a}]\nservices: {a: {protocol: tls, hosts: []}}"),
              IsEmpty());
  EXPECT_THAT(mistakes("services: {a: {protocol: tls, hosts: [], addresses: [\"0.0.0.0/0:443\"]}}"),
              IsEmpty());
  EXPECT_THAT(mistakes("services: {a: {protocol: tcp, tls: on}}"), IsEmpty());
}

TEST(LimitOnStreams, IsOffByDefaultAndNeedsItsFilter) {
  EXPECT_FALSE(only_service("services: {a: {}}").policy.limits.streams);
  EXPECT_EQ(only_service("services: {a: {limits: {streams: 5}}}").policy.limits.streams, 5);
  EXPECT_FALSE(only_service("defaults: {limits: {streams: 5}}\nservices: {a: {limits: off}}")
                   .policy.limits.streams);
  constexpr Case kCases[] = {
      {"listeners: [{filters: {without: [outstanding]}}]\nservices:\n  a: {limits: {streams: 5}}",
       "f:3:16: \"streams\" is set, but no listener has the filter \"outstanding\"; add it to "
       "\"filters\"?"},
      {"services: {a: {limits: {streams: 0}}}",
       "f:1:34: \"streams\" is 0, outside 1 to 1000000000"},
  };
  expect_each(kCases);
}

TEST(OpaqueServices, AreRefusedToAPatchWhileTheFileHasRequests) {
  const Loaded file =
      load_text("f", "services: {a: {fallback: [{omit: no_content}]}}", no_environment());
  EXPECT_THAT(texts(apply_override(file, {"a", ""}, "", R"({"protocol": "tcp"})").problems),
              ElementsAre(HasSubstr("\"fallback\" means nothing to \"protocol: tcp\"")));
}

}  // namespace
}  // namespace outrigger::config::test
