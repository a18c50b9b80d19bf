// One HTTP/1.1 connection to an endpoint: idle in its pool, or lent to one call, which gets its
// events. Bytes, an end or a reset on an idle one close it: nothing that arrives there can belong
// to a request (response-queue poisoning). Bytes that were there before the request of its call
// left are to that call as if the connection had died. Owned by its pool; one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/base/reaper.hpp"
#include "proxy/base/timer_wheel.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::upstream {

class ConnectionPool;

// Room for one connection of a pool, from the connect on. Returned by its destructor.
class PoolSlot {
 public:
  PoolSlot() = default;
  explicit PoolSlot(ConnectionPool& pool);
  PoolSlot(PoolSlot&& from) noexcept : x_pool(std::exchange(from.x_pool, nullptr)) {}
  PoolSlot& operator=(PoolSlot&&) = delete;
  ~PoolSlot() { release(); }
  void release();

 private:
  ConnectionPool* x_pool = nullptr;
};

struct IdleTag;
struct BusyTag;

class H1Connection final : public Reapable,
                           public ListNode<IdleTag>,
                           public ListNode<BusyTag>,
                           public io::StreamEvents {
 public:
  H1Connection(ConnectionPool& pool, io::StreamPtr stream, PoolSlot slot, int64_t expires_ms);

  io::Stream& stream() { return *x_stream; }
  // Over TLS: whom the certificate was for; else empty.
  std::string_view server_name() const { return x_server_name; }
  void set_server_name(std::string_view name) { x_server_name = name; }
  ConnectionPool& pool() const { return x_pool; }

  // Lends it to a call: until it is given back, events go there.
  void lend(io::StreamEvents& call) {
    x_call = &call;
    x_lent_at = x_stream->moment();
    ++x_calls;
  }
  bool is_reused() const { return x_calls > 1; }

  // Bytes of ours that went before the call that has it now.
  int64_t written_before() const { return x_written_before; }
  void note_written(int64_t bytes) { x_written += bytes; }

  int64_t expires_ms() const { return x_expires_ms; }
  int64_t idle_since_ms() const { return x_idle_since_ms; }
  bool is_good_at(int64_t now_ms) const { return now_ms < x_idle_until_ms; }
  void go_idle(int64_t now_ms, int64_t until_ms);
  void go_busy();
  // Its pool gave it to the Reaper: no event is passed on any more, and its room is free.
  void die();

 private:
  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override;
  void on_idle_over();
  void close_if_alive();

  ConnectionPool& x_pool;
  io::StreamPtr x_stream;
  PoolSlot x_slot;
  std::string x_server_name;
  io::StreamEvents* x_call = nullptr;
  Timer x_idle_timer = Timer::of<&H1Connection::on_idle_over>(*this);
  const int64_t x_expires_ms;
  int64_t x_idle_since_ms = 0;
  int64_t x_idle_until_ms = 0;
  uint64_t x_lent_at = 0;  // a moment() of its stream
  int64_t x_written = 0;
  int64_t x_written_before = 0;
  uint32_t x_calls = 0;
  bool x_dead = false;
};

}  // namespace outrigger::upstream
