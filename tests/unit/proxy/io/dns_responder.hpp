// A small name server for tests, on the loop under test: UDP and TCP on one loopback port, answers
// as told. It knows no recursion: an answer holds exactly the records it was given.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/io/fd.hpp"
#include "proxy/io/loop_network.hpp"
#include "tests/support/test_peer.hpp"

namespace outrigger::testing {

class DnsResponder final : public io::AcceptEvents {
 public:
  static constexpr int kA = 1;
  static constexpr int kCname = 5;
  static constexpr int kAaaa = 28;
  static constexpr int kSrv = 33;
  static constexpr int kNoError = 0;
  static constexpr int kServerFailure = 2;
  static constexpr int kNoSuchName = 3;

  struct Record {
    std::string owner;
    int type;
    uint32_t ttl_s;
    std::string data;  // an IP literal, a name, or "PRIORITY WEIGHT PORT NAME"
  };
  struct Reply {
    int rcode = kNoError;
    std::vector<Record> records;
    bool silent = false;
    bool only_over_tcp = false;  // cut off over UDP
    size_t torn_bytes = 0;       // the message ends so early
  };

  DnsResponder(io::Loop& loop, io::LoopNetwork& network);
  ~DnsResponder() { x_poll.close(); }

  // "127.0.0.1:PORT"
  std::string address() const { return x_listener->address().to_string(); }
  // `name` without a dot at its end. What is not set does not exist.
  Reply& at(const std::string& name, int type) { return x_replies[{name, type}]; }

  int udp_queries = 0;
  int tcp_queries = 0;
  std::vector<std::string> asked;  // names, in order

  void on_accepted(io::StreamPtr stream) override;
  void on_accept_refused() override {}

 private:
  struct TcpClient;

  void on_datagram();
  std::string answer(std::string_view query, bool over_tcp);

  io::Loop& x_loop;
  io::ListenerPtr x_listener;
  io::Fd x_udp;
  io::UvHandle<uv_poll_t> x_poll;
  std::map<std::pair<std::string, int>, Reply> x_replies;
  std::vector<std::unique_ptr<TcpClient>> x_clients;
};

}  // namespace outrigger::testing
