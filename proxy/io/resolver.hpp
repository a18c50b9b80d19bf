// The Resolver looks names up on the loop: A and AAAA in parallel, over UDP and where an answer is
// cut off over TCP (c-ares). It caches nothing. Owned by the LoopNetwork; every lookup dies before
// it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/io/loop.hpp"
#include "proxy/io/network.hpp"

namespace outrigger::io {

struct ResolverOptions {
  // "10.0.0.10:53,10.0.0.11"; empty: what the system's resolv.conf says, read again when it
  // changes.
  std::string servers;
  // Looked at first, as hosts(5); empty: off.
  std::string hosts_file;
  // Of the first try and how many there are; 0: what the system says.
  int timeout_ms = 0;
  int tries = 0;
};

class Resolver {
 public:
  // Queries; lookups beyond these wait for their turn.
  static constexpr size_t kMaxInFlight = 256;
  static constexpr size_t kMaxAddresses = 256;

  Resolver(Loop& loop, ResolverOptions options);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // As Network::resolve.
  OperationPtr resolve(std::string_view name, ResolveEvents& events);

 private:
  class Lookup;
  class Channel;
  struct Query;

  void submit(Lookup& lookup);
  void query_finished();
  bool refresh_channel();

  Loop& x_loop;
  ResolverOptions x_options;
  List<Lookup, Lookup> x_waiting;
  size_t x_in_flight = 0;  // queries, two for each lookup
  bool x_pumping = false;
  std::unique_ptr<Channel> x_channel;
};

}  // namespace outrigger::io
