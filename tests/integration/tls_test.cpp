// TLS as the program does it with foreign peers: curl, openssl and nginx, on real files that
// change.
#include <atomic>
#include <filesystem>

#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/support/certificates.hpp"
#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

bool has(const std::string& text, std::string_view piece) {
  return text.find(piece) != std::string::npos;
}

std::string port_of(const std::string& address) { return address.substr(address.rfind(':') + 1); }

struct Tls : ::testing::Test {
  Tls() {
    authority.issue("server", {.subject = "server", .names = "DNS:orders,DNS:localhost"});
    authority.issue("client", {.subject = "client", .names = "DNS:billing.svc"});
  }

  std::string file(const std::string& name) const { return authority.path(name); }
  std::string server_tls(const std::string& more = {}) const {
    return "{cert_file: " + file("server.pem") + ", key_file: " + file("server.key") + more + "}";
  }
  // One listener with TLS before `address`, and a log of the calls.
  std::string behind(const std::string& address, const std::string& more = {}) const {
    return "access_log: {path: " + file("access.log") +
           "}\nlisteners: [{name: outbound, address: \"127.0.0.1:0\", tls: " + server_tls(more) +
           "}]\nservices: {orders: {endpoints: {static: [\"" + address +
           "\"]}, protocol: http1}}\n";
  }
  // A service over TLS, called in clear text.
  std::string before(const std::string& address, const std::string& more = {},
                     const std::string& more_tls = {}) const {
    return "access_log: {path: " + file("access.log") +
           "}\nservices: {orders: {endpoints: {static: [\"" + address +
           "\"]}, tls: {ca_file: " + file("ca.pem") + more_tls + "}" + more + "}}\n";
  }
  std::vector<std::string> curl_command(const std::string& address,
                                        std::vector<std::string> more) const {
    const std::string port = port_of(address);
    std::vector<std::string> argv{"curl",       "-sS",
                                  "--max-time", "10",
                                  "--resolve",  "orders:" + port + ":127.0.0.1",
                                  "-w",         "|%{http_version}|%{http_code}"};
    argv.insert(argv.end(), more.begin(), more.end());
    argv.push_back("https://orders:" + port + "/x");
    return argv;
  }
  Finished curl(const std::string& address, std::vector<std::string> more = {}) const {
    std::vector<std::string> all{"--cacert", file("ca.pem")};
    all.insert(all.end(), more.begin(), more.end());
    return run(curl_command(address, all));
  }
  bool logs_call(std::string_view piece) const {
    return eventually([&] { return has(authority.read("access.log"), piece); });
  }

  TestAuthority authority;
};

// ---- the caller's side

TEST_F(Tls, CurlSpeaksWhatItAsksFor) {
  const Origin origin;
  const Sidecar sidecar(behind(origin.address()));
  EXPECT_EQ(curl(sidecar.address(), {"--http1.1"}).out, "ok|1.1|200");
  EXPECT_EQ(curl(sidecar.address(), {"--http2"}).out, "ok|2|200");
  EXPECT_TRUE(logs_call(R"("protocol":"HTTP/1.1","tls":"TLSv1.3","upstream_protocol":"HTTP/1.1")"))
      << authority.read("access.log");
  EXPECT_TRUE(logs_call(R"("protocol":"HTTP/2","tls":"TLSv1.3","upstream_protocol":"HTTP/1.1")"));
  EXPECT_EQ(curl(sidecar.address(), {"--http1.1", "--tls-max", "1.2"}).out, "ok|1.1|200");
  EXPECT_TRUE(logs_call(R"("tls":"TLSv1.2")"));
  const Finished old = curl(sidecar.address(), {"--tlsv1.0", "--tls-max", "1.1"});
  EXPECT_NE(old.code, 0);
}

TEST_F(Tls, CallersShowTheirCertificateOrGetNothingAndTheLogSaysWhy) {
  const Origin origin;
  const Sidecar sidecar(behind(origin.address(), ", client_ca_file: " + file("ca.pem")));
  const std::vector<std::string> ours{"--http1.1", "--cert", file("client.pem"), "--key",
                                      file("client.key")};
  EXPECT_EQ(curl(sidecar.address(), ours).out, "ok|1.1|200");
  EXPECT_TRUE(logs_call(R"("peer":"billing.svc")")) << authority.read("access.log");
  EXPECT_NE(curl(sidecar.address(), {"--http1.1"}).code, 0);
  EXPECT_EQ(origin.hits(), 1u);
  EXPECT_TRUE(sidecar.logs("peer did not return a certificate")) << sidecar.log();
  EXPECT_EQ(sidecar.metric("outrigger_detect_total", {"result=\"tls_failed\""}), 1);
  // One line at once, then counts; and nothing of a key.
  for (int i = 0; i < 3; ++i) curl(sidecar.address(), {"--http1.1"});
  EXPECT_TRUE(eventually(
      [&] { return sidecar.metric("outrigger_detect_total", {"result=\"tls_failed\""}) == 4; }));
  const std::string log = sidecar.log();
  EXPECT_EQ(log.find("tls handshake failed"), log.rfind("tls handshake failed")) << log;
  const std::string key = authority.read("server.key");
  EXPECT_FALSE(has(log, key.substr(key.find('\n') + 1, 40)));
  EXPECT_FALSE(has(log, "PRIVATE"));
}

TEST_F(Tls, TheAdminPortIsServedOverTls) {
  const Origin origin;
  const Sidecar sidecar("admin: {address: \"127.0.0.1:0\", tls: " + server_tls() +
                            "}\nmetrics: {address: \"127.0.0.1:0\"}\n" +
                            "services: {orders: {endpoints: {static: [\"" + origin.address() +
                            "\"]}}}\n",
                        {.own_admin = true});
  const std::string url = "https://localhost:" + port_of(sidecar.admin_address()) + "/healthz";
  for (const char* version : {"--http1.1", "--http2"}) {
    EXPECT_EQ(run({"curl", "-sS", version, "--cacert", file("ca.pem"), url}).out, "ok\n");
  }
  EXPECT_EQ(get(sidecar.admin_address(), "localhost", "/healthz").status, 0) << "in clear text";
  EXPECT_GT(sidecar.metric("outrigger_certificate_expiry_timestamp_seconds", {"name=\"admin\""}),
            1.7e9);
  // They are no connections of callers.
  EXPECT_EQ(sidecar.metric("outrigger_connections", {"side=\"downstream\""}), 0);
}

// ---- files that change

struct Expiry {
  double operator()(const Sidecar& sidecar) const {
    return sidecar.metric("outrigger_certificate_expiry_timestamp_seconds",
                          {"name=\"listener/outbound\""});
  }
};

TEST_F(Tls, ARewrittenCertificateIsTakenAndConnectionsLiveThroughIt) {
  std::atomic<bool> go_on{false};
  const Origin origin([&](const Request&, Wire& wire) {
    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
    eventually([&] { return go_on.load(); });
    return wire.send("half");
  });
  const Sidecar sidecar(behind(origin.address()));
  const double before = Expiry()(sidecar);
  Process living(curl_command(sidecar.address(), {"--cacert", file("ca.pem"), "--http1.1", "-N"}));
  ASSERT_TRUE(eventually([&] { return living.out() == "half"; })) << living.err();

  authority.issue("next", {.subject = "next", .names = "DNS:orders", .valid_until_s = 7200});
  replace_file(file("server.key"), authority.read("next.key"));
  replace_file(file("server.pem"), authority.read("next.pem"));
  ASSERT_TRUE(eventually([&] { return Expiry()(sidecar) > before + 3000; })) << sidecar.log();
  EXPECT_TRUE(sidecar.logs("certificates reloaded"));
  const Finished shown = run({"sh", "-c",
                              "openssl s_client -connect " + sidecar.address() +
                                  " -servername orders </dev/null 2>/dev/null"});
  EXPECT_TRUE(has(shown.out, "CN = next")) << shown.out;

  go_on = true;
  EXPECT_EQ(living.wait(), 0) << living.err();
  EXPECT_EQ(living.out(), "halfhalf|1.1|200");
}

TEST_F(Tls, ASwappedSymbolicLinkIsAChange) {
  namespace fs = std::filesystem;
  const fs::path folder = authority.directory();
  for (const char* version : {"v1", "v2"}) fs::create_directory(folder / version);
  authority.issue("v1/server", {.names = "DNS:orders"});
  authority.issue("v2/server", {.names = "DNS:orders", .valid_until_s = 7200});
  fs::create_directory_symlink("v1", folder / "data");
  fs::create_symlink("data/server.pem", folder / "server.pem.new");
  fs::create_symlink("data/server.key", folder / "server.key.new");
  fs::rename(folder / "server.pem.new", folder / "server.pem");
  fs::rename(folder / "server.key.new", folder / "server.key");
  const Origin origin;
  const Sidecar sidecar(behind(origin.address()));
  const double before = Expiry()(sidecar);
  fs::create_directory_symlink("v2", folder / "data.new");
  fs::rename(folder / "data.new", folder / "data");
  EXPECT_TRUE(eventually([&] { return Expiry()(sidecar) > before + 3000; })) << sidecar.log();
  EXPECT_EQ(curl(sidecar.address(), {"--http1.1"}).out, "ok|1.1|200");
}

TEST_F(Tls, ABadFileLeavesTheOldOneAndSaysSo) {
  const Origin origin;
  const Sidecar sidecar(behind(origin.address()));
  const double before = Expiry()(sidecar);
  replace_file(file("server.pem"), "no certificate");
  EXPECT_TRUE(sidecar.logs("certificate not reloaded")) << sidecar.log();
  EXPECT_TRUE(has(sidecar.log(), "listeners.outbound.tls")) << sidecar.log();
  EXPECT_TRUE(has(sidecar.log(), "holds no certificate in PEM")) << sidecar.log();
  EXPECT_EQ(curl(sidecar.address(), {"--http1.1"}).out, "ok|1.1|200");
  EXPECT_EQ(Expiry()(sidecar), before);
}

// ---- the side of the endpoints

// nginx over TLS, with a file of half a megabyte.
class TlsNginx {
 public:
  TlsNginx(const TestAuthority& authority, const std::string& http2) : x_port(free_port()) {
    const std::string folder = x_folder.path().string();
    const auto conf = x_folder / "nginx.conf";
    replace_file(x_folder / "large", std::string(500'000, 'x'));
    std::string temp;
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      temp += std::string(kind) + "_temp_path " + folder + "/" + kind + ";\n";
    }
    // Root's workers would be somebody who may not read the file.
    const std::string user = geteuid() == 0 ? "user root; " : "";
    replace_file(conf, user + "daemon off; worker_processes 1; error_log stderr; pid " + folder +
                           "/pid;\nevents { worker_connections 64; }\nhttp { access_log off;\n" +
                           temp + "server { listen 127.0.0.1:" + std::to_string(x_port) + " ssl" +
                           http2 + "; ssl_certificate " + authority.path("server.pem") +
                           "; ssl_certificate_key " + authority.path("server.key") +
                           "; location / { return 200 $server_protocol; } location /large { root " +
                           folder + "; } } }\n");
    x_process.emplace(std::vector<std::string>{"nginx", "-p", folder, "-c", conf.string()});
    EXPECT_TRUE(eventually([this] { return Client(address()).is_connected(); }))
        << x_process->err();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(x_port); }

 private:
  TempFolder x_folder;
  const int x_port;
  std::optional<Process> x_process;
};

TEST_F(Tls, NginxIsSpokenToAsItAgrees) {
  if (!is_installed("nginx")) GTEST_SKIP() << "nginx is not installed";
  const std::string ours =
      ", cert_file: " + file("client.pem") + ", key_file: " + file("client.key");
  struct Spoken {
    std::string listen, body, log, word;
  };
  for (const Spoken& spoken :
       {Spoken{"", "HTTP/1.1", R"("upstream_protocol":"HTTP/1.1")", "http1"},
        Spoken{" http2", "HTTP/2.0", R"("upstream_protocol":"HTTP/2")", "http2"}}) {
    const TlsNginx nginx(authority, spoken.listen);
    const Sidecar sidecar(before(nginx.address(), "", ours));
    EXPECT_EQ(sidecar.get("orders").body, spoken.body);
    EXPECT_EQ(sidecar.get("orders", "/large").body, std::string(500'000, 'x'));
    EXPECT_TRUE(logs_call(spoken.log)) << authority.read("access.log");
    EXPECT_EQ(sidecar.metric("outrigger_connections",
                             {"side=\"upstream\"", "protocol=\"" + spoken.word + "\""}),
              1);
    const std::string shown = sidecar.admin("GET", "/api/v1/services/orders").body;
    EXPECT_TRUE(has(shown, "\"protocol\":\"" + spoken.word + "\"")) << shown;
    EXPECT_TRUE(has(shown, "\"" + spoken.word + "\":1")) << shown;
    EXPECT_TRUE(has(shown, "\"protocol\":\"auto\"")) << shown;
    EXPECT_TRUE(has(shown, "\"server_name\":\"authority\"")) << shown;
    EXPECT_TRUE(has(shown, "\"certificate_expires\":\"20")) << shown;
    EXPECT_GT(sidecar.metric("outrigger_certificate_expiry_timestamp_seconds",
                             {"name=\"service/orders\""}),
              1.7e9);
  }
}

TEST_F(Tls, AWebSocketIsCarriedThroughTlsOnBothSides) {
  if (run({"/usr/bin/python3", "-c", "import websockets"}).code != 0) {
    GTEST_SKIP() << "websockets is not installed (package python3-websockets)";
  }
  const std::string script = "tests/integration/protocols/websocket.py";
  const std::string port = std::to_string(free_port());
  const Process server({"/usr/bin/python3", script, "serve", "127.0.0.1", port, file("server.pem"),
                        file("server.key")});
  ASSERT_TRUE(eventually([&] { return Client("127.0.0.1:" + port).is_connected(); }))
      << server.err();
  const Sidecar sidecar(
      "listeners: [{name: outbound, address: \"127.0.0.1:0\", tls: " + server_tls() +
      "}]\nservices: {orders: {endpoints: {static: [\"127.0.0.1:" + port +
      "\"]}, tls: {ca_file: " + file("ca.pem") + "}}}\n");
  const Finished talked = run({"/usr/bin/python3", script, "talk", "wss://orders/chat", "127.0.0.1",
                               port_of(sidecar.address("outbound")), file("ca.pem")});
  EXPECT_EQ(talked.code, 0) << talked.err;
  EXPECT_EQ(talked.out, "3 messages came back\n");
}

TEST_F(Tls, AnEndpointThatIsSomebodyElseIsRefusedAndTheLogSaysWhy) {
  if (!is_installed("nginx")) GTEST_SKIP() << "nginx is not installed";
  const TlsNginx nginx(authority, "");
  const Sidecar sidecar(before(nginx.address(), ", hosts: [orders, stock]"));
  const Response refused = sidecar.get("stock");
  EXPECT_EQ(refused.status, 502);
  EXPECT_TRUE(has(refused.field("proxy-status"), "tls_certificate_error"));
  EXPECT_TRUE(sidecar.logs("hostname mismatch")) << sidecar.log();
  EXPECT_TRUE(has(sidecar.log(), R"("name":"stock")")) << sidecar.log();
  EXPECT_EQ(sidecar.get("orders").status, 200);
}

// The peer refuses us after its handshake is done on our side (TLS 1.3).
TEST_F(Tls, AnEndpointThatWantsOurCertificateIsInTheLog) {
  if (!is_installed("openssl")) GTEST_SKIP() << "openssl is not installed";
  const int port = free_port();
  Process server({"openssl", "s_server", "-accept", "127.0.0.1:" + std::to_string(port), "-cert",
                  file("server.pem"), "-key", file("server.key"), "-CAfile", file("ca.pem"),
                  "-Verify", "1", "-verify_return_error", "-quiet"});
  const std::string address = "127.0.0.1:" + std::to_string(port);
  ASSERT_TRUE(eventually([&] { return Client(address).is_connected(); })) << server.err();
  const Sidecar sidecar(before(address));
  EXPECT_EQ(sidecar.get("orders").status, 502);
  EXPECT_TRUE(sidecar.logs("certificate required")) << sidecar.log();
}

// ---- the command line

TEST_F(Tls, CheckSaysWhatIsWrongWithAFile) {
  authority.issue("other");
  authority.issue("old", {.valid_from_s = -7200, .valid_until_s = -3600});
  authority.write("empty.pem", "");
  const auto checked = [&](const std::string& cert, const std::string& key,
                           const std::string& more = {}) {
    const TempFolder folder;
    replace_file(folder / "a.yaml", "listeners: [{address: \"127.0.0.1:0\", tls: {cert_file: " +
                                        file(cert) + ", key_file: " + file(key) + more +
                                        "}}]\nservices: {orders: {endpoints: {static: "
                                        "[\"10.0.0.1:80\"]}}}\n");
    const Finished done = run({outrigger_binary(), "check", "-c", (folder / "a.yaml").string()});
    return std::to_string(done.code) + " " + done.out + done.err;
  };
  EXPECT_TRUE(checked("server.pem", "server.key").starts_with("0 "));
  const struct {
    std::string cert, key, more, said;
  } kCases[] = {
      {"server.pem", "other.key", "", "is not that of the certificate"},
      {"old.pem", "old.key", "", "has expired"},
      {"absent.pem", "server.key", "", "absent.pem: No such file"},
      {"server.pem", "absent.key", "", "absent.key: No such file"},
      {"empty.pem", "server.key", "", "holds no certificate in PEM"},
      {"server.pem", "server.pem", "", "holds no private key in PEM"},
      {"server.pem", "server.key", ", client_ca_file: " + file("client.pem"),
       "holds no certificate of a CA"},
  };
  for (const auto& one : kCases) {
    const std::string said = checked(one.cert, one.key, one.more);
    EXPECT_TRUE(said.starts_with("2 ")) << said;
    EXPECT_TRUE(has(said, one.said)) << said;
  }
}

TEST_F(Tls, RunRefusesABadFileByName) {
  authority.write("server.pem", "no certificate");
  const TempFolder folder;
  replace_file(folder / "a.yaml", "admin: off\nmetrics: off\n" + behind("127.0.0.1:9"));
  const Finished refused = run({outrigger_binary(), "run", "-c", (folder / "a.yaml").string()});
  EXPECT_NE(refused.code, 0);
  EXPECT_TRUE(has(refused.err, "holds no certificate in PEM")) << refused.err;
}

TEST_F(Tls, ExplainSaysWhatIsSpokenAndWhoIsVerified) {
  const TempFolder folder;
  const std::string path = (folder / "a.yaml").string();
  replace_file(path, "listeners: [{address: \"127.0.0.1:0\", tls: " +
                         server_tls(", client_ca_file: " + file("ca.pem")) +
                         "}]\n"
                         "services:\n"
                         "  orders:\n"
                         "    endpoints: { static: [\"10.0.0.1:443\"] }\n"
                         "    protocol: http2\n"
                         "    tls: { ca_file: " +
                         file("ca.pem") + ", cert_file: " + file("client.pem") +
                         ", key_file: " + file("client.key") +
                         " }\n"
                         "    retry: { grpc: [\"/shop.Stock/Get*\"] }\n"
                         "  plain: { endpoints: { static: [\"10.0.0.1:80\"] } }\n"
                         "  auto: { endpoints: { static: [\"10.0.0.1:80\"] }, "
                         "tls: { server_name: auto.svc } }\n");
  const auto said = [&](std::vector<std::string> of) {
    std::vector<std::string> argv{outrigger_binary(), "explain", "-c", path};
    argv.insert(argv.end(), of.begin(), of.end());
    const Finished done = run(std::move(argv));
    EXPECT_EQ(done.code, 0) << done.err;
    return done.out;
  };
  const std::string orders = said({"GET", "http://orders:8080/x"});
  EXPECT_TRUE(has(orders, "tls with the certificate " + file("server.pem") +
                              "; callers must show one of " + file("ca.pem")))
      << orders;
  EXPECT_TRUE(has(orders, "protocol http2: HTTP/2, whatever the caller speaks  (" + path + ":5)"))
      << orders;
  EXPECT_TRUE(has(orders, "tls verified by " + file("ca.pem") +
                              " for orders; shows the certificate " + file("client.pem")))
      << orders;
  EXPECT_FALSE(has(orders, "grpc       ")) << orders;

  const std::string plain = said({"GET", "http://plain/x"});
  EXPECT_TRUE(has(plain, "protocol auto: what the caller speaks")) << plain;
  EXPECT_TRUE(has(plain, "in clear text")) << plain;
  const std::string by_alpn = said({"GET", "http://auto/x"});
  EXPECT_TRUE(has(by_alpn, "as the endpoint chooses (ALPN)")) << by_alpn;
  EXPECT_TRUE(has(by_alpn, "the roots of the system for auto.svc; shows no certificate"));

  const std::string type = "content-type: application/grpc";
  const std::string read = said({"POST", "http://orders/shop.Stock/Get", "-H", type});
  EXPECT_TRUE(has(read, "  may be repeated  (" + path + ":7)")) << read;
  EXPECT_TRUE(has(read, "waits for a first message, at most 100 ms")) << read;
  const std::string write = said({"POST", "http://orders/shop.Stock/Put", "-H", type});
  EXPECT_TRUE(has(write, "  may not be repeated")) << write;
  EXPECT_TRUE(has(write, "passes at once")) << write;
}

}  // namespace
}  // namespace outrigger::testing
