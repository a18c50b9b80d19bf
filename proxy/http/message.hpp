// The heads of a request and a response, whatever version of HTTP carried them. Plain values; every
// view points into the arena of the exchange. Framing fields (content-length, transfer-encoding)
// and hop fields are not in `fields`: the codec took them out and says what they said. One thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/http/fields.hpp"

namespace outrigger::http {

enum class Method : uint8_t {
  kOther,
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kConnect,
  kOptions,
  kTrace,
  kPatch,
};

Method method_from(std::string_view name);  // case-sensitive (RFC 9110 section 9.1)
// RFC 9110 sections 9.2.1 and 9.2.2. An unknown method is neither.
bool is_safe(Method method);
bool is_idempotent(Method method);

// kNone: an opaque connection, which is no HTTP at all.
enum class Version : uint8_t { kHttp10, kHttp11, kHttp2, kNone };

// How the length of a body is known (RFC 9112 section 6.3).
enum class Framing : uint8_t { kNone, kLength, kChunked, kUntilClose };

struct RequestHead {
  Method method = Method::kGet;
  Version version = Version::kHttp11;
  Framing framing = Framing::kNone;
  bool keep_alive = true;         // the caller's wish
  bool expects_continue = false;  // Expect: 100-continue
  bool te_trailers = false;       // the caller accepts trailers (RFC 9110 section 10.1.4)
  bool absolute_form = false;     // the target named the authority (RFC 9112 section 3.2.2)
  bool tunnel = false;            // CONNECT or an opaque connection: bytes to the authority
  std::string_view method_text;
  std::string_view authority;  // host[:port] of the target or Host; may be empty with HTTP/1.0
  std::string_view target;     // origin form, path and query, or "*"
  std::string_view upgrade;    // the protocols the caller asks to switch to; else empty
  int64_t content_length = 0;  // of Framing::kLength
  Fields fields;               // without Host
  // Only for a call to a proxy behind us, else empty: the target as the caller wrote it, in
  // absolute or authority form, and its credentials for that proxy.
  std::string_view proxy_target;
  std::string_view proxy_authorization;

  std::string_view path() const { return target.substr(0, target.find('?')); }
  // Whether its answer may be a tunnel.
  bool asks_tunnel() const { return tunnel || !upgrade.empty(); }
  // Whether what the caller sends behind the head belongs to that tunnel, and goes nowhere before
  // it. An Upgrade of HTTP/1 is a request like any other until its 101 (RFC 9110 section 7.8).
  bool begins_tunnel() const { return tunnel || (!upgrade.empty() && version == Version::kHttp2); }
  bool is_for_proxy() const { return !proxy_target.empty(); }
};

struct ResponseHead {
  int status = 0;
  Version version = Version::kHttp11;
  Framing framing = Framing::kNone;  // kNone: no body (also HEAD, 204, 304)
  bool keep_alive = true;            // the upstream's wish
  bool tunnel = false;               // bytes follow, each way until its end: 101, 2xx to CONNECT
  bool stream = false;               // as is_stream() says, once a leg has it
  int64_t keep_alive_s = 0;          // Keep-Alive: timeout=N; 0: not said
  int64_t content_length = -1;       // as declared (also for HEAD); -1: not declared
  std::string_view reason;
  std::string_view upgrade;  // of a 101: what the connection speaks from now on
  Fields fields;
};

// A response that goes on for as long as it likes: text/event-stream, gRPC, a tunnel.
bool is_stream(const ResponseHead& head);

}  // namespace outrigger::http
