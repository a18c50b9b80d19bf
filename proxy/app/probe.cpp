#include "proxy/app/probe.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <sys/socket.h>
#include <sys/time.h>

#include "proxy/app/command_line.hpp"
#include "proxy/base/address.hpp"
#include "proxy/io/fd.hpp"

namespace outrigger::app {
namespace {

// The status line of GET `path`, or a sentence.
Result<std::string> ask(const Address& address, const std::string& path) {
  sockaddr_storage to{};
  const socklen_t length = address.to_sockaddr(to);
  const io::Fd fd(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval second{1, 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), length) != 0) {
    return failure("cannot connect to " + address.to_string() + ": " + std::strerror(errno));
  }
  const std::string request =
      "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
  if (::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) < 0) {
    return failure(std::string("cannot ask: ") + std::strerror(errno));
  }
  std::string answer;
  std::array<char, 512> piece;
  while (answer.find("\r\n") == std::string::npos) {
    const ssize_t got = ::recv(fd.get(), piece.data(), piece.size(), 0);
    if (got <= 0) return failure(std::string("no answer within a second"));
    answer.append(piece.data(), static_cast<size_t>(got));
  }
  return answer.substr(0, answer.find("\r\n"));
}

}  // namespace

int probe(const ProbeTarget& target) {
  const auto address = Address::parse(target.address);
  if (!address) {
    std::fprintf(stderr, "--address: %s\n", address.error().c_str());
    return kExitBadInput;
  }
  const auto status = ask(*address, target.what == "startup" ? "/startupz" : "/readyz");
  if (!status) {
    std::fprintf(stderr, "%s\n", status.error().c_str());
    return kExitFailed;
  }
  if (status->starts_with("HTTP/1.1 200 ")) return kExitOk;
  std::fprintf(stderr, "not %s: %s\n", target.what.c_str(), status->c_str());
  return kExitFailed;
}

}  // namespace outrigger::app
