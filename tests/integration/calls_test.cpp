#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

std::string orders_at(const std::string& address, const std::string& more = "") {
  return "services: {orders: {endpoints: {static: [\"" + address + "\"]}" + more + "}}\n";
}

// Nothing in it repeats within 64 KiB, and no two blocks are the same.
std::string large_text(size_t bytes) {
  std::string block;
  uint32_t state = 1;
  while (block.size() < 65'537) {
    state = state * 1664525 + 1013904223;
    block += static_cast<char>(state >> 24);
  }
  std::string text;
  for (size_t n = 0; text.size() < bytes; ++n) text += std::to_string(n) + block;
  return text;
}

// Echoes the body, or says what it was asked.
bool echo(const Request& request, Wire& wire) {
  if (request.line.starts_with("HEAD "))
    return wire.send("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n");
  return wire.send(Origin::response(request.body.empty() ? request.line : request.body));
}

std::vector<std::string> curl_for(const Sidecar& sidecar, std::vector<std::string> more) {
  std::vector<std::string> argv = {"curl", "-sS", "-H", "Host: orders", "--max-time", "60"};
  argv.insert(argv.end(), more.begin(), more.end());
  argv.push_back("http://" + sidecar.address() + "/x");
  return argv;
}

TEST(Calls, CurlUsesEachMethod) {
  const Origin origin(echo);
  const Sidecar sidecar(orders_at(origin.address()));
  EXPECT_EQ(run(curl_for(sidecar, {})).out, "GET /x HTTP/1.1");
  EXPECT_EQ(run(curl_for(sidecar, {"-d", "a=1"})).out, "a=1");
  EXPECT_EQ(run(curl_for(sidecar, {"-X", "DELETE"})).out, "DELETE /x HTTP/1.1");
  const Finished head = run(curl_for(sidecar, {"-I"}));
  EXPECT_EQ(head.code, 0) << head.err;
  EXPECT_NE(head.out.find("Content-Length: 7"), std::string::npos) << head.out;
}

TEST(Calls, LargeBodiesArriveUnchangedBothWays) {
  const Origin origin(echo);
  const Sidecar sidecar(orders_at(origin.address()));
  const TempFolder folder;
  const std::string sent = large_text(50 << 20);
  replace_file(folder / "sent", sent);
  for (const std::string framing : {"", "Transfer-Encoding: chunked"}) {
    const auto came = folder / "came";
    const Finished curl = run(
        curl_for(sidecar, {"-T", (folder / "sent").string(), "-H", framing, "-o", came.string()}));
    EXPECT_EQ(curl.code, 0) << curl.err;
    EXPECT_TRUE(read_file(came) == sent) << framing;
  }
  EXPECT_TRUE(origin.requests().at(0).body == sent);
  EXPECT_EQ(origin.requests().at(1).field("transfer-encoding"), "chunked");
}

TEST(Calls, ExpectationsAreMetBeforeTheBodyIsSent) {
  const Origin origin(echo);
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  client.send(
      "POST / HTTP/1.1\r\nHost: orders\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  std::string line;
  FieldList fields;
  ASSERT_TRUE(client.wire().read_line(line));
  EXPECT_EQ(line, "HTTP/1.1 100 Continue");
  ASSERT_TRUE(client.wire().read_fields(fields));
  EXPECT_EQ(client.call("body").body, "body");
  EXPECT_EQ(client.interim(), 0);
  EXPECT_EQ(call(sidecar.address(),
                 "POST / HTTP/1.1\r\nHost: orders\r\nExpect: tea\r\nContent-Length: 0\r\n\r\n")
                .status,
            417);
}

TEST(Calls, AnHttp10CallerGetsAnAnswerThatEndsWithTheConnection) {
  const Origin origin([](const Request&, Wire& wire) {
    return wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  });
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  const Response response = client.call("GET / HTTP/1.0\r\nHost: orders\r\n\r\n");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.field("transfer-encoding"), "");
  EXPECT_EQ(response.body, "abc");
  EXPECT_EQ(run(curl_for(sidecar, {"--http1.0"})).out, "abc");
}

TEST(Calls, ConnectionsAreReusedOnBothSides) {
  const Origin origin(echo);
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  for (int i = 0; i < 100; ++i) ASSERT_EQ(client.get("orders").status, 200) << i;
  EXPECT_EQ(origin.connections(), 1);
  const Response last = client.get("orders", "/", "Connection: close\r\n");
  EXPECT_EQ(last.field("connection"), "close");
  EXPECT_TRUE(client.sees_end());
}

TEST(Calls, PipelinedCallsAreAnsweredInOrder) {
  const Origin origin(echo);
  const Sidecar sidecar(orders_at(origin.address()));
  Client client(sidecar.address());
  std::string all;
  for (int i = 0; i < 12; ++i) {
    all += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: orders\r\n\r\n";
  }
  client.send(all);
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(client.receive().body, "GET /" + std::to_string(i) + " HTTP/1.1");
  }
}

TEST(Calls, AnAnswerThatIsCutShortIsNotPassedOffAsWhole) {
  const Origin origin([](const Request&, Wire& wire) {
    wire.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    return false;
  });
  const Sidecar sidecar(orders_at(origin.address()));
  const Response cut = sidecar.get("orders");
  EXPECT_EQ(cut.status, 200);
  EXPECT_FALSE(cut.complete);
}

// A server that reads a call and closes: what may not be repeated arrives once.
TEST(Calls, APostThatMayHaveArrivedIsNeverSentTwice) {
  const Origin origin([](const Request& request, Wire& wire) {
    return !request.line.starts_with("POST /lost ") && wire.send(Origin::response("ok"));
  });
  const Sidecar sidecar(
      orders_at(origin.address(), ", retry: {attempts: 3, backoff: {base: 1ms}}"));
  Client client(sidecar.address());
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(client.get("orders").status, 200);
    const Response lost =
        client.call("POST /lost HTTP/1.1\r\nHost: orders\r\nContent-Length: 2\r\n\r\nhi");
    EXPECT_EQ(lost.status, 502);
    EXPECT_NE(lost.field("proxy-status").find("connection_terminated"), std::string::npos);
  }
  EXPECT_EQ(origin.hits(), 40U);
}

// nginx as its packages ship it, with connections that it closes early.
class Nginx {
 public:
  Nginx(const std::string& keepalive) : x_port(free_port()) {
    const auto conf = x_folder / "nginx.conf";
    replace_file(conf, "daemon off; worker_processes 1; error_log stderr; pid " +
                           (x_folder / "pid").string() +
                           ";\nevents { worker_connections 1024; }\nhttp { access_log off;\n" +
                           "client_body_temp_path " + (x_folder / "body").string() +
                           ";\nproxy_temp_path " + (x_folder / "proxy").string() +
                           ";\nfastcgi_temp_path " + (x_folder / "fastcgi").string() +
                           ";\nuwsgi_temp_path " + (x_folder / "uwsgi").string() +
                           ";\nscgi_temp_path " + (x_folder / "scgi").string() + ";\n" + keepalive +
                           "\nserver { listen 127.0.0.1:" + std::to_string(x_port) +
                           "; location / { return 200 nginx; } } }\n");
    x_process.emplace(
        std::vector<std::string>{"nginx", "-p", x_folder.path().string(), "-c", conf.string()});
    EXPECT_TRUE(eventually([this] { return get(address(), "orders").status == 200; }))
        << x_process->err();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(x_port); }

 private:
  TempFolder x_folder;
  const int x_port;
  std::optional<Process> x_process;
};

// `threads` callers with `calls` each; how many were not answered with 200.
int lost_calls(const Sidecar& sidecar, int threads, int calls, const std::string& request) {
  std::atomic<int> lost{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < threads; ++i) {
    callers.emplace_back([&] {
      Client client(sidecar.address());
      for (int n = 0; n < calls; ++n) {
        if (client.call(request).status != 200) ++lost;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  return lost;
}

TEST(Calls, ConnectionsThatTheUpstreamClosesEarlyLoseNoCall) {
  if (!is_installed("nginx")) GTEST_SKIP() << "nginx is not installed";
  const Nginx nginx("keepalive_requests 7; keepalive_timeout 1s;");
  const Sidecar sidecar("workers: 2\n" + orders_at(nginx.address()));
  const std::string get_call = "GET / HTTP/1.1\r\nHost: orders\r\n\r\n";
  EXPECT_EQ(lost_calls(sidecar, 1, 1000, get_call), 0);
  EXPECT_EQ(lost_calls(sidecar, 8, 125, get_call), 0);
  EXPECT_EQ(sidecar.metric("outrigger_requests_total", {"outcome=\"success\""}), 2000);
}

TEST(Calls, ANameThatIsNotIdempotentLosesNoneEither) {
  if (!is_installed("nginx")) GTEST_SKIP() << "nginx is not installed";
  const Nginx nginx("keepalive_requests 7; keepalive_timeout 1s;");
  const Sidecar sidecar("workers: 2\n" + orders_at(nginx.address()));
  const std::string post = "POST / HTTP/1.1\r\nHost: orders\r\nContent-Length: 2\r\n\r\nhi";
  EXPECT_EQ(lost_calls(sidecar, 8, 125, post), 0);
}

// Connections that sit idle until the moment the server's timer closes them.
TEST(Calls, ConnectionsThatTheUpstreamTimesOutLoseNoCall) {
  if (!is_installed("nginx")) GTEST_SKIP() << "nginx is not installed";
  const Nginx nginx("keepalive_requests 1000; keepalive_timeout 1s;");
  const Sidecar sidecar(orders_at(nginx.address()));
  Client client(sidecar.address());
  for (int i = 0; i < 40; ++i) {
    ASSERT_EQ(client.get("orders").status, 200) << i;
    if (i % 10 == 9) idle_ms(960 + 2 * i);  // the time that is tested, not a wait for something
  }
}

}  // namespace
}  // namespace outrigger::testing
