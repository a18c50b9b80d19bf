#include "proxy/upstream/connection_pool.hpp"

#include <algorithm>

#include "proxy/base/assert.hpp"

namespace outrigger::upstream {

ConnectionPool::~ConnectionPool() {
  OUTRIGGER_ASSERT(x_busy.empty());
  retire();
}

H1Connection* ConnectionPool::take_idle(bool may_be_repeated, std::string_view server_name) {
  const int64_t now_ms = x_upstream.now_ms();
  while (!x_idle.empty() && !x_idle.front().is_good_at(now_ms)) close(x_idle.front());
  if (x_idle.empty()) return nullptr;
  H1Connection* const found = x_tls.is_on() ? find_idle(server_name) : &x_idle.front();
  if (found == nullptr) {
    if (!has_room()) close(x_idle.back());
    return nullptr;
  }
  H1Connection& freshest = *found;
  if (!may_be_repeated && now_ms - freshest.idle_since_ms() >= x_settings.idle_unsafe_ms) {
    if (!has_room()) close(x_idle.back());
    return nullptr;
  }
  freshest.ListNode<IdleTag>::unlink();
  x_busy.push_back(freshest);
  freshest.go_busy();
  return &freshest;
}

H1Connection* ConnectionPool::find_idle(std::string_view server_name) {
  H1Connection* found = nullptr;
  x_idle.for_each([&](H1Connection& connection) {
    if (found == nullptr && connection.server_name() == server_name) found = &connection;
  });
  return found;
}

bool ConnectionPool::has_room() const {
  return !x_settings.connections || x_connections < static_cast<size_t>(*x_settings.connections);
}

H1Connection& ConnectionPool::adopt(io::StreamPtr stream, PoolSlot slot,
                                    std::string_view server_name) {
  const int64_t expires_ms = x_upstream.lifetime_ends_ms(x_settings);
  auto* connection = new H1Connection(*this, std::move(stream), std::move(slot), expires_ms);
  if (x_tls.is_on()) connection->set_server_name(server_name);
  x_busy.push_back(*connection);
  x_upstream.series.upstream_connections.add(1);
  x_open.http1.fetch_add(1, std::memory_order_relaxed);
  return *connection;
}

void ConnectionPool::give_back(H1Connection& connection, bool reusable, int64_t keep_alive_s) {
  const int64_t now_ms = x_upstream.now_ms();
  const int64_t until_ms = idle_until(connection, keep_alive_s);
  if (!reusable || x_retired || until_ms <= now_ms) return close(connection);
  connection.ListNode<BusyTag>::unlink();
  connection.go_idle(now_ms, until_ms);
  x_idle.push_front(connection);
  wake_one();
}

void ConnectionPool::close(H1Connection& connection) {
  connection.ListNode<IdleTag>::unlink();
  connection.ListNode<BusyTag>::unlink();
  x_upstream.series.upstream_connections.add(-1);
  x_open.http1.fetch_sub(1, std::memory_order_relaxed);
  x_upstream.runtime.loop.reaper.doom(&connection);
  connection.die();
}

void ConnectionPool::close_idle() {
  while (!x_idle.empty()) close(x_idle.front());
}

void ConnectionPool::retire() {
  x_retired = true;
  close_idle();
}

// A peer that says how long it keeps an idle connection is left a second before that.
int64_t ConnectionPool::idle_until(const H1Connection& connection, int64_t keep_alive_s) const {
  const int64_t now_ms = x_upstream.now_ms();
  if (!x_settings.idle_ms) return now_ms;
  int64_t idle_ms = *x_settings.idle_ms;
  if (keep_alive_s > 0) idle_ms = std::min(idle_ms, (keep_alive_s - 1) * 1000);
  return std::min(now_ms + idle_ms, connection.expires_ms());
}

void ConnectionPool::give_room() {
  --x_connections;
  wake_one();
}

void ConnectionPool::wake_one() {
  if (x_waiters.empty()) return;
  x_waiters.pop_front().on_pool_ready();
}

}  // namespace outrigger::upstream
