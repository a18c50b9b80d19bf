// Writing heads and chunks: one framing, whatever came in.
#include <gtest/gtest.h>

#include "tests/unit/proxy/http/h1_support.hpp"

namespace outrigger::http {
namespace {

ResponseHead response(int status, Framing framing, int64_t length = -1) {
  ResponseHead head;
  head.status = status;
  head.framing = framing;
  head.content_length = length;
  return head;
}

constexpr ResponseWriting kOldClient = {Version::kHttp10, Method::kGet, false, {}};

std::string body_of(const std::string& head) { return head.substr(head.find("\r\n") + 2); }

TEST(Write, WritesARequestInOriginForm) {
  const auto parsed = read_request(
      "POST http://a:80/x HTTP/1.0\r\nA: b\r\nContent-Length: 007\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(written(parsed.head),
            "POST /x HTTP/1.1\r\nHost: a:80\r\nA: b\r\nContent-Length: 7\r\n\r\n");
}

TEST(Write, AddsViaAndCloseOnRequest) {
  const auto parsed = read_request(request_with("TE: trailers\r\n"));
  EXPECT_EQ(written(parsed.head, {true, "outrigger"}),
            "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.1 outrigger\r\nTE: trailers\r\nConnection: close, "
            "TE\r\n\r\n");
}

TEST(Write, GivesAnUpgradeItsConnectionField) {
  const auto parsed = read_request(request_with("Upgrade: websocket\r\nConnection: Upgrade\r\n"));
  EXPECT_EQ(written(parsed.head),
            "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}

TEST(Write, WritesTheStatusLineWithAReason) {
  EXPECT_TRUE(written(response(200, Framing::kLength, 0)).starts_with("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(written(response(599, Framing::kLength, 0)).starts_with("HTTP/1.1 599 \r\n"));
  ResponseHead head = response(200, Framing::kLength, 0);
  head.reason = "Fine";
  EXPECT_TRUE(written(head).starts_with("HTTP/1.1 200 Fine\r\n"));
}

TEST(Write, FramesAResponseForTheClientsVersion) {
  EXPECT_EQ(body_of(written(response(200, Framing::kLength, 5))), "Content-Length: 5\r\n\r\n");
  for (const Framing framing : {Framing::kChunked, Framing::kUntilClose}) {
    EXPECT_EQ(body_of(written(response(200, framing))), "Transfer-Encoding: chunked\r\n\r\n");
    EXPECT_EQ(body_of(written(response(200, framing), kOldClient)), "Connection: close\r\n\r\n");
  }
  EXPECT_EQ(body_of(written(response(200, Framing::kLength, 5), kOldClient)),
            "Content-Length: 5\r\nConnection: keep-alive\r\n\r\n");
  ResponseWriting closing;
  closing.close = true;
  EXPECT_EQ(body_of(written(response(200, Framing::kLength, 5), closing)),
            "Content-Length: 5\r\nConnection: close\r\n\r\n");
}

TEST(Write, ChunksWhatHasALengthInHttp2AndPromisesTrailers) {
  Arena arena{std::span<std::byte>()};
  ResponseHead head = response(200, Framing::kLength, 5);
  head.fields.add(arena, {"trailer", "x-sum", Name::kTrailer});
  EXPECT_EQ(body_of(written(head)), "Content-Length: 5\r\n\r\n");
  head.version = Version::kHttp2;
  EXPECT_EQ(body_of(written(head)), "trailer: x-sum\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(body_of(written(head, kOldClient)),
            "Content-Length: 5\r\nConnection: keep-alive\r\n\r\n");
}

TEST(Write, Case124NeverFramesWhatHasNoBody) {
  EXPECT_EQ(body_of(written(response(204, Framing::kNone))), "\r\n");
  EXPECT_EQ(body_of(written(response(103, Framing::kNone))), "\r\n");
  EXPECT_EQ(body_of(written(response(304, Framing::kNone))), "\r\n");
  EXPECT_EQ(body_of(written(response(304, Framing::kNone, 9))), "Content-Length: 9\r\n\r\n");
  EXPECT_EQ(body_of(written(response(200, Framing::kNone))), "Content-Length: 0\r\n\r\n");
  ResponseWriting to_head;
  to_head.method = Method::kHead;
  EXPECT_EQ(body_of(written(response(200, Framing::kNone), to_head)), "\r\n");
  EXPECT_EQ(body_of(written(response(200, Framing::kNone, 9), to_head)),
            "Content-Length: 9\r\n\r\n");
}

TEST(Write, WritesA101WithItsProtocol) {
  ResponseHead head = response(101, Framing::kNone);
  head.upgrade = "websocket";
  EXPECT_EQ(
      written(head),
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
}

TEST(Write, WritesChunksThatTheReaderReads) {
  std::string bytes;
  for (const size_t size : {size_t{1}, size_t{15}, size_t{16}, size_t{65536}}) {
    char line[kChunkSizeBound];
    bytes.append(line, write_chunk_size(line, size)).append(size, 'x').append(kChunkEnd);
  }
  Arena arena({});
  Fields trailers;
  trailers.add(arena, "grpc-status", "0");
  std::string last(last_chunk_bound(trailers), '#');
  EXPECT_EQ(write_last_chunk(last.data(), trailers), last.data() + last.size());
  const ReadBody body = read_body({bytes, last});
  EXPECT_EQ(body.last, BodyReader::Kind::kEnd);
  EXPECT_EQ(body.data.size(), 65568U);
  EXPECT_EQ(body.reader.trailers().value(Name::kGrpcStatus), "0");
}

TEST(Write, FitsTheLargestChunkSize) {
  char line[kChunkSizeBound];
  EXPECT_EQ(write_chunk_size(line, SIZE_MAX), line + kChunkSizeBound);
}

TEST(Write, CopiesTextOfEveryLength) {
  Arena arena({});
  for (size_t size = 0; size < 80; ++size) {
    RequestHead head;
    head.method_text = "GET";
    head.target = "/";
    head.authority = "a";
    std::string value;
    for (size_t i = 0; i < size; ++i) value += static_cast<char>('a' + i % 26);
    head.fields.add(arena, "X", arena.copy(value));
    EXPECT_EQ(written(head), "GET / HTTP/1.1\r\nHost: a\r\nX: " + value + "\r\n\r\n");
  }
}

}  // namespace
}  // namespace outrigger::http
