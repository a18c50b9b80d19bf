#include "proxy/io/tls_stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "proxy/base/assert.hpp"
#include "proxy/base/log.hpp"
#include "proxy/io/loop.hpp"
#include "proxy/io/tls_session.hpp"

namespace outrigger::io {
namespace {

constexpr size_t kRecordBytes = TlsSession::kRecordBytes;

// One for each thread that uses TLS, which has one loop: views of it live until that loop's
// callback returns. A read of the stream below never deciphers to more, with the rest of a record
// before it.
std::span<char> plain_scratch() {
  using Bytes = std::array<char, Loop::kReadScratchBytes + 2 * kRecordBytes>;
  thread_local const auto bytes = std::make_unique<Bytes>();
  return *bytes;
}

// Where small pieces become one record.
std::span<char> record_scratch() {
  using Bytes = std::array<char, kRecordBytes>;
  thread_local const auto bytes = std::make_unique<Bytes>();
  return *bytes;
}

}  // namespace

TlsStream::TlsStream(const TlsLoop& loop, std::unique_ptr<TlsSession> session)
    : x_loop(loop), x_session(std::move(session)) {
  x_session->inner().pause_reading();
  x_session->inner().start(*this);
}

TlsStream::~TlsStream() {
  x_loop.outbox.forget(*this);
  if (!x_dead && !x_shut && x_reading && unsent() == 0) x_session->close();
}

void TlsStream::start(StreamEvents& events) {
  x_events = &events;
  if (x_reading) resume_reading();
}

void TlsStream::pause_reading() {
  x_reading = false;
  x_session->inner().pause_reading();
}

void TlsStream::resume_reading() {
  x_reading = true;
  if (x_dead || x_events == nullptr) return;
  if (holds_back()) {
    wake();
  } else {
    x_session->inner().resume_reading();
  }
}

bool TlsStream::holds_back() const {
  return x_ending != Ending::kNone || !x_session->held().empty();
}

// What goes on may point into the scratch buffer, which the next one to be woken uses too.
void TlsStream::Waker::write_late() {
  Outbox& outbox = stream.x_loop.outbox;
  stream.on_wake();
  outbox.flush();
}

// One event each time, as from a socket.
void TlsStream::on_wake() {
  if (is_doomed() || x_dead || !x_reading || x_events == nullptr) return;
  if (!x_session->held().empty()) {
    const Buffer held = std::exchange(x_session->held(), {});
    decipher(held.view());
    if (x_dead || is_doomed() || !x_reading) return;
    return resume_reading();
  }
  if (x_ending == Ending::kBroken) return die();
  if (std::exchange(x_ending, Ending::kNone) != Ending::kEnd) return;
  x_ended = true;
  // A reset may still follow.
  x_session->inner().resume_reading();
  x_events->on_end();
}

void TlsStream::on_read(std::string_view bytes) {
  if (is_doomed() || x_dead || x_ended || x_ending != Ending::kNone) return;
  decipher(bytes);
}

void TlsStream::decipher(std::string_view bytes) {
  const std::span<char> scratch = plain_scratch();
  const auto [count, step] = x_session->decipher(bytes, scratch, x_loop.context.clock.now_ms());
  if (step == TlsSession::Step::kEnded) x_ending = Ending::kEnd;
  if (step == TlsSession::Step::kFailed) {
    x_ending = Ending::kBroken;
    log::repeated(log::Level::kWarning, "tls connection failed",
                  {{"why", x_session->reason()}, {"peer", peer().to_string()}});
  }
  if (x_ending != Ending::kNone) wake();
  if (count > 0) x_events->on_read({scratch.data(), count});
}

// Without close_notify somebody may have cut the connection.
void TlsStream::on_end() {
  if (!x_ended && x_ending != Ending::kEnd) on_broken();
}

void TlsStream::on_broken() {
  if (is_doomed() || x_dead) return;
  if (x_events != nullptr) return die();
  x_ending = Ending::kBroken;
}

void TlsStream::die() {
  x_dead = true;
  x_tail.clear();
  x_waker.unlink();
  x_events->on_broken();
}

void TlsStream::write(std::span<const std::string_view> pieces) {
  if (x_finishing || x_dead) return;
  const std::span<char> record = record_scratch();
  size_t used = 0;
  for (std::string_view piece : pieces) {
    while (!piece.empty()) {
      if (used == 0 && (piece.size() >= record.size() || pieces.size() == 1)) {
        send(piece.substr(0, record.size()));
        piece.remove_prefix(std::min(piece.size(), record.size()));
        continue;
      }
      const size_t count = std::min(record.size() - used, piece.size());
      std::memcpy(record.data() + used, piece.data(), count);
      used += count;
      piece.remove_prefix(count);
      if (used < record.size()) continue;
      send({record.data(), used});
      used = 0;
    }
  }
  if (used > 0) send({record.data(), used});
}

// What the stream below does not take at once waits as plaintext: it can still be dropped.
void TlsStream::send(std::string_view record) {
  if (unsent() > 0) return x_tail.append(record);
  encipher(record);
}

void TlsStream::encipher(std::string_view record) {
  if (x_session->encipher(record) || x_ending != Ending::kNone) return;
  x_ending = Ending::kBroken;
  wake();
}

size_t TlsStream::unsent() const { return x_tail.size() + x_session->inner().unsent(); }

size_t TlsStream::unacked() const { return x_tail.size() + x_session->inner().unacked(); }

void TlsStream::on_drained() {
  if (is_doomed() || x_dead) return;
  while (!x_tail.empty() && x_session->inner().unsent() == 0) {
    const std::string_view record = x_tail.view().substr(0, kRecordBytes);
    encipher(record);
    x_tail.consume(record.size());
  }
  if (unsent() > 0) return;
  if (x_finishing) shut_down();
  if (x_events != nullptr) x_events->on_drained();
}

void TlsStream::finish() {
  if (x_finishing) return;
  x_loop.outbox.flush();
  x_finishing = true;
  if (x_tail.empty() && !x_dead) shut_down();
}

void TlsStream::shut_down() {
  if (x_shut) return;
  x_shut = true;
  x_session->close();
  x_session->inner().finish();
}

void TlsStream::abort() {
  x_loop.outbox.forget(*this);
  x_tail.clear();
  x_dead = true;
  x_waker.unlink();
  x_session->inner().abort();
}

std::optional<int64_t> TlsStream::ms_since_ack() const { return x_session->inner().ms_since_ack(); }

void TlsStream::bound_unacked(int64_t ms) { x_session->inner().bound_unacked(ms); }

bool TlsStream::is_broken() const { return x_dead || x_session->inner().is_broken(); }

uint64_t TlsStream::moment() const { return x_session->inner().moment(); }

bool TlsStream::was_readable_at(uint64_t moment) const {
  return x_session->inner().was_readable_at(moment);
}

int64_t TlsStream::kernel_bytes() const { return x_session->inner().kernel_bytes(); }
Address TlsStream::peer() const { return x_session->inner().peer(); }

}  // namespace outrigger::io
