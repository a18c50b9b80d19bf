#include "proxy/http/h1_write.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>

namespace outrigger::http {
namespace {

constexpr size_t kNumberBound = 20;
// The lines this file writes by itself, with room to spare.
constexpr size_t kOwnLines = 256;

// Copies short text without a call: most names and many values have at most 16 bytes.
[[gnu::always_inline]] inline char* put(char* to, std::string_view text) {
  const size_t size = text.size();
  const char* const from = text.data();
  if (size >= 8 && size <= 16) {
    uint64_t head;
    uint64_t tail;
    std::memcpy(&head, from, 8);
    std::memcpy(&tail, from + size - 8, 8);
    std::memcpy(to, &head, 8);
    std::memcpy(to + size - 8, &tail, 8);
  } else if (size >= 4 && size < 8) {
    uint32_t head;
    uint32_t tail;
    std::memcpy(&head, from, 4);
    std::memcpy(&tail, from + size - 4, 4);
    std::memcpy(to, &head, 4);
    std::memcpy(to + size - 4, &tail, 4);
  } else if (size != 0) {
    std::memcpy(to, from, size);
  }
  return to + size;
}

template <size_t N>
char* put(char* to, const char (&text)[N]) {
  std::memcpy(to, text, N - 1);
  return to + N - 1;
}

char* put_number(char* to, int64_t number) {
  return std::to_chars(to, to + kNumberBound, number).ptr;
}

// A field that promises trailers goes along where they do.
char* put_fields(char* to, const Fields& fields, bool trailers) {
  for (const Field& field : fields) {
    if (field.id == Name::kTrailer && !trailers) continue;
    to = put(to, field.name);
    to = put(to, ": ");
    to = put(to, field.value);
    to = put(to, "\r\n");
  }
  return to;
}

size_t fields_bound(const Fields& fields) {
  size_t bound = 0;
  for (const Field& field : fields) bound += field.name.size() + field.value.size() + 4;
  return bound;
}

// RFC 9110 section 7.6.3: the version is that of the message as it was received.
char* put_via(char* to, Version received, std::string_view pseudonym) {
  if (pseudonym.empty()) return to;
  to = put(to, "Via: ");
  to = put(to, received == Version::kHttp10   ? std::string_view("1.0 ")
               : received == Version::kHttp11 ? std::string_view("1.1 ")
                                              : std::string_view("2 "));
  to = put(to, pseudonym);
  return put(to, "\r\n");
}

char* put_length(char* to, int64_t length) {
  to = put(to, "Content-Length: ");
  to = put_number(to, length);
  return put(to, "\r\n");
}

char* put_framing(char* to, Framing framing, int64_t length) {
  if (framing == Framing::kLength) return put_length(to, length);
  if (framing == Framing::kChunked) return put(to, "Transfer-Encoding: chunked\r\n");
  return to;
}

// One Connection field with all that this hop has to say in it.
class ConnectionField {
 public:
  explicit ConnectionField(char* to) : x_to(to) {}

  void add(std::string_view option) {
    x_to = put(x_to, x_any ? std::string_view(", ") : std::string_view("Connection: "));
    x_to = put(x_to, option);
    x_any = true;
  }
  char* end() { return x_any ? put(x_to, "\r\n") : x_to; }

 private:
  char* x_to;
  bool x_any = false;
};

char* put_upgrade(char* to, std::string_view protocols) {
  to = put(to, "Upgrade: ");
  to = put(to, protocols);
  return put(to, "\r\n");
}

// What HTTP/2 says with the end of the stream, HTTP/1 says with a length where content is expected:
// many servers answer 411 otherwise (RFC 9110 section 8.6).
bool must_say_empty(const RequestHead& head) {
  return head.version == Version::kHttp2 && head.framing == Framing::kNone && !head.asks_tunnel() &&
         (head.method == Method::kPost || head.method == Method::kPut ||
          head.method == Method::kPatch);
}

char* put_request_connection(char* to, const RequestHead& head, bool close) {
  if (head.te_trailers) to = put(to, "TE: trailers\r\n");
  if (!head.upgrade.empty()) to = put_upgrade(to, head.upgrade);
  ConnectionField connection(to);
  if (close) connection.add("close");
  if (head.te_trailers) connection.add("TE");
  if (!head.upgrade.empty()) connection.add("Upgrade");
  return connection.end();
}

char* put_status_line(char* to, const ResponseHead& head) {
  const std::string_view reason = head.reason.empty() ? reason_of(head.status) : head.reason;
  to = put(to, "HTTP/1.1 ");
  to = put_number(to, head.status);
  to = put(to, " ");
  to = put(to, reason);
  return put(to, "\r\n");
}

// Over HTTP/2 trailers may follow what has a length, over HTTP/1 only chunks.
template <class Head>
bool hides_trailers(const Head& head) {
  return head.framing == Framing::kLength && head.version == Version::kHttp2 &&
         head.fields.find(Name::kTrailer) != nullptr;
}

bool never_has_content(int status) { return status < 200 || status == 204; }

// Exactly one framing, or the declared length where no body follows (HEAD, 304).
char* put_response_framing(char* to, const ResponseHead& head, const ResponseWriting& writing) {
  if (never_has_content(head.status) || head.tunnel) return to;
  const Framing framing = framing_towards(writing.client, head);
  if (framing != Framing::kNone) return put_framing(to, framing, head.content_length);
  if (head.content_length >= 0) return put_length(to, head.content_length);
  // Without it, a client would wait for the end of the connection.
  const bool unknown_is_legal = head.status == 304 || writing.method == Method::kHead;
  return unknown_is_legal ? to : put_length(to, 0);
}

char* put_response_connection(char* to, const ResponseHead& head, const ResponseWriting& writing) {
  if (head.status == 101) return put(put_upgrade(to, head.upgrade), "Connection: Upgrade\r\n");
  if (head.status < 200 || head.tunnel) return to;
  if (!head.upgrade.empty()) to = put_upgrade(to, head.upgrade);
  ConnectionField connection(to);
  if (writing.close || framing_towards(writing.client, head) == Framing::kUntilClose) {
    connection.add("close");
  } else if (writing.client == Version::kHttp10) {
    connection.add("keep-alive");
  }
  if (!head.upgrade.empty()) connection.add("Upgrade");
  return connection.end();
}

}  // namespace

Framing framing_towards_server(const RequestHead& head) {
  return hides_trailers(head) ? Framing::kChunked : head.framing;
}

size_t request_head_bound(const RequestHead& head, const RequestWriting& writing) {
  return head.method_text.size() + std::max(head.target.size(), head.proxy_target.size()) +
         head.authority.size() + head.proxy_authorization.size() + head.upgrade.size() +
         writing.via.size() + fields_bound(head.fields) + kOwnLines;
}

char* write_request_head(char* to, const RequestHead& head, const RequestWriting& writing) {
  to = put(to, head.method_text);
  to = put(to, " ");
  to = put(to, writing.to_proxy ? head.proxy_target : head.target);
  to = put(to, " HTTP/1.1\r\nHost: ");
  to = put(to, head.authority);
  to = put(to, "\r\n");
  if (writing.to_proxy && !head.proxy_authorization.empty()) {
    to = put(to, "Proxy-Authorization: ");
    to = put(to, head.proxy_authorization);
    to = put(to, "\r\n");
  }
  const Framing framing = framing_towards_server(head);
  to = put_fields(to, head.fields, framing == Framing::kChunked);
  to = put_via(to, head.version, writing.via);
  to = put_framing(to, framing, head.content_length);
  if (must_say_empty(head)) to = put_length(to, 0);
  if (head.expects_continue) to = put(to, "Expect: 100-continue\r\n");
  to = put_request_connection(to, head, writing.close);
  return put(to, "\r\n");
}

Framing framing_towards(Version client, const ResponseHead& head) {
  const bool has_end = head.framing == Framing::kNone || head.framing == Framing::kLength;
  if (has_end && (client == Version::kHttp10 || !hides_trailers(head))) return head.framing;
  return client == Version::kHttp10 ? Framing::kUntilClose : Framing::kChunked;
}

size_t response_head_bound(const ResponseHead& head, const ResponseWriting& writing) {
  return head.reason.size() + head.upgrade.size() + writing.via.size() + fields_bound(head.fields) +
         kOwnLines;
}

char* write_response_head(char* to, const ResponseHead& head, const ResponseWriting& writing) {
  to = put_status_line(to, head);
  to = put_fields(to, head.fields, framing_towards(writing.client, head) == Framing::kChunked);
  to = put_via(to, head.version, writing.via);
  to = put_response_framing(to, head, writing);
  to = put_response_connection(to, head, writing);
  return put(to, "\r\n");
}

char* write_chunk_size(char* to, size_t size) {
  to = std::to_chars(to, to + kChunkSizeBound - 2, size, 16).ptr;
  return put(to, "\r\n");
}

size_t last_chunk_bound(const Fields& trailers) { return fields_bound(trailers) + 5; }

char* write_last_chunk(char* to, const Fields& trailers) {
  to = put(to, "0\r\n");
  to = put_fields(to, trailers, false);
  return put(to, "\r\n");
}

}  // namespace outrigger::http
