#include "tests/support/process/client.hpp"

#include <cstdlib>

#include <sys/socket.h>

#include "proxy/base/address.hpp"

namespace outrigger::testing {
namespace {

io::Fd connect_to(const std::string& text) {
  const auto address = Address::parse(text);
  if (!address) return io::Fd();
  sockaddr_storage to{};
  const socklen_t length = address->to_sockaddr(to);
  io::Fd fd(::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), length) != 0) fd.close();
  return fd;
}

std::string get_request(std::string_view host, std::string_view path, std::string_view fields) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n" +
         std::string(fields) + "\r\n";
}

}  // namespace

Client::Client(const std::string& address) : x_wire(connect_to(address)) {}

bool Client::read_head(Response& response) {
  response = {};
  std::string line;
  if (!x_wire.read_line(line) || !line.starts_with("HTTP/1.")) return false;
  response.status = std::atoi(line.c_str() + 9);
  return x_wire.read_fields(response.fields);
}

bool Client::read_body(Response& response) {
  if (response.status == 204 || response.status == 304) return true;
  if (response.field("transfer-encoding") == "chunked") return x_wire.read_chunks(response.body);
  const std::string length = response.field("content-length");
  if (!length.empty()) {
    return x_wire.read_exactly(std::strtoul(length.c_str(), nullptr, 10), response.body);
  }
  auto rest = x_wire.read_to_end();
  if (rest) response.body = std::move(*rest);
  return rest.has_value();
}

Response Client::receive(bool head) {
  Response response;
  if (!is_connected()) return response;
  while (read_head(response) && response.status < 200) ++x_interim;
  response.complete = response.status >= 200 && (head || read_body(response));
  return response;
}

Response Client::call(std::string_view bytes, bool head) {
  send(bytes);
  return receive(head);
}

Response Client::get(std::string_view host, std::string_view path, std::string_view fields) {
  return call(get_request(host, path, fields));
}

Response call(const std::string& address, std::string_view bytes) {
  return Client(address).call(bytes);
}

Response get(const std::string& address, std::string_view host, std::string_view path,
             std::string_view fields) {
  return Client(address).get(host, path, fields);
}

}  // namespace outrigger::testing
