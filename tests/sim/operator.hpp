// An Operator asks the admin API of a World's process over HTTP/1, one question at a time, each on
// a connection of its own. Owned by the World; one thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/io/network.hpp"
#include "tests/sim/ledger.hpp"
#include "tests/sim/message_reader.hpp"
#include "tests/support/virtual_loop.hpp"

namespace outrigger::sim {

class Operator final : public io::ConnectEvents, public io::StreamEvents, public MessageEvents {
 public:
  // 0: the connection broke off.
  using Done = std::function<void(int status, const std::string& body)>;

  Operator(testing::VirtualLoop& loop, io::Network& network, Ledger& ledger)
      : x_loop(loop), x_network(network), x_ledger(ledger) {}

  bool is_busy() const { return x_done != nullptr; }
  // Requires: it is not busy. A body is JSON.
  void ask(std::string_view method, const std::string& path, const std::string& body, Done done);
  // It waits no longer.
  void break_off() { end(); }

 private:
  void on_connected(io::StreamPtr stream) override;
  void on_connect_failed(Cause cause) override;
  void on_read(std::string_view bytes) override;
  void on_end() override { end(); }
  void on_broken() override { end(); }
  void on_drained() override {}
  void on_head(const Head& head) override { x_status = head.status(); }
  void on_body(std::string_view bytes) override { x_body += bytes; }
  void on_message_end() override { x_is_complete = true; }
  bool is_deaf() const override { return x_stream == nullptr; }
  void end();

  testing::VirtualLoop& x_loop;
  io::Network& x_network;
  Ledger& x_ledger;
  io::OperationPtr x_connect;
  io::StreamPtr x_stream;
  std::string x_request;
  Done x_done;
  std::unique_ptr<MessageReader> x_reader;
  int x_status = 0;
  std::string x_body;
  bool x_is_complete = false;
};

}  // namespace outrigger::sim
