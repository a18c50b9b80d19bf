// One file after the other under load, good and bad: no call fails or sees two versions, nobody
// needs another connection, what is open stays so, counts go on. `./dev conformance reloads` does
// the same with the release binary, other programs and ten times the calls.
#include <atomic>
#include <fstream>
#include <functional>
#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include "tests/support/process/h2_wire.hpp"
#include "tests/support/process/mount.hpp"
#include "tests/support/process/origin.hpp"
#include "tests/support/process/sidecar.hpp"

namespace outrigger::testing {
namespace {

constexpr int kSwaps = 16;
constexpr int kBad = 1'000'000;  // versions that must never be in force
constexpr int kCallers = 3;      // of each version of HTTP

// ---- origins

// Answers with the version of the request. Those who meet at /together are answered when all are
// there: the pools are as large then as they may have to be. Upgraded, it sends back what it gets.
class Told {
 public:
  Origin origin{[this](const Request& request, Wire& wire) {
    if (request.line.starts_with("GET /chat ")) return switch_over(wire);
    if (request.line.starts_with("GET /together ")) {
      ++x_met;
      eventually([this] { return x_met >= 2 * kCallers; });
    }
    return wire.send(Origin::response(request.field("x-version")));
  }};

  static void send_back(Wire& wire) {
    for (std::string bytes; wire.read_exactly(kMessage.size(), bytes); bytes.clear()) {
      wire.send(bytes);
    }
  }
  // A frame of a WebSocket.
  static constexpr std::string_view kMessage{"\x81\x84\0\0\0\0ping", 10};

 private:
  static bool switch_over(Wire& wire) {
    wire.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    send_back(wire);
    return false;
  }

  std::atomic<int> x_met{0};
};

// The first call of a connection is a stream, which goes on: each later one, which is answered and
// ends, is a message of it.
void serve_grpc(Wire& wire) {
  H2Wire h2(wire);
  if (!h2.accept()) return;
  std::optional<int32_t> stream;
  for (std::optional<Seen> seen; (seen = h2.next());) {
    if ((seen->flags & kEndStream) == 0 || seen->type > kHeadersFrame) continue;
    h2.send_head(seen->id, {{":status", "200"}, {"content-type", "application/grpc"}}, false);
    if (!stream) {
      stream = seen->id;
      continue;
    }
    h2.send_data(*stream, std::string("\0\0\0\0\4next", 9), false);
    h2.send_data(seen->id, std::string("\0\0\0\0\4done", 9), false);
    h2.send_head(seen->id, {{"grpc-status", "0"}});
  }
}

// ---- callers

class Tally {
 public:
  void wrong(const std::string& words) {
    const std::lock_guard lock(x_mutex);
    x_wrong.insert(words);
  }
  void right() { ++x_right; }
  int count() const { return x_right; }
  std::string words() const {
    const std::lock_guard lock(x_mutex);
    std::string all;
    for (const std::string& one : x_wrong) all += one + "\n";
    return all;
  }

 private:
  mutable std::mutex x_mutex;
  std::set<std::string> x_wrong;
  std::atomic<int> x_right{0};
};

// The versions that one caller sees, which never go back.
class Newest {
 public:
  explicit Newest(Tally& tally) : x_tally(tally) {}
  bool take(const std::string& version) {
    const int number = std::atoi(version.c_str());
    const bool fits = number >= x_newest && number < kBad && !version.empty();
    if (!fits) x_tally.wrong("version " + version + " behind " + std::to_string(x_newest));
    if (fits) x_tally.right();
    x_newest = number;
    return fits;
  }

 private:
  Tally& x_tally;
  int x_newest = 0;
};

void call_by_http1(const std::string& to, Tally& tally, const std::atomic<bool>& is_over) {
  Client client(to);
  Newest newest(tally);
  const auto call = [&](std::string_view path) {
    const Response answer = client.get("orders", path);
    const std::string version = answer.field("x-version");
    if (answer.status == 200 && answer.body == version) return newest.take(version);
    tally.wrong("HTTP/1.1: " + std::to_string(answer.status) + " " + version + ": " + answer.body);
    return false;
  };
  for (bool fine = call("/together"); fine && !is_over;) fine = call("/");
}

constexpr char kStatus200 = '\x88';  // in HPACK's static table

void call_by_http2(const std::string& to, Tally& tally, const std::atomic<bool>& is_over) {
  Client client(to);
  H2Wire h2(client.wire());
  Newest newest(tally);
  h2.begin();
  const auto call = [&](int32_t id, std::string_view path) {
    h2.send_head(
        id, {{":method", "GET"}, {":scheme", "http"}, {":authority", "orders"}, {":path", path}});
    std::string version;
    std::optional<Seen> seen;
    while ((seen = h2.next()) && seen->id == id && seen->type <= kHeadersFrame) {
      if (seen->type == kDataFrame) version += seen->payload;
      if (seen->type == kHeadersFrame && seen->payload.find(kStatus200) == std::string::npos) break;
      if ((seen->flags & kEndStream) != 0) return newest.take(version);
    }
    tally.wrong("HTTP/2: frame " + (seen ? std::to_string(seen->type) : "none"));
    return false;
  };
  bool fine = call(1, "/together");
  for (int32_t id = 3; fine && !is_over; id += 2) fine = call(id, "/");
}

// ---- what is open all the while

class Held {
 public:
  Held(const std::string& outbound, const std::string& tcp)
      : x_chat(outbound), x_tunnel(outbound), x_tcp(tcp), x_grpc(outbound), x_h2(x_grpc.wire()) {
    begin(x_chat,
          "GET /chat HTTP/1.1\r\nHost: orders\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
          "Sec-WebSocket-Key: x\r\n\r\n",
          "HTTP/1.1 101 ");
    begin(x_tunnel, "CONNECT db:80 HTTP/1.1\r\nHost: db:80\r\n\r\n", "HTTP/1.1 200 ");
    x_h2.begin();
    ask();
  }

  // Each says something, and hears what comes of it.
  void go_on(int version) {
    for (auto& [name, client] : {std::pair<std::string, Client&>{"WebSocket", x_chat},
                                 {"tunnel", x_tunnel},
                                 {"tcp", x_tcp}}) {
      std::string heard;
      EXPECT_TRUE(client.send(Told::kMessage));
      EXPECT_TRUE(client.wire().read_exactly(Told::kMessage.size(), heard)) << name << version;
      EXPECT_EQ(heard, Told::kMessage) << name << version;
    }
    const int32_t id = ask();
    std::string streamed;
    std::optional<Seen> seen;
    while ((seen = x_h2.next()) && (seen->id != id || (seen->flags & kEndStream) == 0)) {
      EXPECT_LE(seen->type, kHeadersFrame) << version;
      if (seen->id == kStream && seen->type == kDataFrame) streamed += seen->payload;
    }
    EXPECT_TRUE(seen && seen->type == kHeadersFrame) << version;
    EXPECT_NE(streamed.find("next"), std::string::npos) << version;
  }

 private:
  static constexpr int32_t kStream = 1;

  static void begin(Client& client, std::string_view request, std::string_view status) {
    std::string line;
    FieldList fields;
    EXPECT_TRUE(client.send(request) && client.wire().read_line(line));
    EXPECT_TRUE(client.wire().read_fields(fields) && line.starts_with(status)) << line;
  }
  int32_t ask() {
    const int32_t id = std::exchange(x_next, x_next + 2);
    x_h2.send_head(id,
                   {{":method", "POST"},
                    {":scheme", "http"},
                    {":authority", "calls"},
                    {":path", "/swaps.Swaps/Ask"},
                    {"content-type", "application/grpc"},
                    {"te", "trailers"}},
                   false);
    x_h2.send_data(id, std::string("\0\0\0\0\0", 5), true);
    return id;
  }

  Client x_chat, x_tunnel, x_tcp, x_grpc;
  H2Wire x_h2;
  int32_t x_next = kStream;
};

// ---- the files

class Swaps : public ::testing::Test {
 protected:
  // Half of the versions have a listener and a service more, and settings of all kinds differ.
  std::string version(int number, const std::string& listener = "",
                      const std::string& service = "") const {
    const bool odd = number % 2 == 1;
    const std::string said = "{set: {x-version: '" + std::to_string(number) + "'}}";
    const auto at = [](const Origin& origin) { return "{static: ['" + origin.address() + "']}"; };
    return "admin: {address: '127.0.0.1:0'}\nmetrics: {address: '127.0.0.1:0'}\nworkers: 2\n"
           "unmatched: " +
           std::string(odd ? "refuse" : "passthrough") +
           "\nlisteners:\n  - {name: outbound, address: '127.0.0.1:0'" +
           (odd ? ", via: edge, filters: {without: [trace]}" : "") +
           "}\n  - {name: tcp, address: '127.0.0.1:0', service: db}\n" +
           (odd ? "  - {name: more, address: '127.0.0.1:0'}\n" : "") + listener +
           "defaults: {timeout: {request: " + std::to_string(20 + number % 3) +
           "s}, circuit: {window: 1h, min_requests: " + std::to_string(900'000 + number % 7) +
           "}}\nservices:\n" + (odd ? "  more: {endpoints: {static: ['127.0.0.1:9']}}\n" : "") +
           service + "  orders: {protocol: http1, endpoints: " + at(x_told.origin) +
           ", headers: {request: " + said + ", response: " + said +
           "}}\n  calls: {protocol: http2, endpoints: " + at(*x_grpc) +
           "}\n  db: {protocol: tcp, endpoints: " + at(*x_db) + "}\n";
  }
  std::vector<std::string> bad_files() const {
    const std::string text = version(kBad);
    const std::string key = x_folder.path().string() + "/no.key";
    std::ofstream(key) << "no key";
    return {text.substr(0, text.rfind('{') + 1),
            "",
            text + std::string(2 << 20, '#'),
            std::string("\x7f"
                        "ELF\0\xff\xfe",
                        7),
            text + "servces: {}\n",
            version(kBad, "  - {name: taken, address: '" + x_told.origin.address() + "'}\n"),
            version(kBad, "  - {name: secure, address: '127.0.0.1:0', tls: {cert_file: " + key +
                              ", key_file: " + key + "}}\n"),
            version(kBad, "",
                    "  vault: {endpoints: {static: ['127.0.0.1:9']}, tls: {ca_file: " + key +
                        ".absent}}\n")};
  }

  static std::string state(const Sidecar& sidecar) {
    return sidecar.admin("GET", "/api/v1/config", "", "Accept: application/json\r\n").body;
  }
  static std::string hash_of(const std::string& state, std::string_view what) {
    const std::string opening = "\"" + std::string(what) + "\":{\"hash\":\"";
    const size_t at = state.find(opening);
    return at == std::string::npos ? state : state.substr(at + opening.size(), 16);
  }
  // The files are these now, and were read.
  void swap(const Sidecar& sidecar, const std::string& text, bool by_link) {
    const std::string before = hash_of(state(sidecar), "file");
    by_link ? x_mount.swap_link(text) : x_mount.rename(text);
    EXPECT_TRUE(eventually([&] { return hash_of(state(sidecar), "file") != before; }, 30'000))
        << sidecar.log();
  }
  void swap_all(const Sidecar& sidecar, const std::function<void(int)>& after_each) {
    const std::vector<std::string> bad = bad_files();
    for (int number = 1; number <= kSwaps; ++number) {
      const bool by_link = number <= kSwaps / 2;
      if (number % 2 == 0) {
        const std::string running = hash_of(state(sidecar), "running");
        swap(sidecar, bad.at(static_cast<size_t>(number / 2 - 1)), by_link);
        EXPECT_EQ(hash_of(state(sidecar), "running"), running) << "bad file " << number / 2;
        EXPECT_EQ(sidecar.metric("outrigger_config_last_reload_successful"), 0);
        after_each(kBad);
      }
      swap(sidecar, version(number), by_link);
      const std::string said = state(sidecar);
      EXPECT_EQ(hash_of(said, "running"), hash_of(said, "file")) << said;
      after_each(number);
    }
  }
  int connections() const {
    return x_told.origin.connections() + x_grpc->connections() + x_db->connections();
  }

  TempFolder x_folder;
  Told x_told;
  const std::unique_ptr<Origin> x_grpc = Origin::talking(serve_grpc);
  const std::unique_ptr<Origin> x_db = Origin::talking(Told::send_back);
  Mount x_mount{version(0)};
};

TEST_F(Swaps, UnderLoadLoseNoCallAndKeepEveryConnectionAndCount) {
  const Sidecar sidecar("", {.path = x_mount.path().string()});
  Held held(sidecar.address(), sidecar.address("tcp"));
  held.go_on(0);
  Tally tally;
  std::atomic<bool> is_over{false};
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    for (const auto call : {call_by_http1, call_by_http2}) {
      callers.emplace_back(call, sidecar.address(), std::ref(tally), std::cref(is_over));
    }
  }
  EXPECT_TRUE(eventually([&] { return tally.count() >= 20 * kCallers; }, 30'000)) << tally.words();
  const int connected = connections();
  swap_all(sidecar, [&](int version) {
    const int calls = tally.count();
    held.go_on(version);
    EXPECT_TRUE(eventually([&] { return tally.count() >= calls + 2 * kCallers; })) << version;
  });
  is_over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(tally.words(), "");
  EXPECT_EQ(connections(), connected);
  // The WebSocket is a call too, which has not ended.
  const std::string calls = std::to_string(tally.count());
  EXPECT_EQ(sidecar.metric("outrigger_requests_total", {"service=\"orders\""}), tally.count());
  EXPECT_EQ(sidecar.metric("outrigger_retries_total"), 0);
  const std::string circuit = sidecar.admin("GET", "/api/v1/circuits/orders").body;
  EXPECT_NE(circuit.find("\"total\":" + std::to_string(tally.count() + 1) + ",\"failed\":0"),
            std::string::npos)
      << calls << circuit;
}

}  // namespace
}  // namespace outrigger::testing
