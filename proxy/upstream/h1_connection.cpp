#include "proxy/upstream/h1_connection.hpp"

#include "proxy/upstream/connection_pool.hpp"

namespace outrigger::upstream {

PoolSlot::PoolSlot(ConnectionPool& pool) : x_pool(&pool) { pool.take_room(); }

void PoolSlot::release() {
  if (ConnectionPool* pool = std::exchange(x_pool, nullptr)) pool->give_room();
}

H1Connection::H1Connection(ConnectionPool& pool, io::StreamPtr stream, PoolSlot slot,
                           int64_t expires_ms)
    : x_pool(pool), x_stream(std::move(stream)), x_slot(std::move(slot)), x_expires_ms(expires_ms) {
  x_stream->bound_unacked(kUnackedMaxMs);
  x_stream->start(*this);
}

void H1Connection::die() {
  x_dead = true;
  x_call = nullptr;
  x_idle_timer.cancel();
  x_pool.upstream().runtime.outbox.forget(*x_stream);
  x_slot.release();
}

void H1Connection::go_idle(int64_t now_ms, int64_t until_ms) {
  x_call = nullptr;
  x_idle_since_ms = now_ms;
  x_idle_until_ms = until_ms;
  x_pool.upstream().runtime.loop.timers.arm(x_idle_timer, until_ms);
}

// The idle timer stays armed and is ignored while a call has the connection: arming it again at the
// next go_idle() is then one store.
void H1Connection::go_busy() {
  x_written_before = x_written;
  x_idle_until_ms = 0;
}

void H1Connection::on_read(std::string_view bytes) {
  if (x_call == nullptr) return close_if_alive();
  if (x_stream->was_readable_at(x_lent_at)) return x_call->on_broken();
  x_call->on_read(bytes);
}

void H1Connection::on_end() {
  if (x_call != nullptr) return x_call->on_end();
  close_if_alive();
}

void H1Connection::on_broken() {
  if (x_call != nullptr) return x_call->on_broken();
  close_if_alive();
}

void H1Connection::on_drained() {
  if (x_call != nullptr) x_call->on_drained();
}

void H1Connection::on_idle_over() {
  if (x_call == nullptr) close_if_alive();
}

void H1Connection::close_if_alive() {
  if (!x_dead) x_pool.close(*this);
}

}  // namespace outrigger::upstream
