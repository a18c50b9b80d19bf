// Moves what an HTTP/2 session has to send into its stream. Header only; the caller's thread.
// Used by both sides, from their late write.
#pragma once

#include "proxy/http/h2_session.hpp"
#include "proxy/io/outbox.hpp"
#include "proxy/io/stream.hpp"

namespace outrigger::http {

// As far as the kernel takes it: what it did not take is at most one piece, and nothing more is
// asked of the session until that has gone. Returns the bytes that were written.
inline size_t send_pending(H2Session& session, io::Stream& stream, io::Outbox& outbox) {
  const std::span<char> into = outbox.late_scratch();
  size_t total = 0;
  while (stream.unsent() == 0) {
    const size_t size = session.write(into);
    if (size == 0) break;
    stream.write({into.data(), size});
    total += size;
  }
  return total;
}

}  // namespace outrigger::http
