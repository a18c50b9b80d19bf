// A real HTTP/1.1 server, on 127.0.0.1 unless told otherwise, that answers as a script says and
// records every request. It runs threads of its own, one for each connection; the test owns it and
// may ask it at any time. A script runs on those threads.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/address.hpp"
#include "tests/support/process/wire.hpp"

namespace outrigger::testing {

struct Request {
  std::string line;  // METHOD TARGET VERSION
  FieldList fields;
  std::string body;
  int connection = 0;  // counts from 0

  std::string field(std::string_view name) const { return field_of(fields, name); }
};

class Origin {
 public:
  // Answers one request that was read whole. Returns whether the connection goes on.
  using Script = std::function<bool(const Request&, Wire&)>;
  // Has a connection to itself from its first byte.
  using Talk = std::function<void(Wire&)>;

  Origin() : Origin(answer("ok")) {}
  // `address` is IP:PORT or [IP]:PORT; of IPv6 alone.
  explicit Origin(Script script, std::string_view address = kAnyPort)
      : Origin(std::move(script), nullptr, address) {}
  static std::unique_ptr<Origin> talking(Talk talk, std::string_view address = kAnyPort) {
    return std::unique_ptr<Origin>(new Origin(nullptr, std::move(talk), address));
  }
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  // 200 with that body, on and on.
  static Script answer(std::string body);
  static std::string response(std::string_view body, std::string_view fields = "");

  int port() const { return x_address.port(); }
  std::string address() const { return x_address.to_string(); }
  std::vector<Request> requests() const;
  size_t hits() const;
  int connections() const;

 private:
  static constexpr std::string_view kAnyPort = "127.0.0.1:0";

  Origin(Script script, Talk talk, std::string_view address);
  void accept_all();
  void serve(Wire& wire, int number);
  bool read_request(Wire& wire, Request& request);

  const Script x_script;
  const Talk x_talk;
  io::Fd x_listener;
  Address x_address;
  mutable std::mutex x_mutex;
  std::vector<Request> x_requests;
  std::vector<std::unique_ptr<Wire>> x_wires;
  std::vector<std::thread> x_threads;
  std::thread x_accepting;
};

}  // namespace outrigger::testing
