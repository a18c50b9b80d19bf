// A real HTTP/1.1 server on 127.0.0.1 that answers as a script says and records every request. It
// runs threads of its own, one for each connection; the test owns it and may ask it at any time. A
// script runs on those threads.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

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
  explicit Origin(Script script) : Origin(std::move(script), nullptr) {}
  static std::unique_ptr<Origin> talking(Talk talk) {
    return std::unique_ptr<Origin>(new Origin(nullptr, std::move(talk)));
  }
  ~Origin();
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;

  // 200 with that body, on and on.
  static Script answer(std::string body);
  static std::string response(std::string_view body, std::string_view fields = "");

  int port() const { return x_port; }
  std::string address() const { return "127.0.0.1:" + std::to_string(x_port); }
  std::vector<Request> requests() const;
  size_t hits() const;
  int connections() const;

 private:
  Origin(Script script, Talk talk);
  void accept_all();
  void serve(Wire& wire, int number);
  bool read_request(Wire& wire, Request& request);

  const Script x_script;
  const Talk x_talk;
  io::Fd x_listener;
  int x_port = 0;
  mutable std::mutex x_mutex;
  std::vector<Request> x_requests;
  std::vector<std::unique_ptr<Wire>> x_wires;
  std::vector<std::thread> x_threads;
  std::thread x_accepting;
};

}  // namespace outrigger::testing
