#include "proxy/io/outbox.hpp"

#include <cstring>
#include <utility>

#include "proxy/base/assert.hpp"

namespace outrigger::io {

void Outbox::append(Stream& stream, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kScratchBytes);
    std::memcpy(reserve(stream, part.size()), part.data(), part.size());
    commit(part.size());
    bytes.remove_prefix(part.size());
  }
}

void Outbox::append_lasting(Stream& stream, std::string_view bytes) {
  if (bytes.size() < kCopyBelowBytes) return append(stream, bytes);
  aim_at(stream);
  if (x_count == kPieces) {
    flush();
    x_stream = &stream;
  }
  add_piece(bytes);
}

char* Outbox::reserve(Stream& stream, size_t bytes) {
  OUTRIGGER_ASSERT(bytes <= kScratchBytes);
  aim_at(stream);
  if (x_used + bytes > kScratchBytes || x_count == kPieces) {
    flush();
    x_stream = &stream;
  }
  return x_scratch.data() + x_used;
}

void Outbox::commit(size_t bytes) {
  add_piece({x_scratch.data() + x_used, bytes});
  x_used += bytes;
}

void Outbox::flush() {
  Stream* const stream = std::exchange(x_stream, nullptr);
  const size_t count = std::exchange(x_count, 0);
  x_used = 0;
  if (stream != nullptr && count > 0) stream->write({x_pieces.data(), count});
}

// Those that ask again meanwhile come in the next round.
void Outbox::call_late_writers() {
  List<LateWriter> now;
  now.splice_back(x_late);
  while (!now.empty()) now.pop_front().write_late();
  flush();
}

void Outbox::forget(const Stream& stream) {
  if (x_stream != &stream) return;
  x_stream = nullptr;
  x_count = 0;
  x_used = 0;
}

void Outbox::aim_at(Stream& stream) {
  if (x_stream == &stream) return;
  flush();
  x_stream = &stream;
}

// Neighbours in the scratch buffer become one piece.
void Outbox::add_piece(std::string_view piece) {
  if (x_count > 0) {
    std::string_view& last = x_pieces[x_count - 1];
    if (last.data() + last.size() == piece.data()) {
      last = {last.data(), last.size() + piece.size()};
      return;
    }
  }
  x_pieces[x_count++] = piece;
}

}  // namespace outrigger::io
