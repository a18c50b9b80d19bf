// A Connection is one accepted stream and the protocol spoken on it. The Acceptor owns it through
// its list; a connection that is over leaves the list by itself and goes to the Reaper. One thread.
#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/base/reaper.hpp"
#include "proxy/downstream/server_context.hpp"
#include "proxy/io/tls_handshake.hpp"

namespace outrigger::downstream {

struct OwnedByAcceptor;

// One connection in the metrics and under limits.connections, until it is destroyed.
class ConnectionCount {
 public:
  ConnectionCount() = default;
  // It has been counted in `context.counts`.
  explicit ConnectionCount(ServerContext& context) : x_context(&context) {
    context.series.downstream_connections.add(1);
  }
  ConnectionCount(ConnectionCount&& from) noexcept
      : x_context(std::exchange(from.x_context, nullptr)) {}
  ConnectionCount& operator=(ConnectionCount&& from) noexcept {
    std::swap(x_context, from.x_context);
    return *this;
  }
  ~ConnectionCount() {
    if (x_context == nullptr) return;
    x_context->series.downstream_connections.add(-1);
    x_context->counts.open_connections.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  ServerContext* x_context = nullptr;
};

// What is known of a connection beside its bytes. Passes from its Detection to whoever speaks on
// it; most have nothing but their count.
struct Arrival {
  struct Known {
    std::optional<Address> original;  // where it was going, when it was redirected
    std::optional<io::TlsInfo> tls;   // what the handshake agreed upon
  };

  Known& know() {
    if (known == nullptr) known = std::make_unique<Known>();
    return *known;
  }

  ConnectionCount count;
  std::unique_ptr<Known> known;
};

// What the end of a connection would free, for the choice of who goes when memory runs out.
struct Holding {
  // In the order in which they go.
  enum class Kind : uint8_t {
    kUnfinished,  // the beginning of a handshake or a head
    kIdle,
    kCalls,
  };
  // About what a socket costs in the kernel, without its buffers.
  static constexpr int64_t kSocketBytes = 4 * 1024;
  // What OpenSSL keeps during a handshake, and for a connection.
  static constexpr int64_t kHandshakeBytes = 40 * 1024;
  static constexpr int64_t kTlsBytes = 10 * 1024;

  Kind kind = Kind::kIdle;
  int64_t bytes = kSocketBytes;
  int64_t since_ms = 0;  // idle since
};

class Connection : public Reapable, public ListNode<OwnedByAcceptor> {
 public:
  Connection(ServerContext& context, Arrival arrival)
      : x_context(context), x_arrival(std::move(arrival)) {}

  // Between two calls: closes, so that the caller sees an end and not a reset. Else nothing.
  virtual void close_if_idle() = 0;
  // Resets it now. Says how many calls ran on it.
  virtual int reset() = 0;

  // -- when memory runs out
  virtual Holding holding() = 0;
  // Beside that: what the kernel's buffers for its calls take. Costs system calls.
  virtual int64_t kernel_bytes() { return 0; }
  // Ends what holding() told of: the connection, or the one call of it that holds most.
  virtual void shed() { reset(); }

 protected:
  // Both are null where there is none.
  const Address* original() const {
    return x_arrival.known != nullptr && x_arrival.known->original ? &*x_arrival.known->original
                                                                   : nullptr;
  }
  const io::TlsInfo* tls() const {
    return x_arrival.known != nullptr && x_arrival.known->tls ? &*x_arrival.known->tls : nullptr;
  }
  Arrival take_arrival() { return std::exchange(x_arrival, Arrival()); }

  ServerContext& x_context;
  Arrival x_arrival;
};

}  // namespace outrigger::downstream
