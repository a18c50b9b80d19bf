// Bodies: counted, chunked, until close; and every abuse of chunked framing, by its number.
#include <gtest/gtest.h>

#include "tests/unit/proxy/http/h1_support.hpp"

namespace outrigger::http {
namespace {

using namespace std::string_view_literals;
using Kind = BodyReader::Kind;

constexpr Cause kMalformed = Cause::kMalformedRequest;

Cause cause_of_chunks(std::string_view bytes) {
  const ReadBody body = read_body({bytes});
  return body.last == Kind::kError ? body.cause : Cause::kNone;
}

TEST(BodyReader, IsSmall) { EXPECT_LE(sizeof(BodyReader), 80U); }

TEST(BodyReader, HasNothingToReadWithoutABody) {
  ReadBody body = read_body({"GET /next"}, Framing::kNone);
  EXPECT_EQ(body.last, Kind::kEnd);
  EXPECT_EQ(body.rest, "GET /next");
  EXPECT_TRUE(body.reader.ended());
}

TEST(BodyReader, CountsALengthAndLeavesWhatFollows) {
  ReadBody body = read_body({"he", "llo GET"}, Framing::kLength, 5);
  EXPECT_EQ(body.data, "hello");
  EXPECT_EQ(body.rest, " GET");
  EXPECT_EQ(body.last, Kind::kEnd);
  EXPECT_EQ(body.reader.body_bytes(), 5U);
}

TEST(BodyReader, KnowsTheEndOfALengthWithItsLastByte) {
  Arena arena({});
  BodyReader reader(Side::kRequest, Framing::kLength, 2);
  EXPECT_EQ(reader.feed("ab", arena, 0).kind, Kind::kData);
  EXPECT_TRUE(reader.ended());
  EXPECT_TRUE(BodyReader(Side::kRequest, Framing::kLength, 0).ended());
}

TEST(BodyReader, HandsChunkDataOutWithoutACopy) {
  Arena arena({});
  BodyReader reader(Side::kRequest, Framing::kChunked, 0);
  const std::string_view bytes = "5\r\nhello\r\n";
  const auto step = reader.feed(bytes, arena, 0);
  EXPECT_EQ(step.data.data(), bytes.data() + 3);
  EXPECT_EQ(step.data, "hello");
  EXPECT_EQ(step.consumed, 8U);
}

TEST(BodyReader, ReadsChunksAndTrailers) {
  const ReadBody body =
      read_body({"5\r\nhello\r\n00A\r\n0123456789\r\n0\r\nGrpc-Status: 0\r\nX: \r\n\r\nnext"});
  EXPECT_EQ(body.last, Kind::kEnd);
  EXPECT_EQ(body.data, "hello0123456789");
  EXPECT_EQ(body.rest, "next");
  ASSERT_EQ(body.reader.trailers().size(), 2U);
  EXPECT_EQ(body.reader.trailers().value(Name::kGrpcStatus), "0");
}

TEST(BodyReader, ReadsTheSameInEveryTwoAndThreePieces) {
  const std::string_view bytes =
      "5;a=b\r\nhello\r\n1 ;q=\"x;\\\"\"\r\n!\r\n000\r\nGrpc-Status: 0\r\nX-Y: z\r\n\r\nnext";
  for (size_t one = 0; one <= bytes.size(); ++one) {
    for (size_t two = one; two <= bytes.size(); ++two) {
      const ReadBody body =
          read_body({bytes.substr(0, one), bytes.substr(one, two - one), bytes.substr(two)});
      ASSERT_EQ(body.last, Kind::kEnd) << one << ' ' << two;
      ASSERT_EQ(body.data, "hello!");
      ASSERT_TRUE(std::string_view("next").starts_with(body.rest) || body.rest == "next");
      ASSERT_EQ(body.reader.trailers().size(), 2U);
    }
  }
}

TEST(BodyReader, ReadsTheSameByteByByte) {
  ReadBody body = read_body({});
  for (const char c : "3\r\nabc\r\n0\r\nX: y\r\n\r\n"sv) body.feed({&c, 1});
  EXPECT_EQ(body.last, Kind::kEnd);
  EXPECT_EQ(body.data, "abc");
}

TEST(BodyReader, RefusesABadChunkHoweverItIsSplit) {
  for (const auto bytes :
       {"5\nhello\r\n0\r\n\r\n"sv, "5\r\nhello\n0\r\n\r\n"sv, "5\r\nhelloX\r\n0\r\n\r\n"sv,
        "0\r\nX: y\n\r\n"sv, "0\r\nX y\r\n\r\n"sv}) {
    for (size_t split = 0; split <= bytes.size(); ++split) {
      EXPECT_EQ(read_body({bytes.substr(0, split), bytes.substr(split)}).last, Kind::kError)
          << bytes;
    }
  }
}

TEST(BodyReader, TellsATruncationFromAnEnd) {
  EXPECT_TRUE(read_body({"abc"}, Framing::kUntilClose).reader.complete_at_eof());
  EXPECT_EQ(read_body({"ab", "c"}, Framing::kUntilClose).data, "abc");
}

TEST(BodyReader, Case17SeesAShortBody) {
  EXPECT_FALSE(read_body({"abc"}, Framing::kLength, 5).reader.complete_at_eof());
  EXPECT_TRUE(read_body({"abcde"}, Framing::kLength, 5).reader.complete_at_eof());
}

TEST(BodyReader, Case20RefusesOddChunkSizes) {
  for (const auto* size :
       {"0x5", "+5", "-0", "5_0", "", " 5", "\t5", ";x", "g", "5,", "-5", "5 5"}) {
    EXPECT_EQ(cause_of_chunks(std::string(size) + "\r\nhello\r\n0\r\n\r\n"), kMalformed) << size;
  }
}

TEST(BodyReader, Case21RefusesATrailingSpace) {
  EXPECT_EQ(cause_of_chunks("5 \r\nhello\r\n0\r\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_chunks("5\t\r\nhello\r\n0\r\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_chunks("0 \r\n\r\n"), kMalformed);
}

TEST(BodyReader, Case22RefusesASizeThatDoesNotFit) {
  EXPECT_EQ(cause_of_chunks("10000000000000000\r\n"), kMalformed);
  EXPECT_EQ(cause_of_chunks("00000000000000005\r\nhello\r\n"), kMalformed);
  EXPECT_EQ(cause_of_chunks("ffffffffffffffff\r\n"), kMalformed);
  EXPECT_EQ(cause_of_chunks("8000000000000000\r\n"), kMalformed);
  EXPECT_EQ(cause_of_chunks("0000000000000005\r\nhello\r\n"), Cause::kNone);
}

TEST(BodyReader, Case23RefusesABareLineFeedAfterTheSize) {
  EXPECT_EQ(cause_of_chunks("5\nhello\r\n0\r\n\r\n"), kMalformed);
}

TEST(BodyReader, Case24RefusesABareLineFeedAfterTheData) {
  EXPECT_EQ(cause_of_chunks("5\r\nhello\n0\r\n\r\n"), kMalformed);
}

TEST(BodyReader, Case25RefusesDataThatIsNotFollowedByALineEnd) {
  EXPECT_EQ(cause_of_chunks("5\r\nabcdeXX0\r\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_chunks("5\r\nabcde\rX0\r\n\r\n"), kMalformed);
}

TEST(BodyReader, Case26RefusesABareLineFeedAtTheEnd) {
  EXPECT_EQ(cause_of_chunks("0\n\r\n"), kMalformed);
  EXPECT_EQ(cause_of_chunks("0\r\n\n"), kMalformed);
  EXPECT_EQ(cause_of_chunks("0\n\n"), kMalformed);
}

TEST(BodyReader, Case27DropsExtensions) {
  const ReadBody body = read_body({"5;name;a=b;c=\"d\\\";\"\r\nhello\r\n0;last\r\n\r\n"});
  EXPECT_EQ(body.last, Kind::kEnd);
  EXPECT_EQ(body.data, "hello");
}

TEST(BodyReader, Case28RefusesExtensionsThatHideALineEnd) {
  for (const auto extension : {"a\n"sv, "a\rb"sv, "a\0b"sv, "a=\"x\r\ny\""sv, "a=\"x"sv,
                               "a=\"x\\\r\n\""sv, "a\x01"sv, "a\x7f"sv, "a\r"sv}) {
    EXPECT_EQ(cause_of_chunks("5;" + std::string(extension) + "\r\nhello\r\n0\r\n\r\n"), kMalformed)
        << extension;
  }
}

TEST(BodyReader, Case29BoundsExtensions) {
  EXPECT_EQ(cause_of_chunks("5;" + std::string(4095, 'x') + "\r\nhello\r\n"), Cause::kNone);
  EXPECT_EQ(cause_of_chunks("5;" + std::string(4096, 'x') + "\r\nhello\r\n"), kMalformed);
  const std::string chunk = "1;" + std::string(4000, 'x') + "\r\nx\r\n";
  int passed = 0;
  ReadBody body = read_body({});
  for (; passed < 10'000 && body.last != Kind::kError; ++passed) body.feed(chunk);
  EXPECT_EQ(body.cause, kMalformed);
  EXPECT_LT(passed, 1'100);
}

// Feeds `count` chunks in pieces, `per_ms` of them in each millisecond.
ReadBody read_chunks(std::string_view chunk, int count, int per_ms) {
  constexpr int kInPiece = 1'000;
  std::string piece;
  for (int i = 0; i < kInPiece; ++i) piece += chunk;
  ReadBody body = read_body({});
  for (int fed = 0; fed < count && body.last != Kind::kError; fed += kInPiece) {
    body.now_ms = fed / per_ms;
    body.feed(piece);
    body.data.clear();
  }
  return body;
}

TEST(BodyReader, Case30RefusesAnEndlessBodyOfOneByteChunks) {
  const ReadBody body = read_chunks("1\r\nx\r\n", 4'000'000, 1'000);
  EXPECT_EQ(body.cause, kMalformed);
  EXPECT_GT(body.reader.body_bytes(), 1'000'000U);
  EXPECT_LT(body.reader.body_bytes(), 1'400'000U);
}

// Ten times the rate of a program that writes every character by itself, for the first half second;
// and more than twice its rate for ever.
TEST(BodyReader, TakesOneByteChunksAtTheRateOfAServerThatWritesEachCharacter) {
  EXPECT_EQ(read_chunks("1\r\nx\r\n", 500'000, 1'000).last, Kind::kMore);
  EXPECT_EQ(read_chunks("1\r\nx\r\n", 1'500'000, 240).last, Kind::kMore);
  EXPECT_EQ(read_chunks("40\r\n" + std::string(64, 'x') + "\r\n", 1'200'000, 10'000).last,
            Kind::kMore);
}

TEST(BodyReader, TakesAHeartbeatOfOneByteForADay) {
  constexpr int64_t kSeconds = 86'400;
  constexpr int kBeatsInASecond = 10;
  ReadBody body = read_body({});
  for (int64_t beat = 0; beat < kSeconds * kBeatsInASecond; ++beat) {
    body.now_ms = beat * 1'000 / kBeatsInASecond;
    body.feed("1;t=12345678\r\n\n\r\n");
    ASSERT_EQ(body.last, Kind::kMore) << beat;
    body.data.clear();
  }
}

TEST(BodyReader, TakesBlanksBehindTheChunkSizesOfAnAnswer) {
  const ReadBody body =
      read_body({"5    \r\nhello\r\n0 \t\r\n\r\n"}, Framing::kChunked, 0, Side::kResponse);
  EXPECT_EQ(body.last, Kind::kEnd);
  EXPECT_EQ(body.data, "hello");
}

TEST(BodyReader, MendsTheTrailersOfAnAnswer) {
  const ReadBody body =
      read_body({"0\r\nX-A : 1\r\nX-B: one\r\n two\r\nnothing\r\nSet-Cookie: x\r\n"
                 "x-request-id: 7\r\nx_forwarded_for: kept\r\n\r\n"},
                Framing::kChunked, 0, Side::kResponse);
  ASSERT_EQ(body.last, Kind::kEnd);
  ASSERT_EQ(body.reader.trailers().size(), 4U);
  EXPECT_EQ(body.reader.trailers().find("x-a")->value, "1");
  EXPECT_EQ(body.reader.trailers().find("x-b")->value, "one two");
  EXPECT_EQ(body.reader.trailers().value(Name::kXRequestId), "7");
  EXPECT_EQ(read_body({"0\r\nX: a\rb\r\n\r\n"}, Framing::kChunked, 0, Side::kResponse).cause,
            Cause::kMalformedResponse);
}

TEST(BodyReader, Case31RefusesAnEmptyLineBeforeTheLastChunk) {
  EXPECT_EQ(cause_of_chunks("5\r\nhello\r\n\r\n0\r\n\r\n"), kMalformed);
}

TEST(BodyReader, Case32DropsForbiddenTrailers) {
  const ReadBody body =
      read_body({"0\r\nContent-Length: 99\r\nTransfer-Encoding: x\r\nHost: b\r\nAuthorization: "
                 "x\r\nConnection: x\r\n"
                 "TE: x\r\nTrailer: x\r\nSet-Cookie: x\r\nX-Forwarded-For: x\r\nx-forwarded-host: "
                 "x\r\nCookie: x\r\n"
                 "Content_Length: 9\r\nUpgrade: x\r\nContent-Encoding: gzip\r\nX-Kept: 1\r\n"
                 "X-Request-Id: 1\r\n\r\n"});
  EXPECT_EQ(body.last, Kind::kEnd);
  ASSERT_EQ(body.reader.trailers().size(), 2U);
  EXPECT_EQ(body.reader.trailers().begin()->name, "X-Kept");
}

TEST(BodyReader, Case33RefusesMalformedTrailers) {
  for (const auto lines :
       {"X\r\n"sv, "X: y\r\n z\r\n"sv, "X: a\0b\r\n"sv, "X : y\r\n"sv, ": y\r\n"sv, " X: y\r\n"sv,
        "X: a\rb\r\n"sv, "X: y\nZ: w\r\n"sv, "X: a\x01\r\n"sv}) {
    EXPECT_EQ(cause_of_chunks("0\r\n" + std::string(lines) + "\r\n"), kMalformed) << lines;
  }
}

TEST(BodyReader, Case34BoundsTrailers) {
  EXPECT_EQ(cause_of_chunks("0\r\nX: " + std::string(65536, 'x')), Cause::kRequestHeadTooLarge);
  std::string lines;
  for (int i = 0; i < 101; ++i) lines += "X: y\r\n";
  EXPECT_EQ(cause_of_chunks("0\r\n" + lines + "\r\n"), Cause::kRequestHeadTooLarge);
  ReadBody response =
      read_body({"0\r\nX: " + std::string(65536, 'x')}, Framing::kChunked, 0, Side::kResponse);
  EXPECT_EQ(response.cause, Cause::kResponseHeadTooLarge);
}

TEST(BodyReader, Case35SeesAnInterruptionMidChunk) {
  const std::string_view bytes = "5\r\nhello\r\n0\r\nX: y\r\n\r\n";
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(read_body({bytes.substr(0, size)}).reader.complete_at_eof()) << size;
  }
  EXPECT_TRUE(read_body({bytes}).reader.complete_at_eof());
}

TEST(BodyReader, StaysFailed) {
  Arena arena({});
  BodyReader reader(Side::kRequest, Framing::kChunked, 0);
  EXPECT_EQ(reader.feed("x", arena, 0).kind, Kind::kError);
  EXPECT_EQ(reader.feed("0\r\n\r\n", arena, 0).kind, Kind::kError);
  EXPECT_FALSE(reader.complete_at_eof());
}

TEST(BodyReader, Case121RefusesABadChunkOfAResponse) {
  EXPECT_EQ(read_body({"5\nhello"}, Framing::kChunked, 0, Side::kResponse).cause,
            Cause::kMalformedResponse);
}

TEST(BodyReader, Case126SeesATruncatedResponse) {
  EXPECT_FALSE(read_body({"abc"}, Framing::kLength, 5, Side::kResponse).reader.complete_at_eof());
  EXPECT_FALSE(
      read_body({"5\r\nab"}, Framing::kChunked, 0, Side::kResponse).reader.complete_at_eof());
  EXPECT_TRUE(read_body({"ab"}, Framing::kUntilClose, 0, Side::kResponse).reader.complete_at_eof());
}

TEST(BodyReader, Case127StreamsWithoutKeepingAnything) {
  Arena arena({});
  BodyReader reader(Side::kResponse, Framing::kUntilClose, 0);
  const std::string piece(65536, 'x');
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(reader.feed(piece, arena, 0).consumed, piece.size());
  EXPECT_EQ(arena.heap_bytes(), 0U);
}

TEST(BodyReader, Case128KeepsGrpcStatusAmongFilteredTrailers) {
  const ReadBody body =
      read_body({"0\r\ngrpc-status: 5\r\nset-cookie: x\r\ngrpc-message: no\r\n\r\n"},
                Framing::kChunked, 0, Side::kResponse);
  EXPECT_EQ(body.reader.trailers().value(Name::kGrpcStatus), "5");
  EXPECT_EQ(body.reader.trailers().size(), 2U);
}

}  // namespace
}  // namespace outrigger::http
