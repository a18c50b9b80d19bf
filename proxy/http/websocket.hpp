// How HTTP/1 proves that both ends mean a WebSocket (RFC 6455 sections 4.1 and 4.2.2). HTTP/2 needs
// no proof (RFC 8441 section 5.1), so that whoever translates gives or takes it. Any thread.
#pragma once

#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/base/random.hpp"
#include "proxy/http/message.hpp"

namespace outrigger::http {

// The name of a field that is part of the proof.
bool is_websocket_proof(std::string_view name);
// The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key.
std::string_view websocket_accept_of(std::string_view key, Arena& arena);

// For a request that went on over HTTP/2: what its caller, who speaks HTTP/1, proved gets the
// answer that nobody else gives it. No-op for a request without a key.
void prove_websocket(const RequestHead& request, ResponseHead& answer, Arena& arena);

// For a request that goes on over HTTP/1: what its caller did not have to prove, we do.
class WebSocketProof {
 public:
  // Only to a request for a WebSocket that has no key.
  void add_to(RequestHead& head, Arena& arena, Random& random);
  // Whether a 101 answers it; that of a caller's own key is the caller's to judge.
  bool is_in(const ResponseHead& head) const;

 private:
  std::string_view x_accept;  // that must come; empty: the key is not ours
};

}  // namespace outrigger::http
