// The tickets that servers gave us for resumption (RFC 8446 section 4.6.1), by server. One for each
// client context, so that what was verified under other rules is never resumed. Bounded; shared by
// all threads.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <openssl/ssl.h>

namespace outrigger::io {

struct SslSessionFree {
  void operator()(SSL_SESSION* ticket) const { SSL_SESSION_free(ticket); }
};
using SslSessionPtr = std::unique_ptr<SSL_SESSION, SslSessionFree>;

class TlsTickets {
 public:
  static constexpr size_t kMost = 256;

  // The latest one for a server counts; the server longest unheard of is forgotten.
  void put(std::string_view server, SslSessionPtr ticket);
  // Null when there is none that may be used. A TLS 1.3 ticket is given out once (appendix C.4).
  SslSessionPtr take(std::string_view server);

 private:
  struct Entry {
    std::string server;
    SslSessionPtr ticket;
  };

  std::list<Entry>::iterator find(std::string_view server);

  std::mutex x_mutex;
  std::list<Entry> x_entries;  // the latest first
};

}  // namespace outrigger::io
