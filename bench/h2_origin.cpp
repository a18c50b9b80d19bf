// The origin of the HTTP/2 benchmarks: one thread, epoll, h2c with prior knowledge. Whatever is
// called, it answers as gRPC does: a head, 1 kB, and trailers with status 0. It does not look at
// what is asked.
//
//   bench_h2_origin PORT
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <unordered_map>
#include <utility>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/h2_frames.hpp"

namespace {

using namespace bench;

constexpr int64_t kBodyBytes = 1024;

// The bytes of an answer, but for the stream's id.
class Answer {
 public:
  Answer() {
    Blocks blocks(5);
    blocks.add(":status", "200");
    blocks.add("content-type", "application/grpc");
    blocks.add("grpc-accept-encoding", "gzip");
    blocks.add("server", "origin");
    const Blocks::Block head = blocks.take();
    blocks.add("grpc-status", "0");
    const Blocks::Block trailers = blocks.take();
    x_first = text(head.first, trailers.first);
    x_later = text(head.later, trailers.later);
  }

  void write(std::string& to, bool first, uint32_t id) const {
    const Text& from = first ? x_first : x_later;
    const std::size_t at = to.size();
    to += from.bytes;
    for (const std::size_t offset : from.frames_at) write_u32(&to[at + id_offset(offset)], id);
  }

 private:
  struct Text {
    std::string bytes;
    std::array<std::size_t, 3> frames_at{};
  };

  static Text text(std::string_view head, std::string_view trailers) {
    const std::string message = std::string("\0\0\0\x03\xfb", 5) + std::string(kBodyBytes - 5, 'x');
    Text made;
    made.bytes = to_bytes({kHeaders, kEndHeaders, 0, head});
    made.frames_at[1] = made.bytes.size();
    made.bytes += to_bytes({kData, 0, 0, message});
    made.frames_at[2] = made.bytes.size();
    made.bytes += to_bytes({kHeaders, kEndHeaders | kEndStream, 0, trailers});
    return made;
  }

  Text x_first;
  Text x_later;
};

struct Connection {
  int fd = -1;
  std::size_t preface_left = kPreface.size();
  FrameReader reader;
  std::string out;
  std::size_t sent = 0;    // of `out`
  int64_t window = 65535;  // of the connection
  uint64_t received = 0;   // of bodies since the window was refilled
  std::deque<uint32_t> unanswered;
  bool has_answered = false;
  bool waits_for_room = false;
};

class Origin {
 public:
  explicit Origin(uint16_t port);
  void run();

 private:
  void accept_all();
  bool on_ready(Connection& connection);
  void on_frame(Connection& connection, const Frame& frame) const;
  void answer(Connection& connection) const;
  bool send_output(Connection& connection) const;
  void watch(int operation, int fd, uint32_t events) const;

  int x_epoll = epoll_create1(0);
  int x_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  std::unordered_map<int, std::unique_ptr<Connection>> x_connections;
  const Answer x_answer;
  std::array<char, 256 * 1024> x_scratch;
};

Origin::Origin(uint16_t port) {
  const int on = 1;
  setsockopt(x_listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(x_listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(x_listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(x_listener, 4096) != 0) {
    std::perror("bench_h2_origin");
    std::exit(1);
  }
  watch(EPOLL_CTL_ADD, x_listener, EPOLLIN);
}

void Origin::run() {
  std::array<epoll_event, 256> events;
  for (;;) {
    const int count = epoll_wait(x_epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == x_listener) {
        accept_all();
      } else if (!on_ready(*x_connections[fd])) {
        close(fd);
        x_connections.erase(fd);
      }
    }
  }
}

void Origin::accept_all() {
  for (;;) {
    const int fd = accept4(x_listener, nullptr, nullptr, SOCK_NONBLOCK);
    if (fd < 0) return;
    auto connection = std::make_unique<Connection>();
    connection->fd = fd;
    connection->out = opening();
    x_connections[fd] = std::move(connection);
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

// False when the connection is over. Reads no further while it waits for room.
bool Origin::on_ready(Connection& connection) {
  if (connection.waits_for_room) return send_output(connection);
  const ssize_t got = recv(connection.fd, x_scratch.data(), x_scratch.size(), 0);
  if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
  std::string_view bytes(x_scratch.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
  const std::size_t preface = std::min(connection.preface_left, bytes.size());
  connection.preface_left -= preface;
  connection.reader.read(bytes.substr(preface),
                         [&](const Frame& frame) { on_frame(connection, frame); });
  answer(connection);
  return send_output(connection);
}

void Origin::on_frame(Connection& connection, const Frame& frame) const {
  switch (frame.type) {
    case kData:
      connection.received += frame.payload.size();
      [[fallthrough]];
    case kHeaders:
      if ((frame.flags & kEndStream) != 0) connection.unanswered.push_back(frame.id);
      return;
    case kWindowUpdate:
      if (frame.id == 0) connection.window += read_u32(frame.payload.data());
      return;
    case kSettings:
    case kPing:
      if ((frame.flags & kAck) != 0) return;
      connection.out +=
          to_bytes({frame.type, kAck, 0, frame.type == kPing ? frame.payload : std::string_view()});
      return;
    default:
      return;
  }
}

// Streams have room for one answer; the connection perhaps not.
void Origin::answer(Connection& connection) const {
  constexpr uint64_t kRefill = 1 << 30;
  if (connection.received >= kRefill) {
    connection.out += to_bytes({kWindowUpdate, 0, 0, u32(kRefill)});
    connection.received -= kRefill;
  }
  while (!connection.unanswered.empty() && connection.window >= kBodyBytes) {
    const bool first = !std::exchange(connection.has_answered, true);
    x_answer.write(connection.out, first, connection.unanswered.front());
    connection.unanswered.pop_front();
    connection.window -= kBodyBytes;
  }
}

bool Origin::send_output(Connection& connection) const {
  const std::string_view rest = std::string_view(connection.out).substr(connection.sent);
  if (!rest.empty()) {
    const ssize_t sent = send(connection.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) connection.sent += static_cast<std::size_t>(sent);
  }
  const bool waits = connection.sent < connection.out.size();
  if (!waits) {
    connection.out.clear();
    connection.sent = 0;
  }
  if (waits != connection.waits_for_room) {
    connection.waits_for_room = waits;
    watch(EPOLL_CTL_MOD, connection.fd, waits ? EPOLLOUT : EPOLLIN);
  }
  return true;
}

void Origin::watch(int operation, int fd, uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(x_epoll, operation, fd, &event);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: bench_h2_origin PORT\n", stderr);
    return 2;
  }
  Origin(static_cast<uint16_t>(std::strtoul(argv[1], nullptr, 10))).run();
}
