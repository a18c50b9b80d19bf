// A blocking HTTP/1.1 client over one socket that sends exactly the bytes it is told to, and reads
// answers as RFC 9112 frames them. One for each connection; for the thread of the test that owns
// it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tests/support/process/wire.hpp"

namespace outrigger::testing {

struct Response {
  int status = 0;  // 0: no answer, or none that can be read
  FieldList fields;
  std::string body;
  bool complete = false;

  std::string field(std::string_view name) const { return field_of(fields, name); }
};

class Client {
 public:
  // `address` is IP:PORT, [IP]:PORT or unix:PATH.
  explicit Client(const std::string& address);

  bool is_connected() const { return x_wire.is_open(); }
  Wire& wire() { return x_wire; }
  bool send(std::string_view bytes) { return x_wire.send(bytes); }
  // The next final answer; interim ones are counted. After HEAD: no body.
  Response receive(bool head = false);
  Response call(std::string_view bytes, bool head = false);
  // `fields` are whole lines.
  Response get(std::string_view host, std::string_view path = "/", std::string_view fields = "");
  // Whether the other side ends the connection without a further byte.
  bool sees_end() { return x_wire.read_to_end() == std::string(); }
  int interim() const { return x_interim; }

 private:
  bool read_head(Response& response);
  bool read_body(Response& response);

  Wire x_wire;
  int x_interim = 0;
};

// One call on a connection of its own.
Response call(const std::string& address, std::string_view bytes);
Response get(const std::string& address, std::string_view host, std::string_view path = "/",
             std::string_view fields = "");

}  // namespace outrigger::testing
