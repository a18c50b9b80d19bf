// A Stream is a connection as the codecs see it: bytes in, bytes out, and its ends. TCP, unix
// sockets, TLS and the tests' in-memory pipe are all one type. Owned by whoever speaks on it; one
// thread. Destroying a stream closes it at once and silently; give it to the Reaper when it may be
// on the call stack: it is silent from then on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "proxy/base/address.hpp"
#include "proxy/base/reaper.hpp"

namespace outrigger {
class ByteAccount;
}

namespace outrigger::io {

// Events come from the loop, never from inside a call into the stream.
class StreamEvents {
 public:
  // `bytes` lie in the loop's scratch buffer: valid until the callback returns, never empty.
  virtual void on_read(std::string_view bytes) = 0;
  // The peer has finished sending; we may still send.
  virtual void on_end() = 0;
  // The connection is dead (reset, timed out, failed write). The last event.
  virtual void on_broken() = 0;
  // unsent() has come down to 0 after it was not.
  virtual void on_drained() = 0;

 protected:
  ~StreamEvents() = default;
};

class Stream : public Reapable {
 public:
  // Begins to read and deliver. `events` must outlive the stream or be replaced.
  virtual void start(StreamEvents& events) = 0;
  // No more on_read and on_end; a connection that breaks may go unseen (see is_broken()).
  // Idempotent.
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  // Sends the pieces, in order, as far as the kernel takes them now; keeps a copy of the rest and
  // sends it later. The caller keeps unsent() within its bound by not writing more while it is not
  // 0.
  virtual void write(std::span<const std::string_view> pieces) = 0;
  void write(std::string_view bytes) { write({&bytes, 1}); }
  // Bytes written and not yet taken by the kernel.
  virtual size_t unsent() const = 0;
  // Those and the ones that the peer's kernel has not acknowledged, as far as that can be known: a
  // reset would drop them.
  virtual size_t unacked() const { return unsent(); }

  // Ends our sending side after everything unsent has gone. Idempotent.
  virtual void finish() = 0;
  // Drops everything unsent and makes the close that follows a reset (RST).
  virtual void abort() = 0;

  // It breaks when the peer does not acknowledge, or take, what was written for so long; 0, the
  // beginning: nobody counts. TCP only.
  virtual void bound_unacked(int64_t /*ms*/) {}

  // unsent() is in that account from now on; it must outlive the stream. Idempotent.
  virtual void count_unsent_in(ByteAccount& /*account*/) {}

  // For a paused stream: whether the peer is known to have reset the connection.
  virtual bool is_broken() const = 0;
  // How many of our bytes the peer's kernel has acknowledged, where that can be known (TCP: the
  // tcpi_bytes_acked of tcp_info(7), less the SYN).
  virtual std::optional<uint64_t> bytes_acked() const = 0;

  // A moment of the loop, for was_readable_at().
  virtual uint64_t moment() const { return 0; }
  // Within on_read: whether its bytes are known to have been there at that moment. The loop learns
  // what is readable in batches, so of one batch it knows; false: they may have come since.
  virtual bool was_readable_at(uint64_t /*moment*/) const { return false; }
  // Since the peer's kernel last acknowledged anything, a probe too, where that can be known.
  virtual std::optional<int64_t> ms_since_ack() const { return std::nullopt; }

  // What the kernel's buffers for it take, where that is known.
  virtual int64_t kernel_bytes() const { return 0; }

  virtual Address peer() const = 0;
  // Where an accepted connection that the kernel redirected to us was going.
  virtual std::optional<Address> original_destination() const { return std::nullopt; }
};

using StreamPtr = std::unique_ptr<Stream>;

}  // namespace outrigger::io
