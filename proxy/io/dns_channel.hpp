// The DnsChannel is the real NameServers of one loop, by c-ares: over UDP, and over TCP where an
// answer is cut off. Which servers and which search list is said by the system's resolv.conf, which
// is looked at before each question. Owned by LoopNames; every query dies before it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/name_servers.hpp"

namespace outrigger::io {

struct DnsOptions {
  // "10.0.0.10:53", "10.0.0.11"; empty: what resolv.conf says.
  std::vector<std::string> servers;
  // Looked at first, as hosts(5); empty: off.
  std::string hosts_file;
  // For the first try with each server; each further one has twice as long. Our own bounds: the
  // system's are made for programs that can do nothing else meanwhile.
  int timeout_ms = 1'000;
  int tries = 3;
  std::string resolv_conf = "/etc/resolv.conf";

  bool operator==(const DnsOptions&) const = default;
};

class DnsChannel final : public NameServers {
 public:
  // c-ares cannot take a single query back. So many cancelled ones it may keep, then it is
  // replaced.
  static constexpr size_t kMostCancelled = 1'024;

  // `options` outlives it.
  DnsChannel(Loop& loop, const DnsOptions& options);
  ~DnsChannel() override;
  DnsChannel(const DnsChannel&) = delete;
  DnsChannel& operator=(const DnsChannel&) = delete;

  bool renew() override;
  const SearchList& search_list() override;
  OperationPtr ask(const std::string& name, RecordType type, ReplyEvents& events) override;

 private:
  class Query;
  class Ares;
  struct Token;

  Loop& x_loop;
  const DnsOptions& x_options;
  List<Query, Query> x_queries;  // not answered yet
  size_t x_cancelled = 0;        // c-ares still asks, but nobody waits
  std::unique_ptr<Ares> x_ares;
};

}  // namespace outrigger::io
