#include "proxy/downstream/acceptor.hpp"

#include "proxy/downstream/detection.hpp"
#include "proxy/downstream/refused_connection.hpp"

namespace outrigger::downstream {
Acceptor::Acceptor(ServerContext& context) : x_context(context) {}

Acceptor::~Acceptor() { close_all(); }

Result<Address> Acceptor::listen(io::Network& network, const Address& at) {
  auto opened = network.listen(at, *this);
  if (!opened) return failure(opened.error());
  const Address address = (*opened)->address();
  add_listener(std::move(*opened));
  return address;
}

void Acceptor::stop_listening() {
  Reaper& reaper = x_context.runtime.loop.reaper;
  for (io::ListenerPtr& listener : x_listeners) reaper.doom(std::move(listener));
  x_listeners.clear();
}

void Acceptor::drain_idle() {
  x_connections.for_each([](Connection& connection) { connection.close_if_idle(); });
}

int Acceptor::close_all() {
  int calls = 0;
  while (!x_connections.empty()) calls += x_connections.front().reset();
  while (!x_context.cut.empty()) x_context.cut.front().reset();
  while (!x_context.refused.empty()) x_context.refused.front().reset();
  return calls;
}

void Acceptor::on_accepted(io::StreamPtr stream) {
  x_context.counts.last_accepted_ms.store(x_context.runtime.loop.clock.now_ms(),
                                          std::memory_order_relaxed);
  const int open = x_context.counts.open_connections.fetch_add(1, std::memory_order_relaxed);
  if (x_context.resolver.is_overloaded()) {
    return refuse(std::move(stream), x_context.series.overload_memory, kNoMemory);
  }
  if (open >= x_context.config.limits.connections && !evict_idle()) {
    return refuse(std::move(stream), x_context.series.overload_connections, kTooManyConnections);
  }
  Arrival arrival{.count = ConnectionCount(x_context), .known = {}};
  if (x_context.config.takes_redirected()) {
    if (auto original = stream->original_destination()) {
      arrival.know().original = std::move(*original);
    }
  }
  auto* connection = new Detection(x_context, std::move(arrival), x_connections, std::move(stream));
  x_connections.push_back(*connection);
  connection->start();
}

void Acceptor::refuse(io::StreamPtr stream, metrics::Counter& refusals, std::string_view answer) {
  x_context.counts.open_connections.fetch_sub(1, std::memory_order_relaxed);
  refusals.add();
  // In clear text it is no answer to a greeting of TLS.
  if (x_context.tls != nullptr) answer = {};
  RefusedConnection::refuse(x_context, std::move(stream), answer);
}

// The next one finds room.
void Acceptor::on_accept_refused() {
  x_context.series.overload_descriptors.add();
  evict_idle();
}

// Looks at a few of those that were not looked at for longest: a flood of arrivals must not cost
// the walk through all connections each.
bool Acceptor::evict_idle() {
  constexpr int kLookedAt = 32;
  if (!x_context.evicts_idle) return false;
  for (int i = 0; i < kLookedAt && !x_connections.empty(); ++i) {
    Connection& connection = x_connections.pop_front();
    x_connections.push_back(connection);
    if (connection.holding().kind != Holding::Kind::kIdle) continue;
    connection.reset();
    return true;
  }
  return false;
}

}  // namespace outrigger::downstream
