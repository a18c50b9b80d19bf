#include "proxy/io/tls_tickets.hpp"

#include <algorithm>
#include <utility>

#include <openssl/x509.h>

namespace outrigger::io {
namespace {

// A resumed session is not verified again: what has ended since it was made may not be.
bool is_usable(const SSL_SESSION* ticket) {
  if (SSL_SESSION_is_resumable(ticket) != 1) return false;
  X509* const peer = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(ticket));
  return peer != nullptr && X509_cmp_current_time(X509_get0_notAfter(peer)) > 0;
}

}  // namespace

void TlsTickets::put(std::string_view server, SslSessionPtr ticket) {
  std::list<Entry> dropped;  // freed outside of the lock
  std::list<Entry> entry;
  entry.push_back({std::string(server), std::move(ticket)});
  const std::lock_guard lock(x_mutex);
  if (const auto old = find(server); old != x_entries.end()) {
    dropped.splice(dropped.begin(), x_entries, old);
  }
  x_entries.splice(x_entries.begin(), entry);
  if (x_entries.size() > kMost) {
    dropped.splice(dropped.begin(), x_entries, std::prev(x_entries.end()));
  }
}

SslSessionPtr TlsTickets::take(std::string_view server) {
  std::list<Entry> taken;
  {
    const std::lock_guard lock(x_mutex);
    const auto found = find(server);
    if (found == x_entries.end()) return nullptr;
    SSL_SESSION* const ticket = found->ticket.get();
    if (is_usable(ticket) && SSL_SESSION_get_protocol_version(ticket) < TLS1_3_VERSION) {
      SSL_SESSION_up_ref(ticket);
      return SslSessionPtr(ticket);
    }
    taken.splice(taken.begin(), x_entries, found);
  }
  if (!is_usable(taken.front().ticket.get())) return nullptr;
  return std::move(taken.front().ticket);
}

std::list<TlsTickets::Entry>::iterator TlsTickets::find(std::string_view server) {
  return std::find_if(x_entries.begin(), x_entries.end(),
                      [&](const Entry& entry) { return entry.server == server; });
}

}  // namespace outrigger::io
