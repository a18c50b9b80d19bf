// What the codec's tests share: a message goes in as text, a head or the cause of its refusal comes
// out.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/h1_body.hpp"
#include "proxy/http/h1_head.hpp"
#include "proxy/http/h1_write.hpp"

namespace outrigger::http {

// A head together with the memory that its views point into; head is valid if cause is kNone.
template <class Head>
struct Parsed {
  std::unique_ptr<Arena> arena = std::make_unique<Arena>(std::span<std::byte>());
  Cause cause = Cause::kNone;
  Head head;
  size_t consumed = 0;
};

// As a connection does it: the end is looked for, then the head is copied and read.
inline Parsed<RequestHead> read_request(std::string_view bytes, const HeadLimits& limits = {}) {
  Parsed<RequestHead> parsed;
  HeadEnd end(Side::kRequest);
  const HeadEnd::Look look = end.look(bytes, limits);
  parsed.cause = look.cause;
  if (look.state == HeadEnd::State::kMore) ADD_FAILURE() << "the head is not complete: " << bytes;
  if (look.state != HeadEnd::State::kFound) return parsed;
  parsed.consumed = look.end;
  const std::string_view head = bytes.substr(look.begin, look.end - look.begin);
  const auto result = parse_request_head(parsed.arena->copy(head), *parsed.arena, limits);
  if (result) {
    parsed.head = *result;
  } else {
    parsed.cause = result.error();
  }
  return parsed;
}

inline Parsed<ResponseHead> read_response(std::string_view bytes, const Asked& asked = {},
                                          const HeadLimits& limits = {}) {
  Parsed<ResponseHead> parsed;
  HeadEnd end(Side::kResponse);
  const HeadEnd::Look look = end.look(bytes, limits);
  parsed.cause = look.cause;
  if (look.state == HeadEnd::State::kMore) ADD_FAILURE() << "the head is not complete: " << bytes;
  if (look.state != HeadEnd::State::kFound) return parsed;
  parsed.consumed = look.end;
  const std::string_view head = bytes.substr(look.begin, look.end - look.begin);
  const auto result = parse_response_head(parsed.arena->copy(head), asked, *parsed.arena, limits);
  if (result) {
    parsed.head = *result;
  } else {
    parsed.cause = result.error();
  }
  return parsed;
}

// "GET / HTTP/1.1", Host and these lines (each with its line end), then the empty line.
inline std::string request_with(std::string_view lines, std::string_view start = "GET / HTTP/1.1") {
  return std::string(start) + "\r\nHost: a\r\n" + std::string(lines) + "\r\n";
}

inline std::string response_with(std::string_view lines,
                                 std::string_view start = "HTTP/1.1 200 OK") {
  return std::string(start) + "\r\n" + std::string(lines) + "\r\n";
}

inline Cause cause_of_request(std::string_view bytes) { return read_request(bytes).cause; }
inline Cause cause_of_lines(std::string_view lines) {
  return cause_of_request(request_with(lines));
}

inline std::string written(const RequestHead& head, const RequestWriting& writing = {}) {
  std::string text(request_head_bound(head, writing), '#');
  text.resize(static_cast<size_t>(write_request_head(text.data(), head, writing) - text.data()));
  return text;
}

inline std::string written(const ResponseHead& head, const ResponseWriting& writing = {}) {
  std::string text(response_head_bound(head, writing), '#');
  text.resize(static_cast<size_t>(write_response_head(text.data(), head, writing) - text.data()));
  return text;
}

// What came out of a body that arrives in these pieces; unconsumed bytes are kept, as a connection
// does.
struct ReadBody {
  std::unique_ptr<Arena> arena = std::make_unique<Arena>(std::span<std::byte>());
  BodyReader reader;
  std::string data;
  std::string rest;
  BodyReader::Kind last = BodyReader::Kind::kMore;
  Cause cause = Cause::kNone;
  int64_t now_ms = 0;

  void feed(std::string_view piece) {
    rest += piece;
    std::string_view left = rest;
    while (last == BodyReader::Kind::kMore || last == BodyReader::Kind::kData) {
      const BodyReader::Step step = reader.feed(left, *arena, now_ms);
      last = step.kind;
      cause = step.cause;
      data += step.data;
      left.remove_prefix(step.consumed);
      if (last == BodyReader::Kind::kMore) break;
    }
    rest.erase(0, rest.size() - left.size());
  }
};

inline ReadBody read_body(const std::vector<std::string_view>& pieces,
                          Framing framing = Framing::kChunked, int64_t length = 0,
                          Side side = Side::kRequest) {
  ReadBody body;
  body.reader = BodyReader(side, framing, length);
  for (const std::string_view piece : pieces) body.feed(piece);
  return body;
}

}  // namespace outrigger::http
