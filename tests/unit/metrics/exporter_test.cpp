#include "metrics/exporter.hpp"

#include <atomic>
#include <cmath>
#include <cstdio>
#include <map>
#include <sstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/metrics/process_fixture.hpp"

namespace outrigger::metrics {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::Process;

// The value of the one sample that starts with `sample`, or NaN.
double value_of(const std::string& text, const std::string& sample) {
  const size_t at = text.find("\n" + sample + " ");
  return at == std::string::npos ? std::nan("")
                                 : std::strtod(text.c_str() + at + sample.size() + 2, nullptr);
}

TEST(Exporter, SumsTheWorkers) {
  Process process;
  process.orders[0]->requests.add(200, RequestOutcome::kSuccess);
  process.orders[1]->requests.add(200, RequestOutcome::kSuccess);
  process.orders[1]->requests.add(503, RequestOutcome::kProxyRefused);
  process.orders[0]->attempts[static_cast<size_t>(AttemptOutcome::kTimeout)].add(3);
  const std::string text = process.text();
  const std::string requests = "outrigger_requests_total{service=\"orders\",code=\"";
  EXPECT_EQ(value_of(text, requests + "200\",outcome=\"success\"}"), 2);
  EXPECT_EQ(value_of(text, requests + "503\",outcome=\"proxy_refused\"}"), 1);
  EXPECT_EQ(value_of(text, "outrigger_attempts_total{service=\"orders\",outcome=\"timeout\"}"), 3);
}

TEST(Exporter, TellsConnectionsApartByWhatTheySpeak) {
  Process process;
  for (const auto& series : process.worker_series) {
    series->downstream_connections.add(9);
    series->downstream_http1.add(5);
    series->downstream_http2.add(3);
    series->upstream_connections.add(7);
    series->upstream_http2.add(1);
  }
  const std::string text = process.text();
  const auto open = [&](const std::string& side, const std::string& protocol) {
    return value_of(text,
                    "outrigger_connections{side=\"" + side + "\",protocol=\"" + protocol + "\"}");
  };
  EXPECT_EQ(open("downstream", "http1"), 10);
  EXPECT_EQ(open("downstream", "http2"), 6);
  EXPECT_EQ(open("downstream", "undetected"), 2);
  EXPECT_EQ(open("upstream", "http1"), 12);
  EXPECT_EQ(open("upstream", "http2"), 2);
}

// The words of a worker are not read at one moment.
TEST(Exporter, NeverTellsOfLessThanNoConnection) {
  Process process;
  process.worker_series[0]->downstream_http1.add(1);
  process.worker_series[0]->upstream_http2.add(1);
  const std::string text = process.text();
  EXPECT_EQ(value_of(text, "outrigger_connections{side=\"downstream\",protocol=\"undetected\"}"),
            0);
  EXPECT_EQ(value_of(text, "outrigger_connections{side=\"upstream\",protocol=\"http1\"}"), 0);
}

TEST(Exporter, SaysWhenEachCertificateEnds) {
  Process process;
  process.facts.of_process.certificate_expiry = {{"admin", 1.8e9}, {"listener/outbound", 1.9e9}};
  const std::string text = process.text();
  EXPECT_EQ(value_of(text, "outrigger_certificate_expiry_timestamp_seconds{name=\"admin\"}"),
            1.8e9);
  EXPECT_EQ(
      value_of(text, "outrigger_certificate_expiry_timestamp_seconds{name=\"listener/outbound\"}"),
      1.9e9);
}

TEST(Exporter, AddsTheGrpcStatusOfGrpcCallsOnly) {
  Process process;
  process.orders[0]->requests.add(200, RequestOutcome::kSuccess);
  process.orders[0]->requests.add(200, RequestOutcome::kSuccess, 0);
  process.orders[1]->requests.add(200, RequestOutcome::kUpstreamError, 14);
  const std::string text = process.text();
  const std::string requests = "outrigger_requests_total{service=\"orders\",code=\"200\",";
  EXPECT_EQ(value_of(text, requests + "outcome=\"success\"}"), 1);
  EXPECT_EQ(value_of(text, requests + "grpc_code=\"0\",outcome=\"success\"}"), 1);
  EXPECT_EQ(value_of(text, requests + "grpc_code=\"14\",outcome=\"upstream_error\"}"), 1);
}

TEST(Exporter, AddsTheRouteOfANamedRouteOnly) {
  Process process;
  process.reads[0]->requests.add(200, RequestOutcome::kSuccess);
  const std::string text = process.text();
  EXPECT_EQ(value_of(text,
                     "outrigger_requests_total{service=\"orders\",route=\"reads\",code=\"200\","
                     "outcome=\"success\"}"),
            1);
  EXPECT_THAT(text, Not(HasSubstr("route=\"\"")));
  // Endpoints belong to the service, not to its routes.
  EXPECT_THAT(text, Not(HasSubstr("outrigger_endpoints{service=\"orders\",route")));
}

TEST(Exporter, SaysNothingOfAnUpstreamSideWhereNoServiceAnswered) {
  Process process;
  const auto nobody = process.shards.service(0, {"", ""});
  nobody->requests.add(400, RequestOutcome::kProxyRefused);
  const std::string text = process.text();
  EXPECT_EQ(
      value_of(text,
               "outrigger_requests_total{service=\"\",code=\"400\",outcome=\"proxy_refused\"}"),
      1);
  EXPECT_THAT(text, Not(HasSubstr("outrigger_attempts_total{service=\"\"")));
  EXPECT_THAT(text, Not(HasSubstr("outrigger_connect_duration_seconds_count{service=\"\"")));
}

TEST(Exporter, WritesHistogramsInSecondsAndCumulative) {
  Process process;
  process.orders[0]->attempt_duration.observe_ns(500'000);
  process.orders[0]->attempt_duration.observe_ns(1'000'000);  // on the bound: within it
  process.orders[1]->attempt_duration.observe_ns(2'000'000);
  process.orders[1]->attempt_duration.observe_ns(3'000'000'000);
  const std::string text = process.text();
  const std::string name = "outrigger_attempt_duration_seconds";
  const auto bucket = [&](const std::string& le) {
    return value_of(text, name + "_bucket{service=\"orders\",le=\"" + le + "\"}");
  };
  EXPECT_EQ(bucket("0.001"), 2);
  EXPECT_EQ(bucket("0.005"), 3);
  EXPECT_EQ(bucket("1"), 3);
  EXPECT_EQ(bucket("+Inf"), 4);
  EXPECT_EQ(value_of(text, name + "_count{service=\"orders\"}"), 4);
  EXPECT_NEAR(value_of(text, name + "_sum{service=\"orders\"}"), 3.0035, 1e-9);
}

TEST(Exporter, ShowsTheStatesOfTheProcess) {
  Process process;
  process.shards.count_transition({"orders", ""}, {"open", "half_open", "open_for"});
  const std::string text = process.text();
  const std::string state = "outrigger_circuit_state{service=\"orders\",state=\"";
  EXPECT_EQ(value_of(text, state + "half_open\"}"), 1);
  EXPECT_EQ(value_of(text, state + "closed\"}"), 0);
  EXPECT_EQ(value_of(text, "outrigger_circuit_open_seconds_total{service=\"orders\"}"), 12.5);
  EXPECT_EQ(value_of(text, "outrigger_would_refuse_total{service=\"orders\",policy=\"circuit\"}"),
            4);
  EXPECT_EQ(value_of(text, "outrigger_outstanding_limit{service=\"orders\"}"), 1024);
  EXPECT_EQ(value_of(text, "outrigger_streams{service=\"orders\"}"), 5);
  EXPECT_EQ(value_of(text, "outrigger_streams_limit{service=\"orders\"}"), 64);
  EXPECT_EQ(value_of(text, "outrigger_would_refuse_total{service=\"orders\",policy=\"streams\"}"),
            1);
  EXPECT_EQ(value_of(text, "outrigger_endpoints{service=\"orders\",state=\"unhealthy\"}"), 1);
  EXPECT_EQ(value_of(text, "outrigger_panic{service=\"orders\"}"), 1);
  EXPECT_EQ(value_of(text, "outrigger_overrides{service=\"orders\",kind=\"circuit\"}"), 2);
  EXPECT_EQ(value_of(text, "outrigger_oldest_override_timestamp_seconds{service=\"orders\"}"),
            1.5e9);
  EXPECT_EQ(value_of(text, "outrigger_config_info{hash=\"00ff\"}"), 1);
  EXPECT_EQ(value_of(text, "outrigger_build_info{version=\"0.1.0\"}"), 1);
}

TEST(Exporter, ShowsThePresentStateAloneUntilTheFirstTransition) {
  Process process;
  const std::string state = "outrigger_circuit_state{service=\"orders\",state=\"";
  const std::string before = process.text();
  EXPECT_EQ(value_of(before, state + "half_open\"}"), 1);
  EXPECT_THAT(before, Not(HasSubstr(state + "closed")));
  process.shards.count_transition({"orders", ""}, {"half_open", "closed", "probes"});
  process.facts.of_services[0].circuit->state = "closed";
  const std::string after = process.text();
  EXPECT_EQ(value_of(after, state + "half_open\"}"), 0);
  EXPECT_EQ(value_of(after, state + "closed\"}"), 1);
}

TEST(Exporter, AServiceThatWasNeverCalledHasItsStatesOnly) {
  Process process;
  process.facts.of_services[0].would_refuse_outstanding = 0;
  const std::string idle = process.text();
  for (const char* name :
       {"_request_duration_seconds", "_stream_duration_seconds", "_attempt_duration_seconds",
        "_connect_duration_seconds", "_queue_wait_seconds", "_attempts_total", "_fallbacks_total",
        "_panic_picks_total"}) {
    EXPECT_THAT(idle, Not(HasSubstr(std::string("outrigger") + name))) << name;
  }
  EXPECT_THAT(idle, Not(HasSubstr("would_refuse_total{service=\"orders\",policy=\"outst")));
  EXPECT_EQ(value_of(idle, "outrigger_outstanding{service=\"orders\"}"), 3);
  // From its first call on all of it is there.
  process.orders[1]->requests.add(200, RequestOutcome::kSuccess);
  const std::string called = process.text();
  EXPECT_EQ(value_of(called, "outrigger_attempts_total{service=\"orders\",outcome=\"failure\"}"),
            0);
  EXPECT_EQ(value_of(called, "outrigger_queue_wait_seconds_count{service=\"orders\"}"), 0);
  EXPECT_EQ(
      value_of(called, "outrigger_would_refuse_total{service=\"orders\",policy=\"outstanding\"}"),
      0);
}

TEST(Exporter, FiveThousandIdleServicesAreAPageOfLessThanFiveMegabytes) {
  Process process;
  process.facts.of_services.clear();
  for (int i = 0; i < 5'000; ++i) {
    ServiceFacts facts = testing::full_service("orders-of-region-" + std::to_string(i));
    facts.would_refuse_outstanding = facts.would_refuse_streams = 0;
    facts.circuit->would_refuse = 0;
    facts.lists_doubted = facts.endpoints_left_out = 0;
    facts.endpoints.resize(1);
    facts.endpoint_attempts.clear();
    process.facts.of_services.push_back(facts);
    process.shards.service(0, {facts.service, ""});
  }
  const size_t bytes = process.text().size();
  EXPECT_GT(bytes, 1'000'000U);
  EXPECT_LT(bytes, 5'000'000U);
}

TEST(Exporter, ReadsAFewServicesInASlice) {
  Process process;
  for (int i = 0; i < 1'000; ++i) {
    process.shards.service(0, {std::to_string(i), ""});
    process.shards.count_transition({std::to_string(i), ""}, {"closed", "open", "failure_rate"});
  }
  const auto scrape = process.exporter.begin(Exposition::kText);
  size_t slices = 1;
  while (scrape->collect()) ++slices;
  EXPECT_GE(slices, 2 * 1'000 / Scrape::kSlice);
}

TEST(Exporter, EachMetricHasItsHeadingOnceAndItsSamplesTogether) {
  Process process;
  process.facts.of_services.clear();
  constexpr int kServices = 100;
  for (int i = 0; i < kServices; ++i) {
    const std::string name = std::to_string(i);
    process.facts.of_services.push_back(testing::full_service(name));
    process.shards.service(0, {name, ""})->requests.add(200, RequestOutcome::kSuccess);
    process.shards.count_transition({name, ""}, {"closed", "open", "failure_rate"});
  }
  for (const std::string& text : {process.text(), process.open_metrics()}) {
    std::map<std::string, int> samples;  // by metric
    std::string metric;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line) && line != "# EOF";) {
      const std::string word = line.substr(0, line.find_first_of(" {"));
      if (word == "#") {
        const std::string name = line.substr(7, line.find(' ', 7) - 7);
        EXPECT_EQ(samples.emplace(name, 0).second, name != metric) << name;
        metric = name;
        continue;
      }
      EXPECT_TRUE(word.starts_with(metric)) << line << " after the heading of " << metric;
      ++samples[metric];
    }
    const std::string total = text.ends_with("# EOF\n") ? "" : "_total";
    EXPECT_EQ(samples["outrigger_outstanding"], kServices);
    EXPECT_EQ(samples["outrigger_requests" + total], kServices);
    EXPECT_EQ(samples["outrigger_circuit_transitions" + total], kServices);
    EXPECT_EQ(samples["outrigger_queue_wait_seconds"], kServices * (4 + 2));
  }
}

TEST(Exporter, LeavesOutALimitThatIsNotSet) {
  Process process;
  process.facts.of_services[0].outstanding_limit.reset();
  process.facts.of_services[0].streams_limit.reset();
  EXPECT_THAT(process.text(), Not(HasSubstr("outrigger_outstanding_limit{service=\"orders\"}")));
  EXPECT_THAT(process.text(), Not(HasSubstr("outrigger_streams_limit{service=\"orders\"}")));
}

TEST(Exporter, ShowsTheLatestLoop) {
  Process process;
  process.worker_series[0]->loop_lag_ms.set(3);
  process.worker_series[1]->loop_lag_ms.set(40);
  EXPECT_EQ(value_of(process.text(), "outrigger_loop_lag_seconds"), 0.04);
}

TEST(Exporter, BoundsTheSeriesThatAnUpstreamCanMakeUp) {
  Process process;
  for (int status = 200; status < 600; ++status) {
    process.orders[0]->requests.add(status, RequestOutcome::kSuccess);
  }
  EXPECT_EQ(
      value_of(process.text(),
               "outrigger_requests_total{service=\"orders\",code=\"other\",outcome=\"success\"}"),
      400 - 48);
}

TEST(Exporter, ForgetsRemovedServicesWhileTheirChainsMayStillCount) {
  Process process;
  process.shards.keep_only({{"orders", ""}});
  process.reads[0]->requests.add(200, RequestOutcome::kSuccess);  // an old chain's last call
  process.facts.of_services.pop_back();
  EXPECT_THAT(process.text(), Not(HasSubstr("route=\"reads\"")));
}

TEST(Exporter, KeepsCountingWhenAServiceStaysThroughAReload) {
  Process process;
  process.orders[0]->requests.add(200, RequestOutcome::kSuccess);
  process.shards.keep_only({{"orders", ""}});
  EXPECT_EQ(process.shards.service(0, {"orders", ""}), process.orders[0]);
}

TEST(Exporter, OtherBucketsBeginEverySeriesAnew) {
  Process process;
  process.orders[0]->requests.add(200, RequestOutcome::kSuccess);
  process.shards.set_bounds({7, 70});
  EXPECT_THAT(process.text(), Not(HasSubstr("outrigger_requests_total{")));
  const auto anew = process.shards.service(0, {"orders", ""});
  EXPECT_NE(anew, process.orders[0]);
  process.shards.set_bounds({7, 70});
  EXPECT_EQ(process.shards.service(0, {"orders", ""}), anew);
  anew->requests.add(200, RequestOutcome::kSuccess);
  EXPECT_THAT(process.text(), HasSubstr("le=\"0.007\""));
}

TEST(Exporter, CountsTransitionsOfKnownCircuitsOnly) {
  Process process;
  process.shards.count_transition({"orders", ""}, {"closed", "open", "failure_rate"});
  process.shards.count_transition({"orders", ""}, {"closed", "open", "failure_rate"});
  process.shards.count_transition({"gone", ""}, {"closed", "open", "failure_rate"});
  const std::string text = process.text();
  EXPECT_EQ(value_of(text,
                     "outrigger_circuit_transitions_total{service=\"orders\",from=\"closed\",to="
                     "\"open\",reason=\"failure_rate\"}"),
            2);
  EXPECT_THAT(text, Not(HasSubstr("gone")));
}

TEST(Exporter, EscapesLabelsInBothForms) {
  Process process;
  process.facts.of_process.version = "a\"b\\c\nd";
  EXPECT_THAT(process.text(), HasSubstr(R"(version="a\"b\\c\nd")"));
  EXPECT_THAT(process.open_metrics(), HasSubstr(R"(version="a\"b\\c\nd")"));
}

TEST(OpenMetrics, TakesTotalOffTheFamilyAndEndsWithEof) {
  Process process;
  process.count_everything();
  const std::string text = process.open_metrics();
  EXPECT_THAT(text, HasSubstr("# TYPE outrigger_requests counter\n"));
  EXPECT_THAT(text, HasSubstr("# HELP outrigger_requests Calls"));
  EXPECT_THAT(text, HasSubstr("\noutrigger_requests_total{service=\"orders\",code=\"200\","
                              "outcome=\"success\"} 2\n"));
  EXPECT_TRUE(text.ends_with("\n# EOF\n"));
  EXPECT_THAT(text, Not(HasSubstr("\n\n")));
}

TEST(OpenMetrics, WritesBoundsAsCanonicalFloats) {
  Process process;
  process.orders[0]->attempt_duration.observe_ns(1);
  const std::string text = process.open_metrics();
  EXPECT_THAT(text, HasSubstr("_bucket{service=\"orders\",le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{service=\"orders\",le=\"1.0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("_bucket{service=\"orders\",le=\"+Inf\"} 1\n"));
}

TEST(ProcessStats, ReadsWhatTheKernelSays) {
  const ProcessStats stats = read_process_stats();
  EXPECT_GE(stats.cpu_s, 0);
  EXPECT_GT(stats.resident_bytes, 100'000);
  EXPECT_GE(stats.virtual_bytes, stats.resident_bytes);
  EXPECT_GE(stats.open_fds, 3);
  EXPECT_GT(stats.max_fds, stats.open_fds);
  EXPECT_GT(stats.started_at_s, 1.5e9);
}

// What `promtool check metrics` says of `text`; nothing when there is no promtool.
std::optional<std::pair<int, std::string>> promtool(const std::string& text) {
  if (access("/usr/bin/promtool", X_OK) != 0) return std::nullopt;
  const std::string path = ::testing::TempDir() + "outrigger_metrics_" + std::to_string(getpid());
  FILE* const file = fopen(path.c_str(), "w");
  fwrite(text.data(), 1, text.size(), file);
  fclose(file);
  FILE* const pipe = popen(("/usr/bin/promtool check metrics <" + path + " 2>&1").c_str(), "r");
  std::string said;
  std::array<char, 512> piece;
  while (fgets(piece.data(), static_cast<int>(piece.size()), pipe) != nullptr) said += piece.data();
  const int code = WEXITSTATUS(pclose(pipe));
  std::remove(path.c_str());
  return std::pair(code, said);
}

TEST(Exporter, IsCleanForPromtool) {
  Process process;
  process.count_everything();
  const auto verdict = promtool(process.text());
  if (!verdict) GTEST_SKIP() << "no promtool (Debian package prometheus)";
  EXPECT_EQ(verdict->first, 0);
  EXPECT_EQ(verdict->second, "");
}

TEST(Exporter, ReadsWhileWorkersCount) {
  Process process;
  process.orders[0]->attempt_duration.observe_ns(2'000'000);
  std::atomic<bool> stop{false};
  std::thread worker([&] {
    for (int status = 200; !stop; status = status == 599 ? 200 : status + 1) {
      process.orders[0]->requests.add(status, RequestOutcome::kSuccess);
      process.orders[0]->attempt_duration.observe_ns(2'000'000);
    }
  });
  double before = 0;
  for (int scrape = 0; scrape < 20; ++scrape) {
    const double now =
        value_of(process.text(), "outrigger_attempt_duration_seconds_count{service=\"orders\"}");
    EXPECT_GE(now, before);
    before = now;
  }
  stop = true;
  worker.join();
}

}  // namespace
}  // namespace outrigger::metrics
