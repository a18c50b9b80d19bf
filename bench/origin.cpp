// The origin of the benchmarks: one thread, epoll, keep-alive, canned answers by path (/1k, /1m).
// It reads requests without a body and nothing else of HTTP. With a certificate it speaks TLS.
//
//   bench_origin PORT [CERTIFICATE_FILE KEY_FILE]
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/socket.hpp"

namespace {

std::string response(std::size_t body_bytes) {
  return "HTTP/1.1 200 OK\r\n"
         "Date: Tue, 24 Nov 2026 05:00:00 GMT\r\n"
         "Content-Type: application/json; charset=utf-8\r\n"
         "Content-Length: " +
         std::to_string(body_bytes) +
         "\r\n"
         "Cache-Control: private, max-age=0\r\n"
         "ETag: W/\"3f80f-1b6-3e1cb03b\"\r\n"
         "Vary: Accept-Encoding\r\n"
         "X-Request-Id: 7f1d2b0c-90cf-4a2c-b9a5-4a6f7c1c7f0e\r\n"
         "Server: origin\r\n"
         "\r\n" +
         std::string(body_bytes, 'x');
}

struct Connection {
  bench::Socket socket;
  std::string input;
  std::string_view output;  // what is left of the answer under way
  bool waits_for_room = false;
};

class Origin {
 public:
  // `tls` is null: in clear.
  Origin(uint16_t port, SSL_CTX* tls);
  void run();

 private:
  void accept_all();
  bool on_ready(Connection& connection);
  bool receive(Connection& connection);
  bool send_output(Connection& connection);
  std::string_view answer_to(std::string_view request) const;
  void watch(int operation, int fd, uint32_t events) const;

  SSL_CTX* x_tls;
  int x_epoll = epoll_create1(0);
  int x_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  std::unordered_map<int, std::unique_ptr<Connection>> x_connections;
  std::string x_small = response(1024);
  std::string x_large = response(1024 * 1024);
  std::string x_unknown = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  std::array<char, 65536> x_scratch;
};

Origin::Origin(uint16_t port, SSL_CTX* tls) : x_tls(tls) {
  const int on = 1;
  setsockopt(x_listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(x_listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(x_listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(x_listener, 4096) != 0) {
    std::perror("bench_origin");
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
    SSL* const tls = x_tls == nullptr ? nullptr : SSL_new(x_tls);
    if (tls != nullptr) SSL_set_accept_state(tls);
    connection->socket = bench::Socket(fd, tls);
    x_connections[fd] = std::move(connection);
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

// False when the connection is over.
bool Origin::on_ready(Connection& connection) {
  if (!connection.output.empty()) return send_output(connection);
  while (receive(connection)) {
    if (!connection.socket.has_more()) return send_output(connection);
  }
  return false;
}

bool Origin::receive(Connection& connection) {
  const ssize_t got = connection.socket.receive(x_scratch.data(), x_scratch.size(), 0);
  if (got > 0) connection.input.append(x_scratch.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && errno == EAGAIN);
}

// Writes answers as long as there are requests and room; reads no further while it waits for room.
bool Origin::send_output(Connection& connection) {
  for (;;) {
    if (connection.output.empty()) {
      const std::size_t end = connection.input.find("\r\n\r\n");
      if (end == std::string::npos) break;
      connection.output = answer_to(connection.input);
      connection.input.erase(0, end + 4);
    }
    const ssize_t sent = connection.socket.write(connection.output);
    if (sent < 0 && errno != EAGAIN) return false;
    if (sent > 0) connection.output.remove_prefix(static_cast<std::size_t>(sent));
    if (!connection.output.empty()) break;
  }
  const bool waits = !connection.output.empty();
  if (waits != connection.waits_for_room) {
    connection.waits_for_room = waits;
    watch(EPOLL_CTL_MOD, connection.socket.fd(), waits ? EPOLLOUT : EPOLLIN);
  }
  return true;
}

std::string_view Origin::answer_to(std::string_view request) const {
  if (request.starts_with("GET /1k ")) return x_small;
  if (request.starts_with("GET /1m ")) return x_large;
  return x_unknown;
}

void Origin::watch(int operation, int fd, uint32_t events) const {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  epoll_ctl(x_epoll, operation, fd, &event);
}

SSL_CTX* context_of(const char* certificate_file, const char* key_file) {
  SSL_CTX* const context = bench::tls_context(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context, certificate_file) == 1 &&
      SSL_CTX_use_PrivateKey_file(context, key_file, SSL_FILETYPE_PEM) == 1) {
    return context;
  }
  std::fprintf(stderr, "bench_origin: %s or %s cannot be used\n", certificate_file, key_file);
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 && argc != 4) {
    std::fputs("usage: bench_origin PORT [CERTIFICATE_FILE KEY_FILE]\n", stderr);
    return 2;
  }
  const auto port = static_cast<uint16_t>(std::strtoul(argv[1], nullptr, 10));
  Origin(port, argc == 4 ? context_of(argv[2], argv[3]) : nullptr).run();
}
