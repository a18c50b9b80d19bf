#include "proxy/http/websocket.hpp"

#include <array>
#include <cstdint>
#include <span>

#include "proxy/io/sha1.hpp"

namespace outrigger::http {
namespace {

constexpr std::string_view kKey = "Sec-WebSocket-Key";
constexpr std::string_view kAccept = "Sec-WebSocket-Accept";

// RFC 4648 section 4.
std::string_view base64(std::span<const uint8_t> bytes, Arena& arena) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const size_t size = (bytes.size() + 2) / 3 * 4;
  char* const begin = arena.array<char>(size);
  char* to = begin;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto at = [&](size_t k) { return k < bytes.size() ? uint32_t{bytes[k]} : 0; };
    const uint32_t group = at(i) << 16 | at(i + 1) << 8 | at(i + 2);
    for (int shift = 18; shift >= 0; shift -= 6) *to++ = kDigits[group >> shift & 63];
  }
  const size_t padding = (3 - bytes.size() % 3) % 3;
  for (size_t i = 0; i < padding; ++i) begin[size - 1 - i] = '=';
  return {begin, size};
}

}  // namespace

bool is_websocket_proof(std::string_view name) {
  return same_name(name, kKey) || same_name(name, kAccept);
}

std::string_view websocket_accept_of(std::string_view key, Arena& arena) {
  constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  return base64(io::sha1(arena.concat({key, kGuid})), arena);
}

void prove_websocket(const RequestHead& request, ResponseHead& answer, Arena& arena) {
  const Field* const key = request.fields.find(kKey);
  if (key == nullptr) return;
  Fields fields;
  for (const Field& field : answer.fields) {
    if (!same_name(field.name, kAccept)) fields.add(arena, field.name, field.value);
  }
  fields.add(arena, kAccept, websocket_accept_of(key->value, arena));
  answer.fields = fields;
}

void WebSocketProof::add_to(RequestHead& head, Arena& arena, Random& random) {
  if (!same_name(head.upgrade, "websocket") || head.fields.find(kKey) != nullptr) return;
  std::array<uint8_t, 16> bytes;
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.next());
  const std::string_view key = base64(bytes, arena);
  head.fields = head.fields.clone(arena);
  head.fields.add(arena, kKey, key);
  x_accept = websocket_accept_of(key, arena);
}

bool WebSocketProof::is_in(const ResponseHead& head) const {
  if (x_accept.empty()) return true;
  const Field* const accept = head.fields.find(kAccept);
  return accept != nullptr && accept->value == x_accept;
}

}  // namespace outrigger::http
