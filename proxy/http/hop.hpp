// What ends at this hop (RFC 9110 section 7.6.1): Connection and the fields it nominates,
// Keep-Alive, Proxy-Connection, TE, Upgrade, HTTP2-Settings and a caller's proxy credentials. The
// one place that takes them out of a head, for both directions, and says what they said. Pure
// functions; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "proxy/base/arena.hpp"
#include "proxy/http/message.hpp"
#include "proxy/http/side.hpp"

namespace outrigger::http {

constexpr uint64_t bit_of(Name name) { return uint64_t{1} << static_cast<unsigned>(name); }

// Not Proxy-Authenticate: we ask no upstream for anything as a proxy's client, so a 407 is for the
// caller. Not Trailer, which is as good as the trailers are.
inline constexpr uint64_t kHopNames = bit_of(Name::kConnection) | bit_of(Name::kHttp2Settings) |
                                      bit_of(Name::kKeepAlive) | bit_of(Name::kProxyAuthorization) |
                                      bit_of(Name::kProxyConnection) | bit_of(Name::kTe) |
                                      bit_of(Name::kUpgrade);

constexpr bool is_hop_field(Name id) { return (kHopNames & bit_of(id)) != 0; }

// Keeps the hop fields of one head while its fields are read, then says what they said.
class HopFields {
 public:
  // Requires: is_hop_field(field.id). An Upgrade in several fields is joined in `arena`.
  void take(const Field& field, Arena& arena);

  // After the last field: removes from `fields` what Connection nominates. False: it is a request
  // and must be refused, since it nominates too much, what is no name, or framing, routing or
  // trusted fields: that is how a caller would make us drop what the upstream relies on. A server
  // that does so is merely clumsy; its nomination is ignored.
  [[nodiscard]] bool apply(Side side, Fields& fields);

  bool close() const { return x_close; }                   // Connection: close
  bool keep_alive() const { return x_keep_alive; }         // Connection: keep-alive
  bool te_trailers() const { return x_te_trailers; }       // TE: trailers
  int64_t keep_alive_s() const { return x_keep_alive_s; }  // Keep-Alive: timeout=N
  // Proxy-Authorization: for the next proxy, which mostly is us.
  std::string_view proxy_authorization() const { return x_proxy_authorization; }
  // Upgrade, where Connection nominates it; else empty.
  std::string_view upgrade() const { return x_upgrade_nominated ? x_upgrade : std::string_view(); }
  // Upgrade, whatever it names and nobody nominates.
  std::string_view upgrades_named() const { return x_upgrade; }

 private:
  static constexpr size_t kMaxLines = 16;  // of Connection, of Upgrade

  bool read_connection(std::string_view value, Side side, Fields& fields);

  std::string_view x_connections[kMaxLines];
  std::string_view x_upgrade;
  std::string_view x_proxy_authorization;
  int64_t x_keep_alive_s = 0;
  uint8_t x_connection_count = 0;
  uint8_t x_upgrade_count = 0;
  uint8_t x_nominated = 0;
  bool x_within_bounds = true;
  bool x_close = false;
  bool x_keep_alive = false;
  bool x_te_trailers = false;
  bool x_upgrade_nominated = false;
};

// Fields that frame, route or prove: a caller may neither nominate them away, nor imitate them with
// '_' for '-', nor send them in a trailer.
bool is_protected_name(std::string_view name);

// A name of a request with '_' that some server behind us would read as a protected one
// (Content_Length), as CGI and its heirs do. Nobody reads an answer so.
bool imitates_protected_name(std::string_view name);

// Eight bytes at a time: every name that is not interned is asked.
inline bool has_underscore(std::string_view name) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  const auto has = [](uint64_t word) {
    const uint64_t zero_where_found = word ^ (kOnes * '_');
    return ((zero_where_found - kOnes) & ~zero_where_found & (kOnes * 0x80)) != 0;
  };
  const char* const data = name.data();
  const size_t size = name.size();
  if (size < 8) return name.find('_') != std::string_view::npos;
  uint64_t word;
  for (size_t at = 0; at + 8 < size; at += 8) {
    std::memcpy(&word, data + at, 8);
    if (has(word)) return true;
  }
  std::memcpy(&word, data + size - 8, 8);
  return has(word);
}

// What may stand in a trailer section (RFC 9110 section 6.5.1): nothing that frames, routes, proves
// or says what the content is.
bool is_trailer_name(Side side, std::string_view name, Name id);

}  // namespace outrigger::http
