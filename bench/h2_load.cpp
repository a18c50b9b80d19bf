// The load generator of the HTTP/2 benchmarks: one thread, epoll, h2c with prior knowledge, calls
// that look like gRPC: POST with 8 fields and 100 bytes, answered by 1 kB and trailers. Closed
// loop: every connection always has so many streams open. Prints one line of JSON.
//
//   bench_h2_load --port P [--connections N] [--streams N] (--seconds S | --requests N)
//   bench_h2_load --port P --connections N --idle   one call on each, then holds them until stdin
//   ends
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/h2_frames.hpp"

namespace {

using namespace bench;

constexpr std::size_t kAnswerBytes = 1024;
constexpr uint64_t kRefill = 1 << 30;

struct Options {
  uint16_t port = 0;
  std::size_t connections = 8;
  std::size_t streams = 16;
  double seconds = 0;
  uint64_t requests = UINT64_MAX;
  bool idle = false;
};

// The bytes of a request, but for the stream's id and the numbers that make each one another.
class Request {
 public:
  Request() {
    constexpr std::string_view kTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b71########-01";
    constexpr std::string_view kId = "7f1d2b0c-90cf-4a2c-b9a5-4a6f########";
    Blocks blocks(10);
    blocks.add(":method", "POST");
    blocks.add(":scheme", "http");
    blocks.add(":path", "/orders.v1.Orders/Get");
    blocks.add(":authority", "origin.test");
    blocks.add("content-type", "application/grpc");
    blocks.add("te", "trailers");
    blocks.add("user-agent", "grpc-go/1.83.0");
    blocks.add("grpc-accept-encoding", "gzip");
    blocks.add("grpc-timeout", "5S");
    blocks.add("authorization",
               "Bearer eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9."
               "eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6Im9yZGVycyIsImlhdCI6MTUxNjIzOTAyMn0."
               "NHVaYe26MbtOYh");
    blocks.add_changing("traceparent", kTrace);
    blocks.add_changing("x-request-id", kId);
    const Blocks::Block block = blocks.take();
    x_first = text(block.first);
    x_later = text(block.later);
  }

  void write(std::string& to, bool first, uint32_t id, uint32_t number) const {
    const Text& from = first ? x_first : x_later;
    const std::size_t at = to.size();
    to += from.bytes;
    write_u32(&to[at + id_offset(0)], id);
    write_u32(&to[at + id_offset(from.data_at)], id);
    for (const std::size_t offset : from.numbers_at) {
      for (std::size_t i = 0; i < 8; ++i)
        to[at + offset + i] = "0123456789abcdef"[number >> i * 4 & 15];
    }
  }

 private:
  struct Text {
    std::string bytes;
    std::size_t data_at;
    std::array<std::size_t, 2> numbers_at;
  };

  static Text text(std::string_view block) {
    const std::string message = std::string("\0\0\0\0\x5f", 5) + std::string(95, 'x');
    Text made;
    made.bytes = to_bytes({kHeaders, kEndHeaders, 0, block});
    made.data_at = made.bytes.size();
    made.bytes += to_bytes({kData, kEndStream, 0, message});
    made.numbers_at = {made.bytes.find("########"), made.bytes.rfind("########")};
    return made;
  }

  Text x_first;
  Text x_later;
};

struct Connection {
  int fd = -1;
  uint32_t next_id = 1;
  uint64_t received = 0;  // of bodies since the window was refilled
  std::string out;
  FrameReader reader;
};

class Load {
 public:
  explicit Load(const Options& options)
      : x_options(options), x_connections(options.connections), x_scratch(256 * 1024) {}

  void run();
  void hold_idle();
  void print() const;

 private:
  void open(Connection& connection) const;
  void begin(Connection& connection);
  void read_some(Connection& connection, int flags);
  void on_frame(Connection& connection, const Frame& frame);
  void flush(Connection& connection);
  bool is_over() const;

  const Options& x_options;
  const Request x_request;
  std::vector<Connection> x_connections;
  std::vector<char> x_scratch;
  int x_epoll = epoll_create1(0);
  std::chrono::steady_clock::time_point x_started;
  double x_took_s = 0;
  uint64_t x_begun = 0;
  uint64_t x_done = 0;
  uint64_t x_errors = 0;
  uint64_t x_body_bytes = 0;
};

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "bench_h2_load: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

void Load::run() {
  for (Connection& connection : x_connections) open(connection);
  x_started = std::chrono::steady_clock::now();
  for (Connection& connection : x_connections) {
    for (std::size_t i = 0; i < x_options.streams; ++i) begin(connection);
    flush(connection);
  }
  std::array<epoll_event, 256> events;
  while (!is_over()) {
    const int count = epoll_wait(x_epoll, events.data(), events.size(), 100);
    for (int i = 0; i < count; ++i) {
      void* const connection = events[static_cast<std::size_t>(i)].data.ptr;
      read_some(*static_cast<Connection*>(connection), MSG_DONTWAIT);
    }
    x_took_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - x_started).count();
  }
}

bool Load::is_over() const {
  if (x_done + x_errors >= x_options.requests || x_errors > 1000) return true;
  return x_options.seconds > 0 && x_took_s >= x_options.seconds;
}

void Load::open(Connection& connection) const {
  connection.fd = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(x_options.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(connection.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    give_up("connect");
  }
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = &connection;
  epoll_ctl(x_epoll, EPOLL_CTL_ADD, connection.fd, &event);
  connection.out = std::string(kPreface) + opening();
}

void Load::begin(Connection& connection) {
  if (x_begun >= x_options.requests) return;
  const uint32_t id = std::exchange(connection.next_id, connection.next_id + 2);
  x_request.write(connection.out, id == 1, id, static_cast<uint32_t>(x_begun++));
}

void Load::read_some(Connection& connection, int flags) {
  const ssize_t got = recv(connection.fd, x_scratch.data(), x_scratch.size(), flags);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) give_up("the connection ended");
  connection.reader.read({x_scratch.data(), static_cast<std::size_t>(got)},
                         [&](const Frame& frame) { on_frame(connection, frame); });
  flush(connection);
}

void Load::on_frame(Connection& connection, const Frame& frame) {
  switch (frame.type) {
    case kData:
      x_body_bytes += frame.payload.size();
      connection.received += frame.payload.size();
      if (connection.received >= kRefill) {
        connection.out += to_bytes({kWindowUpdate, 0, 0, u32(kRefill)});
        connection.received -= kRefill;
      }
      [[fallthrough]];
    case kHeaders:
      if ((frame.flags & kEndStream) == 0) return;
      ++x_done;
      return begin(connection);
    case kRstStream:
      ++x_errors;
      return begin(connection);
    case kSettings:
    case kPing:
      if ((frame.flags & kAck) != 0) return;
      connection.out +=
          to_bytes({frame.type, kAck, 0, frame.type == kPing ? frame.payload : std::string_view()});
      return;
    case kGoaway:
      errno = 0;
      give_up("GOAWAY");
    default:
      return;
  }
}

// Requests are small, and only so many are open: the socket takes them all.
void Load::flush(Connection& connection) {
  if (connection.out.empty()) return;
  const ssize_t sent =
      send(connection.fd, connection.out.data(), connection.out.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(connection.out.size())) give_up("send");
  connection.out.clear();
}

void Load::hold_idle() {
  for (Connection& connection : x_connections) {
    open(connection);
    begin(connection);
    flush(connection);
    for (const uint64_t answered = x_done; x_done == answered;) read_some(connection, 0);
  }
  std::puts("ready");
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

// An answer without its body is none.
void Load::print() const {
  const uint64_t whole = std::min(x_done, x_body_bytes / kAnswerBytes);
  std::printf("{\"requests\": %lu, \"errors\": %lu, \"seconds\": %.3f}\n", x_done,
              x_errors + x_done - whole, x_took_s);
}

bool read_option(Options& options, std::string_view name, const char* value) {
  if (name == "--port") {
    options.port = static_cast<uint16_t>(std::strtoul(value, nullptr, 10));
  } else if (name == "--connections") {
    options.connections = std::strtoul(value, nullptr, 10);
  } else if (name == "--streams") {
    options.streams = std::strtoul(value, nullptr, 10);
  } else if (name == "--seconds") {
    options.seconds = std::strtod(value, nullptr);
  } else if (name == "--requests") {
    options.requests = std::strtoull(value, nullptr, 10);
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
    } else if (i + 1 == argc || !read_option(options, argv[i], argv[i + 1])) {
      std::fprintf(stderr, "bench_h2_load: what is %s?\n", argv[i]);
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
