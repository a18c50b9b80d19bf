// The load generator of the benchmarks: one thread, epoll, HTTP/1.1 keep-alive, GET with nine
// header fields, in clear or over TLS. Prints one line of JSON. Closed loop: every connection
// always has one request under way. Open loop (--rate): requests begin by the clock, and latency
// counts from when one was due, so that a slow proxy cannot hide behind a generator that waits for
// it.
//
//   bench_load --port P [--path /1k] [--connections N] (--seconds S | --requests N)
//              [--rate R] [--warmup S]     latencies of the first S seconds are not kept
//              [--tls] [--reconnect]       a connection for each request; over TLS a full handshake
//   bench_load --port P --connections N --idle   one request on each, then holds them until stdin
//   ends
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench/socket.hpp"

namespace {

struct Options {
  uint16_t port = 0;
  std::string path = "/1k";
  std::size_t connections = 64;
  double seconds = 0;
  uint64_t requests = UINT64_MAX;
  double rate = 0;
  double warmup_seconds = 0;
  bool idle = false;
  bool tls = false;
  bool reconnect = false;
};

int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

std::string request_text(const Options& options) {
  return "GET " + options.path +
         " HTTP/1.1\r\n"
         "Host: origin.test\r\n"
         "User-Agent: orders-service/4.11.2 (linux; x86_64)\r\n"
         "Accept: application/json, text/plain, */*\r\n"
         "Accept-Encoding: gzip, deflate, br\r\n"
         "Accept-Language: en-GB,en;q=0.9\r\n"
         "Authorization: Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9."
         "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6Im9yZGVycyIsImlhdCI6MTUxNjIzOTAyMn0."
         "NHVaYe26MbtOYh\r\n"
         "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
         "X-Request-Id: 7f1d2b0c-90cf-4a2c-b9a5-4a6f7c1c7f0e\r\n"
         "Cookie: session=9f86d081884c7d659a2feaa0c55ad015; region=eu-west-1\r\n"
         "\r\n";
}

int connect_to(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  std::perror("bench_load: connect");
  std::exit(1);
}

// It takes whatever certificate is shown: what that costs is not the proxy's.
bench::Socket connect_over_tls(uint16_t port) {
  static SSL_CTX* const context = bench::tls_context(TLS_client_method());
  constexpr std::array<unsigned char, 9> kAlpn = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  SSL* const tls = SSL_new(context);
  SSL_set_connect_state(tls);
  SSL_set_tlsext_host_name(tls, "origin.test");
  SSL_set_alpn_protos(tls, kAlpn.data(), kAlpn.size());
  const int fd = connect_to(port);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  return bench::Socket(fd, tls);
}

// Where a response stands. Only Content-Length framing: that is what the origin sends.
class Response {
 public:
  enum class State : uint8_t { kPartial, kComplete, kBroken };

  State take(std::string_view bytes) {
    if (!x_in_body) {
      x_head.append(bytes);
      const std::size_t end = x_head.find("\r\n\r\n");
      if (end == std::string::npos) return State::kPartial;
      if (!read_head(end)) return State::kBroken;
      bytes = bytes.substr(bytes.size() - (x_head.size() - end - 4));
      x_head.clear();
      x_in_body = true;
    }
    if (bytes.size() > x_left) return State::kBroken;
    x_left -= bytes.size();
    if (x_left > 0) return State::kPartial;
    x_in_body = false;
    return State::kComplete;
  }

 private:
  bool read_head(std::size_t end) {
    if (!x_head.starts_with("HTTP/1.1 200")) return false;
    for (std::size_t at = 0; at < end; at = x_head.find("\r\n", at) + 2) {
      constexpr std::string_view kName = "content-length:";
      if (strncasecmp(x_head.data() + at, kName.data(), kName.size()) != 0) continue;
      x_left = std::strtoull(x_head.data() + at + kName.size(), nullptr, 10);
      return true;
    }
    return false;
  }

  std::string x_head;
  uint64_t x_left = 0;
  bool x_in_body = false;
};

struct Connection {
  bench::Socket socket;
  bool busy = false;
  bool shakes_hands = false;  // the request has not gone out yet
  int64_t due_ns = 0;
  Response response;
};

class Load {
 public:
  explicit Load(const Options& options)
      : x_options(options),
        x_request(request_text(options)),
        x_connections(options.connections),
        x_scratch(256 * 1024) {}

  void run();
  void hold_idle();
  void print();

 private:
  void open(Connection& connection);
  void begin(Connection& connection, int64_t due_ns);
  void send_request(Connection& connection);
  bool receive(Connection& connection);
  void on_readable(Connection& connection);
  void on_complete(Connection& connection);
  void on_broken(Connection& connection);
  void start_clock();
  void on_clock();
  void watch(int fd, void* what) const;
  bool is_over() const;

  const Options& x_options;
  std::string x_request;
  std::vector<Connection> x_connections;
  std::vector<Connection*> x_free;  // open loop only
  std::deque<int64_t> x_due;        // open loop: due, but no connection was free
  std::vector<char> x_scratch;
  std::vector<uint32_t> x_latencies_us_tenth;
  int x_epoll = epoll_create1(0);
  int x_timer = -1;
  int64_t x_started_ns = 0;
  int64_t x_ended_ns = 0;
  int64_t x_next_due_ns = 0;
  uint64_t x_begun = 0;
  uint64_t x_done = 0;
  uint64_t x_errors = 0;
};

void Load::run() {
  for (Connection& connection : x_connections) open(connection);
  x_started_ns = now_ns();
  if (x_options.rate > 0) {
    start_clock();
  } else {
    for (Connection& connection : x_connections) begin(connection, x_started_ns);
  }
  std::array<epoll_event, 256> events;
  while (!is_over()) {
    const int count = epoll_wait(x_epoll, events.data(), events.size(), 100);
    for (int i = 0; i < count; ++i) {
      void* what = events[static_cast<std::size_t>(i)].data.ptr;
      if (what == nullptr) {
        on_clock();
      } else {
        on_readable(*static_cast<Connection*>(what));
      }
    }
  }
  x_ended_ns = now_ns();
}

bool Load::is_over() const {
  if (x_done + x_errors >= x_options.requests || x_errors > 1000) return true;
  return x_options.seconds > 0 &&
         static_cast<double>(now_ns() - x_started_ns) >= x_options.seconds * 1e9;
}

void Load::open(Connection& connection) {
  connection = Connection{};
  connection.socket =
      x_options.tls ? connect_over_tls(x_options.port) : bench::Socket(connect_to(x_options.port));
  watch(connection.socket.fd(), &connection);
  if (x_options.rate > 0) x_free.push_back(&connection);
}

void Load::begin(Connection& connection, int64_t due_ns) {
  if (x_begun >= x_options.requests) return;
  ++x_begun;
  connection.busy = true;
  connection.due_ns = due_ns;
  send_request(connection);
}

void Load::send_request(Connection& connection) {
  const ssize_t sent = connection.socket.write(x_request);
  connection.shakes_hands = sent < 0 && errno == EAGAIN;
  if (connection.shakes_hands || sent == static_cast<ssize_t>(x_request.size())) return;
  on_broken(connection);
}

void Load::on_readable(Connection& connection) {
  if (connection.shakes_hands) return send_request(connection);
  while (receive(connection) && connection.socket.has_more()) {
  }
}

// False when nothing came.
bool Load::receive(Connection& connection) {
  const ssize_t got = connection.socket.receive(x_scratch.data(), x_scratch.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return false;
  if (got <= 0 || !connection.busy) {
    on_broken(connection);
    return false;
  }
  switch (connection.response.take({x_scratch.data(), static_cast<std::size_t>(got)})) {
    case Response::State::kPartial:
      break;
    case Response::State::kComplete:
      on_complete(connection);
      break;
    case Response::State::kBroken:
      on_broken(connection);
      break;
  }
  return true;
}

void Load::on_complete(Connection& connection) {
  const int64_t now = now_ns();
  connection.busy = false;
  ++x_done;
  if (static_cast<double>(now - x_started_ns) >= x_options.warmup_seconds * 1e9) {
    x_latencies_us_tenth.push_back(static_cast<uint32_t>((now - connection.due_ns) / 100));
  }
  if (x_options.reconnect) open(connection);
  if (x_options.rate <= 0) {
    begin(connection, now);
  } else if (x_due.empty()) {
    x_free.push_back(&connection);
  } else {
    const int64_t due_ns = x_due.front();
    x_due.pop_front();
    begin(connection, due_ns);
  }
}

void Load::on_broken(Connection& connection) {
  if (connection.busy) ++x_errors;
  std::erase(x_free, &connection);
  open(connection);
  if (x_options.rate <= 0 && !is_over()) begin(connection, now_ns());
}

void Load::start_clock() {
  const auto interval_ns = static_cast<int64_t>(1e9 / x_options.rate);
  x_next_due_ns = x_started_ns + interval_ns;
  x_timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  itimerspec spec{};
  spec.it_interval.tv_sec = interval_ns / 1'000'000'000;
  spec.it_interval.tv_nsec = interval_ns % 1'000'000'000;
  spec.it_value.tv_sec = x_next_due_ns / 1'000'000'000;
  spec.it_value.tv_nsec = x_next_due_ns % 1'000'000'000;
  timerfd_settime(x_timer, TFD_TIMER_ABSTIME, &spec, nullptr);
  watch(x_timer, nullptr);
}

void Load::on_clock() {
  uint64_t ticks = 0;
  if (read(x_timer, &ticks, sizeof ticks) != sizeof ticks) return;
  const auto interval_ns = static_cast<int64_t>(1e9 / x_options.rate);
  for (; ticks > 0; --ticks, x_next_due_ns += interval_ns) {
    if (x_free.empty()) {
      x_due.push_back(x_next_due_ns);
    } else {
      Connection* connection = x_free.back();
      x_free.pop_back();
      begin(*connection, x_next_due_ns);
    }
  }
}

void Load::hold_idle() {
  for (Connection& connection : x_connections) {
    connection.socket = bench::Socket(connect_to(x_options.port));
    if (connection.socket.write(x_request) < 0) std::exit(1);
    auto state = Response::State::kPartial;
    while (state == Response::State::kPartial) {
      const ssize_t got = connection.socket.receive(x_scratch.data(), x_scratch.size(), 0);
      if (got <= 0) std::exit(1);
      state = connection.response.take({x_scratch.data(), static_cast<std::size_t>(got)});
    }
    if (state != Response::State::kComplete) std::exit(1);
  }
  std::puts("ready");
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

void Load::print() {
  auto& sample = x_latencies_us_tenth;
  std::sort(sample.begin(), sample.end());
  const auto at = [&sample](double share) {
    if (sample.empty()) return 0.0;
    return sample[static_cast<std::size_t>(share * static_cast<double>(sample.size() - 1))] / 10.0;
  };
  std::printf(
      "{\"requests\": %lu, \"errors\": %lu, \"seconds\": %.3f, "
      "\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f}\n",
      x_done, x_errors, static_cast<double>(x_ended_ns - x_started_ns) / 1e9, at(0.5), at(0.9),
      at(0.99), at(1));
}

void Load::watch(int fd, void* what) const {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = what;
  epoll_ctl(x_epoll, EPOLL_CTL_ADD, fd, &event);
}

bool read_option(Options& options, std::string_view name, const char* value) {
  if (name == "--port") {
    options.port = static_cast<uint16_t>(std::strtoul(value, nullptr, 10));
  } else if (name == "--path") {
    options.path = value;
  } else if (name == "--connections") {
    options.connections = std::strtoul(value, nullptr, 10);
  } else if (name == "--seconds") {
    options.seconds = std::strtod(value, nullptr);
  } else if (name == "--requests") {
    options.requests = std::strtoull(value, nullptr, 10);
  } else if (name == "--rate") {
    options.rate = std::strtod(value, nullptr);
  } else if (name == "--warmup") {
    options.warmup_seconds = std::strtod(value, nullptr);
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--idle") == 0) {
      options.idle = true;
    } else if (std::strcmp(argv[i], "--tls") == 0) {
      options.tls = true;
    } else if (std::strcmp(argv[i], "--reconnect") == 0) {
      options.reconnect = true;
    } else if (i + 1 == argc || !read_option(options, argv[i], argv[i + 1])) {
      std::fprintf(stderr, "bench_load: what is %s?\n", argv[i]);
      return 2;
    } else {
      ++i;
    }
  }
  Load load(options);
  if (options.idle) {
    load.hold_idle();
    return 0;
  }
  load.run();
  load.print();
}
