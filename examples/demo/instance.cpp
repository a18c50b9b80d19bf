// One instance of a small service, for the demo: a thread for each connection, keep-alive, an
// answer that says who gave it. It reads requests without a body and nothing else of HTTP.
//
//   demo_instance NAME [ADDRESS:]PORT [WORK_MS]     works so long on each call, like a service that
//                                                   does something; ADDRESS: 127.0.0.1
//   demo_instance NAME [ADDRESS:]PORT echo          no HTTP: it speaks first, then sends back what
//                                                   it hears
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
  bool echoes;
};

sockaddr_in address_of(const std::string& text) {
  const std::size_t colon = text.find(':');
  const bool is_port = colon == std::string::npos;
  const std::string ip = is_port ? "127.0.0.1" : text.substr(0, colon);
  const std::string port = is_port ? text : text.substr(colon + 1);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::strtoul(port.c_str(), nullptr, 10)));
  if (inet_pton(AF_INET, ip.c_str(), &address.sin_addr) != 1) {
    std::fprintf(stderr, "demo_instance: %s is no IPv4 address\n", ip.c_str());
    std::exit(2);
  }
  return address;
}

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

void serve_http(const Instance& instance, int fd) {
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
}

void serve_echo(const Instance& instance, int fd) {
  std::array<char, 16384> heard;
  ssize_t got = 0;
  bool is_open = send_all(fd, instance.name + " speaks first\n");
  while (is_open && (got = recv(fd, heard.data(), heard.size(), 0)) > 0) {
    is_open = send_all(fd, {heard.data(), static_cast<std::size_t>(got)});
  }
}

void serve(const Instance& instance, int fd) {
  instance.echoes ? serve_echo(instance, fd) : serve_http(instance, fd);
  close(fd);
}

int listen_on(const sockaddr_in& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(fd, 1024) != 0) {
    std::perror("demo_instance");
    std::exit(1);
  }
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: demo_instance NAME [ADDRESS:]PORT [WORK_MS | echo]\n", stderr);
    return 2;
  }
  const std::string kind = argc > 3 ? argv[3] : "0";
  const Instance instance{argv[1], std::chrono::milliseconds(std::atoi(kind.c_str())),
                          kind == "echo"};
  const int listener = listen_on(address_of(argv[2]));
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd >= 0) std::thread(serve, std::cref(instance), fd).detach();
  }
}
