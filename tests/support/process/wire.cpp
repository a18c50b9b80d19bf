#include "tests/support/process/wire.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

namespace outrigger::testing {
namespace {

std::string lower(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

}  // namespace

std::string field_of(const FieldList& fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(),
                                  [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? std::string() : found->second;
}

Wire::Wire(io::Fd fd) : x_fd(std::move(fd)) {
  if (!is_open()) return;
  const timeval limit{kLimitMs / 1000, 0};
  ::setsockopt(x_fd.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int on = 1;
  ::setsockopt(x_fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(x_fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

bool Wire::fill() {
  pollfd wanted{x_fd.get(), POLLIN, 0};
  x_timed_out = ::poll(&wanted, 1, kLimitMs) == 0;
  if (x_timed_out) return false;
  std::array<char, 65536> piece;
  const ssize_t got = ::recv(x_fd.get(), piece.data(), piece.size(), 0);
  if (got <= 0) return false;
  x_ahead.append(piece.data(), static_cast<size_t>(got));
  return true;
}

bool Wire::read_line(std::string& line) {
  size_t searched = 0;
  for (;;) {
    const size_t end = x_ahead.find('\n', searched);
    if (end != std::string::npos) {
      line = x_ahead.substr(0, end);
      if (line.ends_with('\r')) line.pop_back();
      x_ahead.erase(0, end + 1);
      return true;
    }
    searched = x_ahead.size();
    if (!fill()) return false;
  }
}

bool Wire::read_fields(FieldList& fields) {
  std::string line;
  while (read_line(line)) {
    if (line.empty()) return true;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) return false;
    const size_t value = line.find_first_not_of(' ', colon + 1);
    fields.emplace_back(lower(line.substr(0, colon)),
                        value == std::string::npos ? std::string() : line.substr(value));
  }
  return false;
}

bool Wire::read_exactly(size_t count, std::string& into) {
  const size_t wanted = into.size() + count;
  into += std::exchange(x_ahead, {});
  while (into.size() < wanted && fill()) into += std::exchange(x_ahead, {});
  if (into.size() < wanted) return false;
  x_ahead = into.substr(wanted);
  into.resize(wanted);
  return true;
}

bool Wire::read_chunks(std::string& into) {
  for (std::string line; read_line(line);) {
    const size_t size = std::strtoul(line.c_str(), nullptr, 16);
    if (size == 0) {
      FieldList trailers;
      return read_fields(trailers);
    }
    if (!read_exactly(size, into) || !read_line(line) || !line.empty()) return false;
  }
  return false;
}

std::optional<std::string> Wire::read_to_end() {
  while (fill()) {
  }
  if (x_timed_out) return std::nullopt;
  return std::exchange(x_ahead, {});
}

void Wire::finish() { ::shutdown(x_fd.get(), SHUT_WR); }

void Wire::reset() {
  const linger at_once{1, 0};
  ::setsockopt(x_fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  x_fd.close();
}

}  // namespace outrigger::testing
