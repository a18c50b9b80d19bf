// A PipeNetwork is a Network in memory, on a VirtualLoop: connections reach the listeners of the
// same network through byte pipes with bounded "kernel" buffers, as slow, chopped or broken as a
// test says. Bytes are always delivered by the loop, never inside a write. Owned by the test;
// whatever uses it dies first.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "proxy/io/network.hpp"
#include "tests/support/virtual_loop.hpp"

namespace outrigger::testing {

// How the connections to one address behave.
struct PipeOptions {
  size_t kernel_bytes = 64 * 1024;  // for each direction: on the way and not yet read
  int64_t latency_ms = 0;           // one way
  size_t drip_bytes = 0;            // > 0: at most so many bytes a read, one read a millisecond
  bool random_chunks = false;       // reads of a random size, from the loop's seed
  // Both ends see a reset when so many bytes have arrived at the connecting side.
  std::optional<uint64_t> reset_after_bytes;
};

struct AddressOptions {
  // kShortage: it is us who have no port or descriptor left.
  enum class Fate : uint8_t { kAccept, kRefuse, kUnreachable, kBlackhole, kShortage };
  Fate fate = Fate::kAccept;
  int64_t connect_ms = 0;
  // The accepting process has no descriptor left: connections are reset and reported as refused.
  bool out_of_descriptors = false;
  PipeOptions pipe;
};

class PipeNetwork final : public io::Network {
 public:
  explicit PipeNetwork(VirtualLoop& loop) : x_loop(loop) {}

  io::OperationPtr connect(const Address& to, io::ConnectEvents& events) override;
  Result<io::ListenerPtr> listen(const Address& at, io::AcceptEvents& events) override;
  Result<io::ListenerPtr> listen_on(io::BoundSocketPtr socket, io::AcceptEvents& events) override;

  // Keeps the address for whoever listens on it later; of port 0 any one. Several may be bound to a
  // port of ours: the one that listens last gets what comes from then on.
  Result<io::BoundSocketPtr> bind(const Address& at, bool is_port_ours = false);

  // As connect, for a caller whose own address matters.
  io::OperationPtr connect_from(const Address& from, const Address& to, io::ConnectEvents& events);

  // As connect, for a caller whose connections are redirected to the listener at `to`.
  io::OperationPtr connect_redirected(const Address& original, const Address& to,
                                      io::ConnectEvents& events);

  // For connections begun from now on; made on first use, of `defaults`.
  AddressOptions& at(const Address& address);
  AddressOptions defaults;

  // Connections made so far.
  uint64_t connects() const { return x_connects; }

 private:
  class PipeListener;
  class PipeConnect;
  class PipeSocket;

  VirtualLoop& x_loop;
  std::map<Address, AddressOptions> x_addresses;
  std::map<Address, PipeListener*> x_listeners;
  std::multiset<Address> x_bound;  // nobody listens there yet
  uint16_t x_next_port = 40'000;
  uint16_t x_next_client_port = 50'000;
  uint64_t x_connects = 0;
};

// Two ends of one pipe; what one writes the other reads. The second was going to `original`.
std::pair<io::StreamPtr, io::StreamPtr> make_pipe(VirtualLoop& loop,
                                                  const PipeOptions& options = {},
                                                  const Address& peer_of_first = {},
                                                  const Address& peer_of_second = {},
                                                  std::optional<Address> original = {});

}  // namespace outrigger::testing
