#include "proxy/io/tcp_info.hpp"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace outrigger::io {

namespace {

std::optional<tcp_info> info_of(int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return std::nullopt;
  return info;
}

}  // namespace

std::optional<uint64_t> tcp_bytes_acked(int fd) {
  const auto info = info_of(fd);
  if (!info) return std::nullopt;
  return info->tcpi_bytes_acked;
}

std::optional<int64_t> tcp_ms_since_ack(int fd) {
  const auto info = info_of(fd);
  if (!info) return std::nullopt;
  return info->tcpi_last_ack_recv;
}

}  // namespace outrigger::io
