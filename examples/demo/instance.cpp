// One instance of a small service, for the demo: a thread for each connection, keep-alive, an
// answer that says who gave it. It reads requests without a body and nothing else of HTTP.
//
//   demo_instance NAME PORT [WORK_MS]     works so long on each call, like a service that does
//   something
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct Instance {
  std::string name;
  std::chrono::milliseconds work;
};

std::string target_of(std::string_view head) {
  const std::size_t begin = head.find(' ') + 1;
  return std::string(head.substr(begin, head.find(' ', begin) - begin));
}

std::string answer(const Instance& instance, std::string_view head) {
  const std::string body =
      "{\"answered_by\": \"" + instance.name + "\", \"target\": \"" + target_of(head) + "\"}\n";
  return "HTTP/1.1 200 OK\r\n"
         "Content-Type: application/json\r\n"
         "Content-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void serve(const Instance& instance, int fd) {
  std::string input;
  std::array<char, 16384> scratch;
  for (;;) {
    const std::size_t end = input.find("\r\n\r\n");
    if (end == std::string::npos) {
      const ssize_t got = recv(fd, scratch.data(), scratch.size(), 0);
      if (got <= 0) break;
      input.append(scratch.data(), static_cast<std::size_t>(got));
      continue;
    }
    std::this_thread::sleep_for(instance.work);
    if (!send_all(fd, answer(instance, input))) break;
    input.erase(0, end + 4);
  }
  close(fd);
}

int listen_on(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 1024) != 0) {
    std::perror("demo_instance");
    std::exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: demo_instance NAME PORT [WORK_MS]\n", stderr);
    return 2;
  }
  const Instance instance{argv[1], std::chrono::milliseconds(argc > 3 ? std::atoi(argv[3]) : 0)};
  const int listener = listen_on(static_cast<uint16_t>(std::strtoul(argv[2], nullptr, 10)));
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) std::thread(serve, std::cref(instance), fd).detach();
  }
}
