// A SocketStream is a Stream over a TCP or unix socket: one descriptor watched by the loop. It
// sends at once and waits for the socket to become writable only when a tail is left; it reads
// through the loop's scratch buffer. An idle one holds no buffer. Owned by whoever speaks on it.
#pragma once

#include "proxy/base/byte_account.hpp"
#include "proxy/io/fd.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::io {

class SocketStream final : public Stream {
 public:
  // `we_connected`: the SYN was ours. `poll` watches `fd`, or is empty.
  SocketStream(Loop& loop, Fd fd, UvHandle<uv_poll_t> poll, const Address& peer, bool we_connected);
  ~SocketStream() override;

  void start(StreamEvents& events) override;
  void pause_reading() override { x_reading = false; }
  void resume_reading() override;
  void write(std::span<const std::string_view> pieces) override;
  size_t unsent() const override { return x_tail.size(); }
  size_t unacked() const override;
  void finish() override;
  void abort() override;
  void bound_unacked(int64_t ms) override;
  void count_unsent_in(ByteAccount& account) override { x_tail.count_in(account); }
  bool is_broken() const override;
  std::optional<uint64_t> bytes_acked() const override;
  uint64_t moment() const override { return x_loop.batch(); }
  bool was_readable_at(uint64_t moment) const override { return moment == x_loop.batch(); }
  std::optional<int64_t> ms_since_ack() const override;
  int64_t kernel_bytes() const override;
  Address peer() const override { return x_peer; }
  std::optional<Address> original_destination() const override;

 private:
  // It has no listener any more and was given to the Reaper.
  bool is_doomed() const { return is_linked(); }
  bool wants_reading() const { return x_events != nullptr && x_reading && !x_ended && !x_dead; }

  void on_poll(int status, int events);
  void read_once();
  void send_tail();
  void wait_for_room();
  void send_pieces(std::span<const std::string_view> pieces);
  void shut_down();
  void fail_writing();
  void deliver_rest();
  void die();
  void watch();

  Loop& x_loop;
  StreamEvents* x_events = nullptr;
  UvHandle<uv_poll_t> x_poll;
  CountedBuffer x_tail;
  Deferred x_deferred = Deferred::of<&SocketStream::deliver_rest>(*this);
  uint64_t x_sent = 0;  // bytes that the kernel took
  Address x_peer;
  Fd x_fd;
  uint8_t x_watched = 0;            // what libuv was told
  bool x_reading : 1 = true;        // not paused
  bool x_ended : 1 = false;         // the peer has finished
  bool x_finishing : 1 = false;     // finish() was called
  bool x_cannot_write : 1 = false;  // a write failed: on_broken follows what is still to be read
  bool x_dead : 1 = false;          // broken or aborted: no more events
  bool x_we_connected : 1;
  bool x_small : 1 = false;  // its buffers were told to stay small
};

}  // namespace outrigger::io
