#include "tests/support/process/origin.hpp"

#include <cstdlib>

#include <netinet/in.h>
#include <sys/socket.h>

#include "proxy/base/assert.hpp"

namespace outrigger::testing {

Origin::Origin(Script script, Talk talk, std::string_view address)
    : x_script(std::move(script)), x_talk(std::move(talk)) {
  const auto wanted = Address::parse(address);
  OUTRIGGER_ASSERT(wanted);
  sockaddr_storage at{};
  socklen_t length = wanted->to_sockaddr(at);
  x_listener = io::Fd(::socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (wanted->kind() == Address::Kind::kIpv6) {
    ::setsockopt(x_listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  OUTRIGGER_ASSERT(::bind(x_listener.get(), reinterpret_cast<const sockaddr*>(&at), length) == 0);
  length = sizeof at;
  ::getsockname(x_listener.get(), reinterpret_cast<sockaddr*>(&at), &length);
  x_address = Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&at));
  ::listen(x_listener.get(), 1024);
  x_accepting = std::thread([this] { accept_all(); });
}

Origin::~Origin() {
  ::shutdown(x_listener.get(), SHUT_RDWR);
  x_accepting.join();
  {
    const std::lock_guard lock(x_mutex);
    for (const auto& wire : x_wires) ::shutdown(wire->fd(), SHUT_RDWR);
  }
  for (std::thread& thread : x_threads) thread.join();
}

void Origin::accept_all() {
  for (int number = 0;; ++number) {
    io::Fd fd(::accept4(x_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd.is_open()) return;
    const std::lock_guard lock(x_mutex);
    Wire& wire = *x_wires.emplace_back(std::make_unique<Wire>(std::move(fd)));
    x_threads.emplace_back([this, &wire, number] { serve(wire, number); });
  }
}

void Origin::serve(Wire& wire, int number) {
  if (x_talk) {
    x_talk(wire);
  } else {
    for (;;) {
      Request request;
      request.connection = number;
      if (!read_request(wire, request)) break;
      {
        const std::lock_guard lock(x_mutex);
        x_requests.push_back(request);
      }
      if (!x_script(request, wire)) break;
    }
  }
  const std::lock_guard lock(x_mutex);
  wire.close();
}

bool Origin::read_request(Wire& wire, Request& request) {
  if (!wire.read_line(request.line) || !wire.read_fields(request.fields)) return false;
  if (request.field("expect") == "100-continue") wire.send("HTTP/1.1 100 Continue\r\n\r\n");
  if (request.field("transfer-encoding") == "chunked") return wire.read_chunks(request.body);
  const std::string length = request.field("content-length");
  return wire.read_exactly(std::strtoul(length.c_str(), nullptr, 10), request.body);
}

Origin::Script Origin::answer(std::string body) {
  return [body = std::move(body)](const Request& request, Wire& wire) {
    std::string bytes = response(body);
    if (request.line.starts_with("HEAD ")) bytes.resize(bytes.size() - body.size());
    return wire.send(bytes);
  };
}

std::string Origin::response(std::string_view body, std::string_view fields) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(fields) + "\r\n" + std::string(body);
}

std::vector<Request> Origin::requests() const {
  const std::lock_guard lock(x_mutex);
  return x_requests;
}

size_t Origin::hits() const {
  const std::lock_guard lock(x_mutex);
  return x_requests.size();
}

int Origin::connections() const {
  const std::lock_guard lock(x_mutex);
  return static_cast<int>(x_wires.size());
}

}  // namespace outrigger::testing
