// What each view prints, to the letter: who reads it with awk counts on it.
#include "proxy/ctl/view.hpp"

#include <gtest/gtest.h>

namespace outrigger::ctl {
namespace {

constexpr int64_t kNowMs = 1'764'583'200'000;  // 2025-12-01T10:00:00Z
constexpr Look kLook{.now_ms = kNowMs};
constexpr Look kWide{.now_ms = kNowMs, .wide = true};
constexpr Look kColour{.now_ms = kNowMs, .colour = true};

std::string text_of(const Text& text) { return text ? *text : "failed: " + text.error(); }

constexpr std::string_view kCircuits = R"({"circuits":[
  {"service":"orders","settings":{},"state":"closed","machine":"closed","force":"auto",
   "override":null,"reason":"ramp_done","changed_ms_ago":10860000,
   "counts":{"total":1204,"failed":5,"slow":2,"failed_share":0.00415},
   "run":{"failures":0,"lasted_ms":0},"next_probe_ms":null,"open_ms_total":9000,"refused":12},
  {"service":"orders","route":"reads","settings":"off","state":"open","machine":"open",
   "force":"auto","override":null,"reason":"failure_rate","changed_ms_ago":1200,
   "counts":{"total":20,"failed":11,"slow":0,"failed_share":0.55},
   "run":{"failures":3,"lasted_ms":400},"next_probe_ms":4200,"open_ms_total":1200,"refused":3},
  {"service":"stock","settings":{"open_for":"5s","ramp":{"each":"1s"}},"state":"forced_open",
   "machine":"closed","force":"forced_open",
   "override":{"actor":"ana","reason":"INC-42","until":"2025-12-01T10:08:00.500Z"},
   "reason":"operator","changed_ms_ago":120000,
   "counts":{"total":0,"failed":0,"slow":0,"failed_share":0},
   "run":{"failures":0,"lasted_ms":0},"next_probe_ms":null,"open_ms_total":0,"refused":0}]})";

TEST(CircuitsView, TellsWhyAndSinceWhen) {
  EXPECT_EQ(text_of(circuits_view(kCircuits, kLook)),
            "SERVICE       STATE        SINCE  WHY                    FAIL   CALLS  NEXT PROBE\n"
            "orders        closed       3h     -                      0.4%   1204   -\n"
            "orders/reads  open         1s     failure_rate           55.0%  20     in 4s\n"
            "stock         forced_open  2m     INC-42 (ana, 8m left)  -      0      -\n");
}

TEST(CircuitsView, HasMoreColumnsWhereTheyAreWanted) {
  EXPECT_EQ(text_of(circuits_view(kCircuits, kWide)),
            "SERVICE       STATE        SINCE  WHY                    FAIL   CALLS  NEXT PROBE  "
            "SLOW  RUN  REFUSED  OPEN FOR\n"
            "orders        closed       3h     -                      0.4%   1204   -           "
            "2     0    12       9s\n"
            "orders/reads  open         1s     failure_rate           55.0%  20     in 4s       "
            "0     3    3        1s\n"
            "stock         forced_open  2m     INC-42 (ana, 8m left)  -      0      -           "
            "0     0    0        0s\n");
}

TEST(CircuitsView, PaintsStatesOnATerminal) {
  const std::string text = text_of(circuits_view(kCircuits, kColour));
  EXPECT_NE(text.find("orders        \x1b[32mclosed\x1b[0m       3h"), std::string::npos) << text;
  EXPECT_NE(text.find("\x1b[31mforced_open\x1b[0m  2m"), std::string::npos) << text;
}

TEST(CircuitView, TellsOneWithItsSettings) {
  EXPECT_EQ(
      text_of(circuit_view(
          R"({"service":"stock","settings":{"open_for":"5s","ramp":{"each":"1s"},"slow_rate":"off"},
              "state":"forced_open","machine":"open","force":"forced_open",
              "override":{"actor":"ana","reason":"INC-42"},"reason":"operator",
              "changed_ms_ago":120000,"counts":{"total":9,"failed":4,"slow":1},
              "run":{"failures":3,"lasted_ms":1500},"next_probe_ms":2500,"refused":7})",
          kLook)),
      "stock  forced_open for 2m\n"
      "why         INC-42 (ana)\n"
      "below       open\n"
      "window      9 calls, 4 failed, 1 slow\n"
      "run         3 failures in 1s\n"
      "next probe  in 2s\n"
      "refused     7\n"
      "settings\n"
      "  open_for: 5s\n"
      "  ramp.each: 1s\n"
      "  slow_rate: off\n");
}

std::string service(const std::string& name, const std::string& circuit, int eligible, int listed,
                    const std::string& discovery = R"({"answered":true,"age_ms":12000,"errors":0,
                                                       "last_error":null})") {
  return R"({"name":")" + name +
         R"(","hosts":"auto","protocol":"auto","tls":null,"circuit":{"state":")" + circuit +
         R"("},"limits":{"outstanding":3,"outstanding_limit":1024,"queued":0,"queue_limit":0,
         "streams":2,"streams_limit":null},"retry_budget_remaining":7,
         "discovery":)" +
         discovery + R"(,"endpoint_counts":{"listed":)" + std::to_string(listed) + R"(,"usable":)" +
         std::to_string(listed) + R"(,"eligible":)" + std::to_string(eligible) +
         R"(},"zone":null,"panic":)" + (eligible == 1 && listed == 9 ? "true" : "false") +
         R"(,"routes":["reads"],"splits":[])";
}

TEST(ServicesView, ShowsTheWorstFirst) {
  const std::string body =
      "{\"services\":[" + service("well", "closed", 2, 2) + "}," +
      service("panic", "closed", 1, 9) + "}," +
      service("late", "closed", 2, 2,
              R"({"answered":true,"age_ms":240000,"errors":3,"last_error":"no route"})") +
      "}," + service("shut", "open", 2, 3) + "}," +
      service("none", "closed", 0, 3,
              R"({"answered":false,"age_ms":null,"errors":0,"last_error":null})") +
      "}]}";
  EXPECT_EQ(text_of(services_view(body, kLook)),
            "SERVICE  CIRCUIT  ENDPOINTS  OUTSTANDING  QUEUED  DISCOVERY\n"
            "none     closed   0/3        3/1024       0/0     no answer yet\n"
            "shut     open     2/3        3/1024       0/0     12s ago\n"
            "panic    closed   1/9 panic  3/1024       0/0     12s ago\n"
            "late     closed   2/2        3/1024       0/0     4m ago, then: no route\n"
            "well     closed   2/2        3/1024       0/0     12s ago\n");
  EXPECT_EQ(text_of(services_view(R"({"services":[]})", kLook)), "there is no service\n");
}

const std::string kService = service("orders", "closed", 1, 2) + R"(,"endpoints":[
  {"address":"10.0.0.1:80","state":"eligible","weight":1,"zone":null,"terminating":false,
   "override":null,"operator":"auto","health":"unknown","outstanding":3,"listed_ms_ago":61000,
   "protocol":"http1","connections":{"http1":4,"http2":1},
   "circuit":{"state":"closed","run":0,"times_opened":0,"open_ms_left":null}},
  {"address":"10.0.0.2:80","state":"circuit_open","weight":3,"zone":"a","terminating":false,
   "override":null,"operator":"auto","health":"healthy","outstanding":0,"listed_ms_ago":61000,
   "protocol":null,"connections":{"http1":0,"http2":0},
   "circuit":{"state":"open","run":9,"times_opened":2,"open_ms_left":4100}},
  {"address":"10.0.0.3:80","state":"drain","weight":1,"zone":null,"terminating":false,
   "override":{"actor":"ana","reason":"disk","until":"2025-12-01T11:00:00.000Z"},
   "operator":"drain","health":"unknown","outstanding":0,"listed_ms_ago":61000,
   "protocol":null,"connections":{"http1":0,"http2":0},
   "circuit":{"state":"closed","run":0,"times_opened":0,"open_ms_left":null}},
  {"address":"10.0.0.4:80","state":"unhealthy","why":"its health check fails: it answered 500",
   "weight":1,"zone":null,"terminating":false,"override":null,"operator":"auto",
   "health":"unhealthy","outstanding":0,"listed_ms_ago":61000,"protocol":null,
   "connections":{"http1":0,"http2":0},
   "circuit":{"state":"closed","run":0,"times_opened":0,"open_ms_left":null}}]})";

constexpr std::string_view kEndpoints =
    "ADDRESS      STATE         OUTSTANDING  CONNECTIONS  HEALTH     WHY\n"
    "10.0.0.1:80  eligible      3            5            unknown    -\n"
    "10.0.0.2:80  circuit_open  0            0            healthy    open for 4s more\n"
    "10.0.0.3:80  drain         0            0            unknown    disk (ana, 1h left)\n"
    "10.0.0.4:80  unhealthy     0            0            unhealthy  its health check fails: it "
    "answered 500\n";

TEST(ServiceView, ShowsOneWithItsEndpoints) {
  EXPECT_EQ(text_of(endpoints_view(kService, kLook)), kEndpoints);
  EXPECT_EQ(text_of(service_view(kService, kLook)),
            "SERVICE  CIRCUIT  ENDPOINTS  OUTSTANDING  QUEUED  DISCOVERY\n"
            "orders   closed   1/2        3/1024       0/0     12s ago\n"
            "\n" +
                std::string(kEndpoints));
}

TEST(PolicyView, TellsWhereEachSettingIsFrom) {
  EXPECT_EQ(text_of(policy_view(
                R"({"service":"orders","policy":{"retry":{"attempts":1},"cache":"off",
              "headers":{"request":{"set":{"x.y":"1"}}}},
              "from":{"retry.attempts":{"layer":"admin","id":"7","actor":"local","reason":"slow",
                                        "until":"2025-12-01T10:05:00.000Z"},
                      "cache":{"layer":"built_in"},
                      "headers.request.set.x\\.y":{"layer":"service","at":"o.yaml:4"}}})",
                kLook)),
            "KEY                       FROM                          VALUE\n"
            "retry.attempts            admin: slow (local, 5m left)  1\n"
            "cache                     built_in                      off\n"
            "headers.request.set.x\\.y  service o.yaml:4              1\n");
}

constexpr std::string_view kOverrides = R"({"overrides":[
  {"id":"17","layer":"admin","service":"orders","route":"reads","key":"retry.attempts","value":1,
   "file_value":3,"replaced":2,"actor":"local","since":"2025-12-01T09:58:00.000Z",
   "until":"2025-12-01T10:08:00.000Z","reason":"INC-42"},
  {"id":"18","layer":"file","service":"stock","endpoint":"10.0.0.3:80","key":"endpoint_state",
   "value":"drain","file_value":"auto","replaced":"auto","by":"ana",
   "since":"2025-11-30T10:00:00.000Z"}]})";

TEST(OverridesView, TellsWhoWhyAndUntilWhen) {
  EXPECT_EQ(text_of(overrides_view(kOverrides, kLook)),
            "ID  SERVICE       KEY                         VALUE  FILE  BY     UNTIL           "
            "REASON\n"
            "17  orders/reads  retry.attempts              1      3     local  10:08:00Z (8m)  "
            "INC-42\n"
            "18  stock         endpoint_state 10.0.0.3:80  drain  auto  ana    it is undone    "
            "-\n");
  EXPECT_EQ(text_of(overrides_view(R"({"overrides":[]})", kLook)),
            "nothing differs from the file\n");
}

TEST(EventsView, IsALineEach) {
  const std::string events =
      R"({"events":[
      {"id":1,"time":"2025-11-30T09:58:00.000Z","kind":"circuit","service":"stock",
       "from":"closed","to":"open","reason":"failure_rate"},
      {"id":2,"time":"2025-12-01T09:59:00.000Z","kind":"settings","service":"stock","route":"r",
       "reason":"INC-42","actor":"ana",
       "before":{"retry":{"attempts":3,"unsent":2},"mirror":"off"},
       "after":{"retry":{"attempts":1,"unsent":2},"mirror":{"share":1}}},
      {"id":3,"time":"2025-12-01T09:59:30.000Z","kind":"endpoint_state","service":"stock",
       "endpoint":"10.0.0.1:80","from":"auto","to":"drain","actor":"local"}]})";
  EXPECT_EQ(text_of(events_view(events, kLook)),
            "2025-11-30T09:58:00Z  circuit  stock  closed -> open  failure_rate\n"
            "09:59:00Z  settings  stock/r  retry.attempts 3 -> 1, mirror off -> {\"share\":1}  "
            "INC-42  by ana\n"
            "09:59:30Z  endpoint_state  stock  10.0.0.1:80  auto -> drain  by local\n");
  EXPECT_EQ(text_of(event_view(R"({"count":3})", kLook)),
            "3 events before these are no longer kept\n");
}

TEST(UnmatchedView, NamesTheNearestServiceAndShowsNothingThatATerminalWouldObey) {
  EXPECT_EQ(text_of(unmatched_view(R"({"unmatched":[
      {"authority":"ordres:80","count":3,"nearest":"orders","last":"2025-12-01T09:59:00.000Z"},
      {"authority":"a\u001b[2J\u009b1m","count":1,"last":"2025-12-01T09:59:58.000Z"}]})",
                                   kLook)),
            "AUTHORITY  CALLS  LAST    NEAREST SERVICE\n"
            "ordres:80  3      1m ago  orders\n"
            "a?[2J?1m   1      2s ago  -\n");
}

constexpr std::string_view kState = R"({"running":{"hash":"3f9c1e0011223344","effective_hash":"x",
   "since":"2025-12-01T07:14:02.000Z"},"file":{"hash":"8b20aa0011223344"},
   "differs_since":"2025-12-01T09:57:00.000Z","awaits_restart":["workers"],
   "errors":[{"detail":"unknown key \"timeot\"","path":"services.orders","file":"o.yaml",
              "line":14,"column":5}]})";

TEST(StatusView, TellsWhatRunsAndWhatIsWrong) {
  const std::string body = R"({"version":"0.1.0","uptime_ms":11520000,
      "health":{"live":null,"started":null,"ready":null},"config":)" +
                           std::string(kState) + R"(,"overrides":{"count":2,
      "next_end":"2025-12-01T10:08:00.000Z"},"memory":{"used_bytes":43000000,
      "limit_bytes":268435456},"log_level":"info","services":{"total":42,"troubled":[)" +
                           service("stock", "open", 2, 3) + "}]}}";
  EXPECT_EQ(text_of(status_view(body, kLook)),
            "outrigger 0.1.0  ready  up 3h\n"
            "config     3f9c1e00, since 07:14:02Z (2h)\n"
            "           refused since 09:57:00Z (3m): the file 8b20aa00 has 1 mistake\n"
            "           o.yaml:14:5: unknown key \"timeot\"\n"
            "           workers is not in force before a restart\n"
            "overrides  2, the next ends in 8m\n"
            "memory     41 MiB of 256 MiB\n"
            "log        info\n"
            "services   42, 1 in trouble\n"
            "\n"
            "SERVICE  CIRCUIT  ENDPOINTS  OUTSTANDING  QUEUED  DISCOVERY\n"
            "stock    open     2/3        3/1024       0/0     12s ago\n");
}

TEST(DifferenceView, TellsHowWhatRunsStandsToTheFiles) {
  EXPECT_EQ(text_of(difference_view(kState, R"({"overrides":[]})", kLook)),
            "config     3f9c1e00, since 07:14:02Z (2h)\n"
            "           refused since 09:57:00Z (3m): the file 8b20aa00 has 1 mistake\n"
            "           o.yaml:14:5: unknown key \"timeot\"\n"
            "           workers is not in force before a restart\n"
            "\n"
            "nothing differs from the file\n");
}

TEST(ReloadView, TellsWhatChanged) {
  EXPECT_EQ(text_of(reload_view(
                R"({"before":"3f9c1e0011","after":"8b20aa0011","changed":[{"service":"orders",
                    "keys":[{"key":"retry.attempts","before":1,"after":2},
                            {"route":"reads","key":"circuit","before":"off","after":null}]}],
                    "added":["billing"],"removed":[],"untouched":41,"awaits_restart":["workers"]})",
                4, kLook)),
            "3f9c1e00 -> 8b20aa00 in 4 ms: billing added, 1 service changed, 41 untouched\n"
            "  orders  retry.attempts  1 -> 2\n"
            "  orders/reads  circuit  off -> null\n"
            "workers is not in force before a restart\n");
}

TEST(RegistrationsView, TellsWhatEachRegistrySaid) {
  EXPECT_EQ(text_of(registrations_view(R"({"registrations":[
      {"registry":"consul","name":"billing","address":"10.0.0.7:80","state":"registered",
       "said":null},
      {"registry":"eureka","name":"billing","address":null,"state":"trying","said":"no route"}]})",
                                       kLook)),
            "REGISTRY  NAME     ADDRESS      STATE       SAID\n"
            "consul    billing  10.0.0.7:80  registered  -\n"
            "eureka    billing  -            trying      no route\n");
  EXPECT_EQ(text_of(registrations_view(R"({"registrations":[]})", kLook)),
            "the file registers nothing\n");
}

TEST(LiveView, TellsWhatIsCalled) {
  EXPECT_EQ(text_of(live_view(R"({"seconds":1,"services":[
      {"service":"orders","rate":120.4981,"failed":0.004,"p50_ms":1.25,"p99_ms":30,"outstanding":3,
       "circuit":"closed"},
      {"service":"orders","route":"reads","rate":2,"failed":0,"p50_ms":1,"p99_ms":2}],
      "events":[]})",
                              kLook)),
            "SERVICE       CIRCUIT  RATE     FAILED  P50     P99   OUTSTANDING\n"
            "orders        closed   120.5/s  0.4%    1.25ms  30ms  3\n"
            "orders/reads  -        2/s      0.0%    1ms     2ms   -\n");
}

TEST(Views, SayWhenAnAnswerIsOfAVersionTheyDoNotKnow) {
  for (const char* body : {"", "[]", "{}", "<html>", R"({"circuits":[{}]})"}) {
    EXPECT_FALSE(circuits_view(body, kLook)) << body;
    EXPECT_FALSE(services_view(body, kLook)) << body;
    EXPECT_FALSE(status_view(body, kLook)) << body;
  }
}

}  // namespace
}  // namespace outrigger::ctl
