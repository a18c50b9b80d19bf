// A TlsStream is a Stream over another one: what is written goes out in records, what arrives is
// deciphered into a scratch buffer of the thread, so it is never over another TlsStream. Made by a
// TlsHandshake. It ends when the peer says so (close_notify); a connection that ends without is
// broken (RFC 8446 section 6.1), and both sides may finish one after the other. Owned by whoever
// speaks on it. An idle one holds no buffer.
#pragma once

#include "proxy/base/byte_account.hpp"
#include "proxy/base/loop_context.hpp"
#include "proxy/io/outbox.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::io {

class TlsSession;

// What TLS needs of the loop that it lives on: the real one or the tests'.
struct TlsLoop {
  LoopContext context;
  Outbox& outbox;
};

class TlsStream final : public Stream, private StreamEvents {
 public:
  // `session` has completed its handshake; what it has read beyond that is delivered first. Only a
  // TlsHandshake calls this.
  TlsStream(const TlsLoop& loop, std::unique_ptr<TlsSession> session);
  // Says close_notify when nothing is left unsent nor held back, as the kernel sends a FIN.
  ~TlsStream() override;

  void start(StreamEvents& events) override;
  void pause_reading() override;
  void resume_reading() override;
  // Gathers the pieces into records of up to 16 KiB.
  void write(std::span<const std::string_view> pieces) override;
  size_t unsent() const override;
  size_t unacked() const override;
  void finish() override;
  void abort() override;
  void bound_unacked(int64_t ms) override;
  // Its own plaintext; the stream below was told by whoever made it.
  void count_unsent_in(ByteAccount& account) override { x_tail.count_in(account); }
  bool is_broken() const override;
  // The kernel's count is one of ciphertext.
  std::optional<uint64_t> bytes_acked() const override { return std::nullopt; }
  uint64_t moment() const override;
  bool was_readable_at(uint64_t moment) const override;
  std::optional<int64_t> ms_since_ack() const override;
  int64_t kernel_bytes() const override;
  Address peer() const override;

 private:
  // What is still to be told, from the loop.
  enum class Ending : uint8_t { kNone, kEnd, kBroken };
  // It is told before the loop sleeps, as what arrived in this turn.
  struct Waker final : LateWriter {
    explicit Waker(TlsStream& of) : stream(of) {}
    void write_late() override;
    TlsStream& stream;
  };

  void on_read(std::string_view bytes) override;
  void on_end() override;
  void on_broken() override;
  void on_drained() override;

  bool is_doomed() const { return is_linked(); }
  bool holds_back() const;
  void wake() { x_loop.outbox.write_later(x_waker); }
  void on_wake();
  void decipher(std::string_view bytes);
  void send(std::string_view record);
  void encipher(std::string_view record);
  void send_tail();
  void shut_down();
  void die();

  TlsLoop x_loop;
  std::unique_ptr<TlsSession> x_session;
  StreamEvents* x_events = nullptr;
  CountedBuffer x_tail;  // plaintext
  Waker x_waker{*this};
  Ending x_ending = Ending::kNone;
  bool x_reading : 1 = true;     // not paused
  bool x_finishing : 1 = false;  // finish() was called
  bool x_shut : 1 = false;       // close_notify has gone
  bool x_ended : 1 = false;      // the peer has finished
  bool x_dead : 1 = false;       // broken or aborted: no more events
};

}  // namespace outrigger::io
