#include "proxy/upstream/h2_pool.hpp"

#include <algorithm>
#include <utility>

namespace outrigger::upstream {

H2Pool::~H2Pool() {
  retire();
  while (!x_connections.empty()) close(x_connections.front());
}

H2Pool::Offer H2Pool::offer(const H2Waiter& waiter) {
  Offer offer;
  bool busy = false;  // one takes tunnels, but not now
  const std::string_view name = waiter.wanted_name();
  const bool tunnel = waiter.wants_tunnel();
  const int64_t since_ms = has_room() ? waiter.opened_since_ms() : 0;
  const int64_t now_ms = x_upstream.now_ms();
  x_connections.for_each([&](H2Connection& connection) {
    if (offer.connection != nullptr || !connection.is_good(now_ms)) return;
    if (!is_for(connection, name)) return;
    const std::optional<bool> takes = tunnel ? connection.takes_tunnels() : std::optional(true);
    const bool suits = connection.takes_calls(now_ms) && connection.opened_ms() >= since_ms;
    if (!takes) {
      offer.pending = offer.pending || suits;
    } else if (!*takes) {
      offer.refused = true;
    } else if (suits) {
      offer.connection = &connection;
    } else {
      busy = true;
    }
  });
  offer.refused = offer.refused && offer.connection == nullptr && !offer.pending && !busy;
  return offer;
}

void H2Pool::wait(H2Waiter& waiter) {
  x_waiters.push_back(waiter);
  connect_if_needed();
}

// No call waits for it any more.
void H2Pool::on_waiter_left() {
  if (x_waiters.empty() && x_connect != nullptr) {
    x_upstream.runtime.loop.reaper.doom(std::move(x_connect));
  }
}

void H2Pool::on_waiter_timed_out(int64_t connect_timeout_ms) {
  if (x_connect == nullptr) return;
  if (x_upstream.now_ms() - x_connect_since_ms < connect_timeout_ms) return;
  x_upstream.runtime.loop.reaper.doom(std::move(x_connect));
  connect_if_needed();
}

void H2Pool::connect_if_needed() {
  if (x_waiters.empty() || x_connect != nullptr) return;
  if (!has_room()) return;
  const H2Waiter* const waiter = first_without();
  if (waiter == nullptr) return;
  x_connect_since_ms = x_upstream.now_ms();
  x_dialled_name = waiter->wanted_name();
  x_connect = std::make_unique<Dial>(x_upstream, x_address, x_tls.context(), x_dialled_name, *this);
}

// The first one that waits for a connection, and not for what the peer of one has to say.
H2Waiter* H2Pool::first_without() {
  H2Waiter* found = nullptr;
  x_waiters.for_each([&](H2Waiter& waiter) {
    if (found != nullptr || (waiter.wants_tunnel() && offer(waiter).pending)) return;
    found = &waiter;
  });
  return found;
}

// Those that come in answer to this begin anew.
template <class Concerns>
void H2Pool::fail_waiters(Cause cause, Concerns concerns) {
  List<H2Waiter> failed;
  List<H2Waiter> others;
  while (!x_waiters.empty()) {
    H2Waiter& waiter = x_waiters.pop_front();
    (concerns(waiter) ? failed : others).push_back(waiter);
  }
  x_waiters.splice_back(others);
  while (!failed.empty()) failed.pop_front().on_h2_failed(cause);
}

void H2Pool::on_settings(uint32_t streams_allowed) {
  note_spoken(Agreed::kHttp2);
  x_streams_assumed = std::max(streams_allowed, uint32_t{1});
  fail_waiters(Cause::kRefusedStream, [this](const H2Waiter& waiter) {
    return waiter.wants_tunnel() && offer(waiter).refused;
  });
  serve_waiters();
}

void H2Pool::on_dialled(io::StreamPtr stream, std::string_view alpn) {
  if (x_tls.is_on() && alpn != "h2") {
    log_tls_failure(x_address, x_dialled_name, "it does not agree to HTTP/2 (ALPN)");
    x_tls.forget_agreed();
    x_upstream.runtime.loop.reaper.doom(std::move(stream));
    return on_dial_failed(Cause::kTlsError);
  }
  x_upstream.runtime.loop.reaper.doom(std::move(x_connect));
  adopt(std::move(stream), x_dialled_name);
}

void H2Pool::adopt(io::StreamPtr stream, std::string_view server_name) {
  const int64_t expires_ms = x_upstream.lifetime_ends_ms(x_settings);
  auto* connection = new H2Connection(*this, std::move(stream), server_name, expires_ms);
  x_connections.push_front(*connection);
  count(1);
  connection->start();
  serve_waiters();
  if (x_retired) connection->finish();
}

void H2Pool::count(int by) {
  x_count += static_cast<size_t>(by);
  x_upstream.series.upstream_connections.add(by);
  x_upstream.series.upstream_http2.add(by);
  x_open.http2.fetch_add(by, std::memory_order_relaxed);
}

void H2Pool::on_dial_failed(Cause cause) {
  x_upstream.runtime.loop.reaper.doom(std::move(x_connect));
  const std::string failed_name = std::move(x_dialled_name);
  fail_waiters(cause, [&](const H2Waiter& waiter) {
    if (waiter.wants_tunnel() && offer(waiter).pending) return false;
    return !is_of_one_name(cause) || waiter.wanted_name() == failed_name;
  });
  connect_if_needed();
}

void H2Pool::serve_waiters() {
  List<H2Waiter> others;  // they want another name than those connections have, or a tunnel
  while (!x_waiters.empty() && has_free_stream()) {
    H2Waiter& waiter = x_waiters.pop_front();
    H2Connection* const connection = offer(waiter).connection;
    if (connection != nullptr) {
      waiter.on_h2_ready(*connection);
    } else {
      others.push_back(waiter);
    }
  }
  others.splice_back(x_waiters);
  x_waiters.splice_back(others);
  connect_if_needed();
}

bool H2Pool::awaits(const H2Connection& connection) {
  const bool has_said = connection.takes_tunnels().has_value();
  if (has_said || !connection.takes_calls(x_upstream.now_ms())) return false;
  bool found = false;
  x_waiters.for_each([&](const H2Waiter& waiter) {
    found = found || (waiter.wants_tunnel() && is_for(connection, waiter.wanted_name()));
  });
  return found;
}

// Over TLS it is for the name that its certificate was for.
bool H2Pool::is_for(const H2Connection& connection, std::string_view name) const {
  return !x_tls.is_on() || connection.server_name() == name;
}

// In clear text an endpoint shows what it speaks by its SETTINGS alone.
void H2Pool::note_spoken(Agreed spoken) {
  if (!x_tls.is_on()) x_open.agreed.store(spoken, std::memory_order_relaxed);
}

bool H2Pool::has_free_stream() {
  bool found = false;
  const int64_t now_ms = x_upstream.now_ms();
  x_connections.for_each(
      [&](H2Connection& connection) { found = found || connection.takes_calls(now_ms); });
  return found;
}

void H2Pool::close(H2Connection& connection) {
  if (!connection.ListNode<OwnedByPool>::is_linked()) return;
  connection.ListNode<OwnedByPool>::unlink();
  count(-1);
  x_upstream.runtime.loop.reaper.doom(&connection);
  connection.die();
  // To those that waited for what its peer would say it is as one that failed to open.
  if (!connection.session().is_settled()) {
    note_spoken(Agreed::kNothing);
    fail_waiters(Cause::kReset, [&](const H2Waiter& waiter) {
      return waiter.wants_tunnel() && waiter.wanted_name() == connection.server_name() &&
             !offer(waiter).pending;
    });
  }
  connect_if_needed();
}

void H2Pool::close_idle() {
  x_connections.for_each([](H2Connection& connection) {
    if (connection.is_idle()) connection.finish();
  });
}

void H2Pool::retire() {
  x_retired = true;
  x_connections.for_each([](H2Connection& connection) { connection.finish(); });
}

}  // namespace outrigger::upstream
