// A pod whose calls the kernel redirects to the sidecar: what its neighbour, who knows nothing of
// that, gets from the services and the hosts behind it, and what is left when the sidecar or the
// rules go. Host 1 is where the neighbour connects to, host 2 where the endpoints are.
#include <csignal>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/process/client.hpp"
#include "tests/support/process/namespaces.hpp"
#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

constexpr const char* kListeners = "listeners: [{address: [\"0.0.0.0:15001\", \"[::]:15001\"]}]\n";

class Redirected : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    if (!is_installed("nft")) GTEST_SKIP() << "nft is not installed";
    x_net = std::make_unique<PodNetwork>(2);
    replace_file(x_folder / "rules.yaml", kListeners);
    const Finished installed = intercept("install");
    if (installed.code != 0) GTEST_SKIP() << installed.err;
  }

  Finished intercept(const std::string& what) const {
    std::vector<std::string> argv = {outrigger_binary(), "intercept", what};
    if (what == "install") argv.insert(argv.end(), {"-c", (x_folder / "rules.yaml").string()});
    return x_net->pod().run(std::move(argv));
  }
  Sidecar& start_sidecar(const std::string& yaml = "") {
    SidecarOptions options;
    options.spawn = x_net->pod().spawn(kSidecar);
    x_sidecar = std::make_unique<Sidecar>(kListeners + yaml, options);
    return *x_sidecar;
  }
  Origin& serve(int host, Origin::Script script, const std::string& address) {
    x_net->host(host).inside(
        [&] { x_origins.push_back(std::make_unique<Origin>(std::move(script), address)); });
    return *x_origins.back();
  }
  Origin& talk(int host, Origin::Talk script, const std::string& address) {
    x_net->host(host).inside(
        [&] { x_origins.push_back(Origin::talking(std::move(script), address)); });
    return *x_origins.back();
  }
  // A server on a host, which is ready when that port of it answers there.
  void start(int host, std::vector<std::string> argv, int port) {
    Host& there = x_net->host(host);
    const Process& server =
        *x_servers.emplace_back(std::make_unique<Process>(std::move(argv), there.spawn()));
    const auto answers = [&] {
      bool is_open = false;
      there.inside([&] { is_open = Client(at(host, port)).is_connected(); });
      return is_open;
    };
    ASSERT_TRUE(eventually(answers)) << server.err();
  }
  Finished curl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"curl", "-sS", "--noproxy", "*", "--max-time", "10"});
    return x_net->pod().run(std::move(arguments), kNeighbour);
  }
  // The body, or why there is none.
  std::string got(std::vector<std::string> arguments) const {
    const Finished done = curl(std::move(arguments));
    return done.code == 0 ? done.out : done.err;
  }
  double metric(std::string_view name, std::vector<std::string> labels = {}) const {
    double value = 0;
    x_net->pod().inside([&] { value = x_sidecar->metric(name, std::move(labels)); });
    return value;
  }
  // What a server says first to a caller that says nothing.
  std::string greeting(const std::string& address) const {
    std::string all;
    x_net->pod().inside([&] { all = Client(address).wire().read_to_end().value_or("nothing"); });
    return all;
  }

  static std::string at(int host, int port) {
    return PodNetwork::ipv4(host) + ":" + std::to_string(port);
  }
  static std::string at6(int host, int port) {
    return "[" + PodNetwork::ipv6(host) + "]:" + std::to_string(port);
  }
  // Where curl finds that name: on host 1.
  static std::vector<std::string> resolved(const std::string& name, int port, bool is_ipv6) {
    const std::string ip = is_ipv6 ? "[" + PodNetwork::ipv6(1) + "]" : PodNetwork::ipv4(1);
    return {"--resolve", name + ":" + std::to_string(port) + ":" + ip};
  }

  TempFolder x_folder;
  std::unique_ptr<PodNetwork> x_net;
  std::vector<std::unique_ptr<Origin>> x_origins;
  std::vector<std::unique_ptr<Process>> x_servers;
  std::unique_ptr<Sidecar> x_sidecar;
};

TEST_F(Redirected, EveryVersionOfHttpOverBothFamiliesFindsTheService) {
  Origin& orders = serve(2, Origin::answer("orders"), at(2, 8080));
  start_sidecar("services: {orders: {protocol: http1, endpoints: {static: ['" + at(2, 8080) +
                "']}}}\n");
  for (const bool is_ipv6 : {false, true}) {
    for (const std::string version : {"--http1.1", "--http2-prior-knowledge"}) {
      auto arguments = resolved("orders", 80, is_ipv6);
      arguments.insert(arguments.end(), {version, "http://orders/"});
      EXPECT_EQ(got(arguments), "orders") << version << (is_ipv6 ? " IPv6" : " IPv4");
    }
  }
  EXPECT_EQ(orders.hits(), 4U);
  EXPECT_EQ(metric("outrigger_detect_total", {"result=\"http1\""}), 2);
  EXPECT_EQ(metric("outrigger_detect_total", {"result=\"http2\""}), 2);
}

TEST_F(Redirected, CallsAsOfGrpcKeepTheirVersionAndTheirTrailers) {
  if (!is_installed("nghttpd") || !is_installed("h2load")) {
    GTEST_SKIP() << "nghttpd or h2load is not installed (packages nghttp2-server nghttp2-client)";
  }
  replace_file(x_folder / "answer", "hello");
  start(1,
        {"nghttpd", "--no-tls", "-d", x_folder.path().string(), "--trailer=grpc-status: 0", "8080"},
        8080);
  start_sidecar();
  const std::string url = "http://" + at(1, 8080) + "/answer";
  const std::string answer =
      x_net->pod()
          .run({"nghttp", "-v", "-H", "content-type: application/grpc", "-H", "te: trailers", url},
               kNeighbour)
          .out;
  EXPECT_NE(answer.find(":status: 200"), std::string::npos) << answer;
  EXPECT_NE(answer.find("hello"), std::string::npos) << answer;
  EXPECT_NE(answer.find("grpc-status: 0"), std::string::npos) << answer;
  const Finished load =
      x_net->pod().run({"h2load", "-n", "200", "-c", "4", "-m", "10", url}, kNeighbour);
  EXPECT_NE(load.out.find("200 succeeded, 0 failed"), std::string::npos) << load.out;
}

TEST_F(Redirected, TheCircuitOpensAndTheFallbackAnswers) {
  Origin& orders = serve(
      2,
      [](const Request&, Wire& wire) {
        return wire.send("HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
      },
      at(2, 8080));
  start_sidecar("services:\n  orders:\n    endpoints: {static: ['" + at(2, 8080) +
                "']}\n    circuit: {consecutive_failures: 2}\n    endpoint_circuit: off\n"
                "    fallback: [{on: [circuit_open], respond: {status: 200, body: instead}}]\n");
  std::vector<std::string> arguments = resolved("orders", 80, false);
  arguments.push_back("http://orders/");
  EXPECT_EQ(got(arguments), "");
  EXPECT_EQ(got(arguments), "");
  EXPECT_EQ(got(arguments), "instead");
  EXPECT_EQ(orders.hits(), 2U);
}

TEST_F(Redirected, AKilledSidecarIsBackForNewCallsWhileTheRulesStay) {
  serve(1, Origin::answer("host"), at(1, 8080));
  replace_file(x_folder / "sidecar.yaml", std::string("admin: off\nmetrics: off\n") + kListeners);
  ASSERT_EQ(::chmod(x_folder.path().c_str(), 0755), 0);
  const auto start_one = [&] {
    auto one = std::make_unique<Process>(
        std::vector{outrigger_binary(), std::string("run"), std::string("-c"),
                    (x_folder / "sidecar.yaml").string()},
        x_net->pod().spawn(kSidecar));
    EXPECT_TRUE(eventually(
        [&] { return one->err().find("\"msg\":\"ready\"") != std::string::npos; }, 30'000))
        << one->err();
    return one;
  };
  const std::string url = "http://" + at(1, 8080) + "/";
  auto sidecar = start_one();
  EXPECT_EQ(got({url}), "host");
  sidecar->signal(SIGKILL);
  EXPECT_EQ(sidecar->wait(), 128 + SIGKILL);
  constexpr int kCouldNotConnect = 7;
  EXPECT_EQ(curl({url}).code, kCouldNotConnect);
  sidecar = start_one();
  EXPECT_EQ(got({url}), "host");
}

TEST_F(Redirected, WithoutTheRulesAllIsAsBefore) {
  Origin& host = serve(1, Origin::answer("host"), at(1, 8080));
  start_sidecar();
  const std::string url = "http://" + at(1, 8080) + "/";
  EXPECT_EQ(got({url}), "host");
  EXPECT_EQ(metric("outrigger_detect_total", {"result=\"http1\""}), 1);
  const Finished removed = intercept("remove");
  ASSERT_EQ(removed.code, 0) << removed.err;
  EXPECT_EQ(got({url}), "host");
  EXPECT_EQ(metric("outrigger_detect_total", {"result=\"http1\""}), 1);
  EXPECT_EQ(host.hits(), 2U);
}

TEST_F(Redirected, AServerMaySpeakFirstOnAnyPort) {
  const auto greet = [](Wire& wire) { wire.send("220 welcome\r\n"); };
  talk(1, greet, at(1, 7000));
  talk(1, greet, at6(1, 7000));
  start_sidecar();
  EXPECT_EQ(greeting(at(1, 7000)), "220 welcome\r\n");
  EXPECT_EQ(greeting(at6(1, 7000)), "220 welcome\r\n");
  EXPECT_EQ(metric("outrigger_detect_total", {"result=\"opaque\""}), 2);
}

TEST_F(Redirected, AnAddressBelongsToTheServiceThatClaimsIt) {
  talk(
      1, [](Wire& wire) { wire.send("host 1"); }, at(1, 7000));
  talk(
      2, [](Wire& wire) { wire.send("host 2"); }, at(2, 7001));
  start_sidecar("services: {db: {protocol: tcp, addresses: ['" + at(1, 7000) +
                "'], endpoints: {static: ['" + at(2, 7001) + "']}}}\n");
  EXPECT_EQ(greeting(at(1, 7000)), "host 2");
}

TEST_F(Redirected, TlsOfTheNeighboursOwnFindsItsServiceByItsName) {
  if (!is_installed("nghttpd")) GTEST_SKIP() << "nghttpd is not installed (nghttp2-server)";
  if (!is_installed("openssl")) GTEST_SKIP() << "openssl is not installed";
  const std::string folder = x_folder.path().string();
  const Finished made = run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                             "/CN=shop", "-addext", "subjectAltName=DNS:shop.example", "-keyout",
                             folder + "/key", "-out", folder + "/cert"});
  ASSERT_EQ(made.code, 0) << made.err;
  replace_file(x_folder / "answer", "hello");
  start(2, {"nghttpd", "-d", folder, "8443", folder + "/key", folder + "/cert"}, 8443);
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  start_sidecar("services: {shop: {protocol: tls, hosts: [shop.example], endpoints: {static: ['" +
                at(2, 8443) + "']}}}\n");
  for (const bool is_ipv6 : {false, true}) {
    auto arguments = resolved("shop.example", 443, is_ipv6);
    arguments.insert(arguments.end(),
                     {"--cacert", folder + "/cert", "https://shop.example/answer"});
    EXPECT_EQ(got(arguments), "hello");
  }
  EXPECT_EQ(metric("outrigger_detect_total", {"result=\"sni\""}), 2);
}

TEST_F(Redirected, TheOriginalAddressMayBeTheEndpoint) {
  serve(1, Origin::answer("host 1"), at(1, 8080));
  serve(2, Origin::answer("host 2"), at(2, 8080));
  start_sidecar("services: {orders: {endpoints: original}}\n");
  for (const int host : {1, 2}) {
    EXPECT_EQ(got({"-H", "Host: orders", "http://" + at(host, 8080) + "/"}),
              "host " + std::to_string(host));
  }
  EXPECT_EQ(metric("outrigger_requests_total", {"service=\"orders\""}), 2);
}

TEST_F(Redirected, ACallToTheSidecarItselfEndsAtOnce) {
  Sidecar& sidecar = start_sidecar();
  const std::string self = PodNetwork::pod_ipv4(1) + ":15001";
  EXPECT_EQ(got({"-o", "/dev/null", "-w", "%{http_code}", "http://" + self + "/"}), "508");
  EXPECT_TRUE(sidecar.logs("loop: "));
  x_net->pod().inside([&] {
    Client client(self);
    client.send("no request\n");
    const auto answer = client.wire().read_to_end();
    ASSERT_TRUE(answer.has_value()) << "still open";
    EXPECT_EQ(answer->find("HTTP/1.1 2"), std::string::npos) << *answer;
  });
}

TEST_F(Redirected, ATunnelMayGoOnWhileTheSidecarDrains) {
  talk(
      1,
      [](Wire& wire) {
        for (std::string line; wire.read_line(line);) wire.send("heard " + line + "\r\n");
      },
      at(1, 5432));
  Sidecar& sidecar = start_sidecar("drain: {quiet: 0s, grace: 1s}\n");
  x_net->pod().inside([&] {
    Client client(at(1, 5432));
    std::string line;
    client.send("one\r\n");
    EXPECT_TRUE(client.wire().read_line(line));
    EXPECT_EQ(line, "heard one");
    sidecar.process().signal(SIGTERM);
    EXPECT_TRUE(sidecar.logs("\"kind\":\"drain\""));
    client.send("two\r\n");
    EXPECT_TRUE(client.wire().read_line(line));
    EXPECT_EQ(line, "heard two");
    EXPECT_FALSE(client.wire().read_line(line));
  });
  EXPECT_EQ(sidecar.process().wait(), 0) << sidecar.log();
}

// Without any rules: the neighbour's /etc/hosts is another one, in a mount namespace of its own.
TEST_F(Redirected, AHostAliasLeadsToTheSidecarAsWell) {
  ASSERT_EQ(intercept("remove").code, 0);
  serve(1, Origin::answer("orders"), at(1, 8080));
  replace_file(x_folder / "hosts", "127.0.0.1 orders\n");
  SidecarOptions options;
  options.spawn = x_net->pod().spawn();  // root, for the low port
  const Sidecar sidecar(
      "listeners: [{address: \"127.0.0.1:80\"}]\n"
      "services: {orders: {endpoints: {static: ['" +
          at(1, 8080) + "']}}}\n",
      options);
  const std::string hosts = (x_folder / "hosts").string();
  const Finished done = x_net->pod().run(
      {"unshare", "--mount", "sh", "-c",
       "mount --bind " + hosts + " /etc/hosts && exec curl -sS --noproxy '*' http://orders/"});
  if (done.code != 0 && done.err.find("mount:") != std::string::npos) GTEST_SKIP() << done.err;
  EXPECT_EQ(done.out, "orders") << done.err;
}

}  // namespace
}  // namespace outrigger::testing
