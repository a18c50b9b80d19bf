#include <algorithm>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

// Some of everything: good calls, bad ones, refused ones, an open circuit, an override.
class Metrics : public ::testing::Test {
 protected:
  Metrics() {
    for (int i = 0; i < 5; ++i) x_sidecar.get("orders");
    for (int i = 0; i < 5; ++i) x_sidecar.get("dead");
    x_sidecar.get("orders", "/missing");
    x_sidecar.get(x_origin.address());
    x_sidecar.admin("PUT", "/api/v1/circuits/dead/state", "{\"state\":\"forced_open\"}");
    x_sidecar.get("dead");
    x_sidecar.get("dead\\\"quoted");
  }

  const Origin x_origin{[](const Request& request, Wire& wire) {
    if (request.line.starts_with("GET /missing")) {
      return wire.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
    return wire.send(Origin::response("ok"));
  }};
  const Sidecar x_sidecar{"workers: 2\nservices:\n  orders: {endpoints: {static: [\"" +
                          x_origin.address() +
                          "\"]}}\n  dead: {endpoints: {static: [\"127.0.0.1:1\"]}}\n"};
};

TEST_F(Metrics, PromtoolFindsNothingWrong) {
  if (!is_installed("promtool")) GTEST_SKIP() << "promtool is not installed";
  const TempFolder folder;
  replace_file(folder / "metrics", get(x_sidecar.metrics_address(), "localhost", "/metrics").body);
  const Finished lint =
      run({"sh", "-c", "promtool check metrics < '" + (folder / "metrics").string() + "' 2>&1"});
  EXPECT_EQ(lint.code, 0) << lint.out;
  EXPECT_EQ(lint.out, "");
}

TEST_F(Metrics, TheyCountWhatWasCalled) {
  EXPECT_EQ(x_sidecar.metric("outrigger_requests_total",
                             {"service=\"orders\"", "code=\"200\"", "outcome=\"success\""}),
            5);
  EXPECT_EQ(x_sidecar.metric("outrigger_requests_total",
                             {"service=\"orders\"", "code=\"404\"", "outcome=\"client_error\""}),
            1);
  EXPECT_EQ(x_sidecar.metric("outrigger_replies_total", {"service=\"dead\"", "circuit_open"}), 1);
  EXPECT_EQ(x_sidecar.metric("outrigger_requests_total", {"service=\"dead\"", "proxy_refused"}), 1);
  EXPECT_EQ(
      x_sidecar.metric("outrigger_circuit_state", {"service=\"dead\"", "state=\"forced_open\""}),
      1);
  EXPECT_EQ(x_sidecar.metric("outrigger_build_info"), 1);
  EXPECT_GT(x_sidecar.metric("outrigger_memory_bytes", {"kind=\"anonymous\""}), 100'000);
  EXPECT_GT(x_sidecar.metric("outrigger_bytes_total", {"side=\"downstream\"", "\"in\""}), 100);
  EXPECT_GT(x_sidecar.metric("outrigger_bytes_total", {"side=\"upstream\"", "\"in\""}), 100);
  EXPECT_GT(x_sidecar.metric("process_resident_memory_bytes"), 1e6);
  EXPECT_GT(x_sidecar.metric("process_start_time_seconds"), 1.6e9);
}

TEST_F(Metrics, OpenMetricsComesToWhoAsksForIt) {
  const Response page = get(x_sidecar.metrics_address(), "localhost", "/metrics",
                            "Accept: application/openmetrics-text; version=1.0.0\r\n");
  EXPECT_EQ(page.status, 200);
  EXPECT_TRUE(page.field("content-type").starts_with("application/openmetrics-text"));
  EXPECT_TRUE(page.body.ends_with("# EOF\n"));
  const Response text =
      get(x_sidecar.metrics_address(), "localhost", "/metrics", "Accept: text/plain\r\n");
  EXPECT_TRUE(text.field("content-type").starts_with("text/plain"));
  EXPECT_EQ(text.body.find("# EOF"), std::string::npos);
}

TEST_F(Metrics, APrometheusServerScrapesThem) {
  if (!is_installed("prometheus")) GTEST_SKIP() << "prometheus is not installed";
  const TempFolder folder;
  replace_file(folder / "prometheus.yml",
               "global: {scrape_interval: 1s}\nscrape_configs:\n  - {job_name: sidecar, "
               "static_configs: [{targets: [\"" +
                   x_sidecar.metrics_address() + "\"]}]}\n");
  const std::string at = "127.0.0.1:" + std::to_string(free_port());
  const Process prometheus({"prometheus", "--config.file=" + (folder / "prometheus.yml").string(),
                            "--storage.tsdb.path=" + (folder / "data").string(),
                            "--web.listen-address=" + at});
  const auto query = [&](const std::string& expression) {
    return get(at, at, "/api/v1/query?query=" + expression).body;
  };
  const std::string calls = "sum(outrigger_requests_total%7Bservice=%22orders%22%7D)";
  EXPECT_TRUE(eventually([&] { return query(calls).find(",\"6\"]") != std::string::npos; }, 30'000))
      << query(calls) << prometheus.err();
  EXPECT_NE(query("up").find(",\"1\"]"), std::string::npos) << query("up");
  const std::string quantile =
      "histogram_quantile(0.5,outrigger_request_duration_seconds_bucket%7Bservice=%22orders%22%7D)";
  EXPECT_NE(query(quantile).find("\"service\":\"orders\""), std::string::npos) << query(quantile);
}

TEST_F(Metrics, AHundredScrapesAtOnceDoNotDisturbCalls) {
  std::atomic<int> lost{0};
  std::atomic<int> unread{0};
  std::atomic<int64_t> slowest_ms{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 100; ++i) {
    threads.emplace_back([&] {
      const Response page = get(x_sidecar.metrics_address(), "localhost", "/metrics");
      if (page.status != 200 || !page.complete) ++unread;
    });
  }
  threads.emplace_back([&] {
    Client client(x_sidecar.address());
    for (int i = 0; i < 300; ++i) {
      const int64_t began_ms = ticks_ms();
      if (client.get("orders").status != 200) ++lost;
      slowest_ms = std::max(slowest_ms.load(), ticks_ms() - began_ms);
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(lost, 0);
  EXPECT_EQ(unread, 0);
  EXPECT_LT(slowest_ms, 2'000);
}

TEST_F(Metrics, NothingACallerChoosesBecomesALabel) {
  Client client(x_sidecar.address());
  const auto series = [&] {
    const std::string page = get(x_sidecar.metrics_address(), "localhost", "/metrics").body;
    return std::count(page.begin(), page.end(), '\n');
  };
  client.get("h.example");
  const auto before = series();
  for (int i = 0; i < 50; ++i) {
    client.get("h" + std::to_string(i) + "." + x_origin.address(), "/p" + std::to_string(i));
    client.get("orders", "/p" + std::to_string(i));
  }
  EXPECT_LE(series(), before + 20);
}

}  // namespace
}  // namespace outrigger::testing
