// The Outbox gathers what one loop callback writes to one stream (a head, then a piece of body)
// into a single send. Small pieces are copied, large ones are only pointed at: they must live until
// the end of the callback, as everything in the scratch buffer does. The loop flushes it after each
// callback; writing to another stream flushes first. What many calls share (an HTTP/2 connection)
// writes once in a turn instead, before the loop sleeps. One for each loop.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "proxy/base/intrusive_list.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::io {

// Whoever writes once in a turn, for all that happened in it. Destroying or unlinking it cancels.
class LateWriter : public ListNode<> {
 public:
  virtual void write_late() = 0;

 protected:
  ~LateWriter() = default;
};

class Outbox {
 public:
  // Copied.
  void append(Stream& stream, std::string_view bytes);
  // Not copied when large: must live until the loop callback returns.
  void append_lasting(Stream& stream, std::string_view bytes);

  // Room for `bytes` to be written in place, then commit() what was used; for heads. At most
  // kScratchBytes. The stream must be the one of the commit that follows at once.
  char* reserve(Stream& stream, size_t bytes);
  void commit(size_t bytes);

  void flush();

  // Asked for again in one turn, once counts.
  void write_later(LateWriter& writer) {
    if (!writer.is_linked()) x_late.push_back(writer);
  }
  bool has_late_writers() const { return !x_late.empty(); }
  // Where a late writer gathers. Streams may end while it is filled, and others be written to.
  std::span<char> late_scratch() { return x_late_scratch; }
  // By the loop, before it sleeps.
  void call_late_writers();
  // The stream is about to close: what is gathered for it is dropped.
  void forget(const Stream& stream);

  static constexpr size_t kScratchBytes = 128 * 1024;
  static constexpr size_t kCopyBelowBytes = 4096;

 private:
  static constexpr size_t kPieces = 16;

  void aim_at(Stream& stream);
  void add_piece(std::string_view piece);

  List<LateWriter> x_late;
  Stream* x_stream = nullptr;
  size_t x_used = 0;
  size_t x_count = 0;
  std::array<std::string_view, kPieces> x_pieces;
  std::array<char, kScratchBytes> x_scratch;
  std::array<char, kScratchBytes / 2> x_late_scratch;
};

}  // namespace outrigger::io
