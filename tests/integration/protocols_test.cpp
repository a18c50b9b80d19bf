// What a service in a pod speaks with real servers on another host: the clients run as the
// neighbour's user in one network namespace, the servers in another; straight, or with the rules of
// `outrigger intercept` in force and the sidecar at work in the pod.
#include <fstream>

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include "tests/support/process/client.hpp"
#include "tests/support/process/namespaces.hpp"
#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

// Debian's, for which Debian's libraries are.
constexpr const char* kPython = "/usr/bin/python3";

// The folder of PostgreSQL's own programs, or nothing.
std::filesystem::path postgresql() {
  std::error_code none;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    if (std::filesystem::exists(version.path() / "bin/initdb")) return version.path() / "bin";
  }
  return {};
}

std::optional<uid_t> user_named(const char* name) {
  const passwd* found = ::getpwnam(name);
  return found == nullptr ? std::nullopt : std::optional(found->pw_uid);
}

// The first line.
std::string line_of(const Finished& finished) {
  EXPECT_EQ(finished.code, 0) << finished.err;
  return finished.out.substr(0, finished.out.find('\n'));
}

enum class Way : uint8_t { kStraight, kThroughSidecar };

class Protocols : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (const std::string reason = why_no_namespaces(); !reason.empty()) GTEST_SKIP() << reason;
    x_net = std::make_unique<PodNetwork>();
    if (GetParam() == Way::kThroughSidecar) start_sidecar();
  }

  void start_sidecar() {
    if (!is_installed("nft")) GTEST_SKIP() << "nft is not installed";
    SidecarOptions options;
    options.spawn = x_net->pod().spawn(kSidecar);
    x_sidecar = std::make_unique<Sidecar>(
        "listeners: [{address: [\"127.0.0.1:15001\", \"[::1]:15001\"]}]\n", options);
    const Finished installed = x_net->pod().run(
        {outrigger_binary(), "intercept", "install", "-c", x_sidecar->file().string()});
    if (installed.code != 0) GTEST_SKIP() << installed.err;
  }
  // Whether the sidecar, where there is one, took a connection for that.
  bool was_taken_for(const std::string& speech) const {
    if (!x_sidecar) return true;
    double count = 0;
    x_net->pod().inside([&] {
      count = x_sidecar->metric("outrigger_detect_total", {"result=\"" + speech + "\""});
    });
    return count > 0;
  }

  // Whether the sidecar, where there is one, carried a connection that has ended without a look at
  // its bytes: one to a port of `opaque_ports`.
  bool was_carried_unseen() const {
    if (!x_sidecar) return true;
    double count = 0;
    x_net->pod().inside([&] {
      eventually([&] {
        count = x_sidecar->metric("outrigger_tcp_connections_total", {"outcome=\"success\""});
        return count > 0;
      });
    });
    return count > 0 && !was_taken_for("opaque");
  }

  // A server on the other host, which is ready when that port of it answers there.
  void start(std::vector<std::string> argv, int port, std::optional<uid_t> user = {}) {
    Host& host = x_net->host(1);
    const Process& server =
        *x_servers.emplace_back(std::make_unique<Process>(std::move(argv), host.spawn(user)));
    const auto answers = [&] {
      bool is_open = false;
      host.inside([&] { is_open = Client(at(port)).is_connected(); });
      return is_open;
    };
    ASSERT_TRUE(eventually(answers, 30'000)) << server.out() << server.err();
  }
  // Of shop.example, in the folder.
  void make_certificate() {
    const std::string folder = x_folder.path().string();
    const Finished made = run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                               "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                               "/CN=shop", "-addext", "subjectAltName=DNS:shop.example", "-keyout",
                               folder + "/key", "-out", folder + "/cert"});
    ASSERT_EQ(made.code, 0) << made.err;
  }
  void start_nginx() {
    make_certificate();
    const std::string folder = x_folder.path().string();
    std::string paths;
    for (const std::string kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      paths += kind + "_temp_path " + folder + "/" + kind + ";\n";
    }
    replace_file(x_folder / "nginx.conf",
                 "daemon off; worker_processes 1; error_log stderr; pid " + folder +
                     "/pid;\nevents { worker_connections 64; }\nhttp { access_log off;\n" + paths +
                     "server { listen 80; listen [::]:80; listen 443 ssl http2;\n"
                     "listen [::]:443 ssl http2; ssl_certificate " +
                     folder + "/cert; ssl_certificate_key " + folder +
                     "/key;\nlocation / { return 200 \"$server_protocol $http_host\"; } } }\n");
    start({"nginx", "-p", folder, "-c", folder + "/nginx.conf"}, 443);
  }
  // A program of the neighbour's in the pod.
  Finished neighbour(std::vector<std::string> argv) const {
    return x_net->pod().run(std::move(argv), kNeighbour);
  }
  Finished curl(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"curl", "-sS", "--noproxy", "*", "--max-time", "10"});
    return neighbour(std::move(arguments));
  }

  static std::string ip() { return PodNetwork::ipv4(1); }
  static std::string at(int port) { return ip() + ":" + std::to_string(port); }

  TempFolder x_folder;
  std::unique_ptr<PodNetwork> x_net;
  std::unique_ptr<Sidecar> x_sidecar;
  std::vector<std::unique_ptr<Process>> x_servers;
};

std::string name_of(const ::testing::TestParamInfo<Way>& way) {
  return way.param == Way::kStraight ? "Straight" : "ThroughTheSidecar";
}

INSTANTIATE_TEST_SUITE_P(Ways, Protocols, ::testing::Values(Way::kStraight, Way::kThroughSidecar),
                         name_of);

TEST_P(Protocols, HttpWithNginx) {
  if (!is_installed("nginx")) GTEST_SKIP() << "nginx is not installed";
  start_nginx();
  EXPECT_EQ(line_of(curl({"http://" + ip() + "/"})), "HTTP/1.1 " + ip());
  const std::string ipv6 = "[" + PodNetwork::ipv6(1) + "]";
  EXPECT_EQ(line_of(curl({"http://" + ipv6 + "/"})), "HTTP/1.1 " + ipv6);
  EXPECT_TRUE(was_taken_for("http1"));
}

TEST_P(Protocols, TlsOfTheNeighboursOwnWithNginx) {
  if (!is_installed("nginx")) GTEST_SKIP() << "nginx is not installed";
  if (!is_installed("openssl")) GTEST_SKIP() << "openssl is not installed";
  start_nginx();
  const std::vector<std::string> name = {"--cacert", (x_folder / "cert").string(), "--resolve",
                                         "shop.example:443:" + ip(), "https://shop.example/"};
  EXPECT_EQ(line_of(curl(name)), "HTTP/2.0 shop.example");
  std::vector<std::string> old = name;
  old.insert(old.begin(), "--http1.1");
  EXPECT_EQ(line_of(curl(old)), "HTTP/1.1 shop.example");
  EXPECT_TRUE(was_taken_for("sni"));
}

TEST_P(Protocols, TlsOfTheNeighboursOwnWithOpenssl) {
  if (!is_installed("nginx")) GTEST_SKIP() << "nginx is not installed";
  if (!is_installed("openssl")) GTEST_SKIP() << "openssl is not installed";
  start_nginx();
  const std::string command =
      "printf 'GET / HTTP/1.0\\r\\nHost: shop\\r\\n\\r\\n' | openssl s_client -quiet "
      "-verify_return_error -verify_hostname shop.example -servername shop.example -CAfile " +
      (x_folder / "cert").string() + " -connect " + at(443);
  const Finished done = neighbour({"sh", "-c", command});
  EXPECT_EQ(line_of(done), "HTTP/1.1 200 OK\r");
  EXPECT_NE(done.out.find("HTTP/1.0 shop"), std::string::npos) << done.out;
  EXPECT_TRUE(was_taken_for("sni"));
}

TEST_P(Protocols, Http2InClearTextWithNghttpd) {
  if (!is_installed("nghttpd")) GTEST_SKIP() << "nghttpd is not installed (package nghttp2-server)";
  replace_file(x_folder / "answer", "hello");
  start({"nghttpd", "--no-tls", "-d", x_folder.path().string(), "8080"}, 8080);
  EXPECT_EQ(line_of(curl({"--http2-prior-knowledge", "http://" + at(8080) + "/answer"})), "hello");
  EXPECT_TRUE(was_taken_for("http2"));
}

TEST_P(Protocols, Grpc) {
  if (run({kPython, "-c", "import grpc"}).code != 0) {
    GTEST_SKIP() << "grpc is not installed (package python3-grpcio)";
  }
  const std::string script = "tests/integration/protocols/grpc_echo.py";
  start({kPython, script, "serve", ip(), "50051"}, 50051);
  EXPECT_EQ(line_of(neighbour({kPython, script, "talk", ip(), "50051"})),
            "3 messages came back twice; NOT_FOUND no such order");
  EXPECT_TRUE(was_taken_for("http2"));
}

TEST_P(Protocols, Redis) {
  if (!is_installed("redis-server")) GTEST_SKIP() << "redis-server is not installed";
  start({"redis-server", "--bind", ip(), "--port", "6379", "--save", "", "--protected-mode", "no",
         "--dir", x_folder.path().string()},
        6379);
  EXPECT_EQ(line_of(neighbour({"redis-cli", "-h", ip(), "SET", "stock", "42"})), "OK");
  EXPECT_EQ(line_of(neighbour({"redis-cli", "-h", ip(), "GET", "stock"})), "42");
  EXPECT_TRUE(was_carried_unseen());
}

TEST_P(Protocols, Postgresql) {
  const auto programs = postgresql();
  const auto user = user_named("postgres");
  if (programs.empty() || !user) GTEST_SKIP() << "postgresql is not installed";
  const auto data = x_folder / "data";
  std::filesystem::create_directory(data);
  ASSERT_EQ(::chown(data.c_str(), *user, *user), 0);
  const Finished made = x_net->host(1).run({programs / "initdb", "-D", data, "-U", "shop", "-A",
                                            "trust", "--no-sync", "--locale=C", "-E", "UTF8"},
                                           user);
  ASSERT_EQ(made.code, 0) << made.err;
  std::ofstream(data / "pg_hba.conf") << "host all all 10.77.0.0/16 trust\n";
  start({programs / "postgres", "-D", data, "-h", ip(), "-k", "", "-F"}, 5432, user);
  EXPECT_EQ(line_of(neighbour({"psql", "-h", ip(), "-U", "shop", "-d", "postgres", "-AtX", "-c",
                               "SELECT 6 * 7"})),
            "42");
  EXPECT_TRUE(was_carried_unseen());
}

TEST_P(Protocols, MailWhoseServerSpeaksFirst) {
  const std::string script = "tests/integration/protocols/smtp.py";
  start({kPython, script, "serve", ip(), "2525"}, 2525);
  EXPECT_EQ(line_of(neighbour({kPython, script, "send", ip(), "2525", "Hello\n"})), "kept 7 bytes");
  EXPECT_TRUE(was_taken_for("opaque"));
}

TEST_P(Protocols, WebSocket) {
  if (run({kPython, "-c", "import websockets"}).code != 0) {
    GTEST_SKIP() << "websockets is not installed (package python3-websockets)";
  }
  const std::string script = "tests/integration/protocols/websocket.py";
  start({kPython, script, "serve", ip(), "8765"}, 8765);
  EXPECT_EQ(
      line_of(neighbour({kPython, script, "talk", "ws://" + at(8765) + "/chat", ip(), "8765"})),
      "3 messages came back");
  EXPECT_TRUE(was_taken_for("http1"));
  make_certificate();
  const std::string certificate = (x_folder / "cert").string();
  start({kPython, script, "serve", ip(), "8766", certificate, (x_folder / "key").string()}, 8766);
  EXPECT_EQ(line_of(neighbour(
                {kPython, script, "talk", "wss://shop.example/chat", ip(), "8766", certificate})),
            "3 messages came back");
  EXPECT_TRUE(was_taken_for("sni"));
}

// The server answers when the caller has ended its own side, and not before.
TEST_P(Protocols, HalfClose) {
  std::unique_ptr<Origin> counter;
  x_net->host(1).inside([&] {
    counter = Origin::talking(
        [](Wire& wire) {
          const auto all = wire.read_to_end();
          wire.send(std::to_string(all.value_or("").size()) + " bytes");
        },
        at(9000));
  });
  std::optional<std::string> answer;
  x_net->pod().inside([&] {
    Client client(at(9000));
    client.send(std::string(100'000, 'x'));
    client.wire().finish();
    answer = client.wire().read_to_end();
  });
  EXPECT_EQ(answer, "100000 bytes");
  EXPECT_TRUE(was_taken_for("opaque"));
}

}  // namespace
}  // namespace outrigger::testing
