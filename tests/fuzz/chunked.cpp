// Any bytes as a chunked body, the first one choosing whose it is and how they are split.
#include <cstdint>

#include "proxy/http/h1_body.hpp"
#include "tests/fuzz/heads.hpp"

namespace outrigger::http {
namespace {

struct Read {
  explicit Read(Side side) : reader(side, Framing::kChunked, 0) {}

  BodyReader reader;
  BodyReader::Kind last = BodyReader::Kind::kMore;
  std::string data;
  std::string rest;
};

Read read_in_pieces(Side side, std::string_view bytes, size_t piece, Arena& arena) {
  Read read(side);
  for (size_t at = 0; at < bytes.size(); at += piece) {
    read.rest += bytes.substr(at, piece);
    do {
      const BodyReader::Step step = read.reader.feed(read.rest, arena, 0);
      CHECK_THAT(step.consumed <= read.rest.size());
      read.last = step.kind;
      read.data += step.data;
      read.rest.erase(0, step.consumed);
    } while (read.last == BodyReader::Kind::kData);
    if (read.last != BodyReader::Kind::kMore) {
      if (read.last == BodyReader::Kind::kEnd)
        read.rest += bytes.substr(std::min(at + piece, bytes.size()));
      break;
    }
  }
  return read;
}

std::string written_again(const Read& read) {
  std::string text(kChunkSizeBound, '\0');
  if (read.data.empty()) {
    text.clear();
  } else {
    text.resize(static_cast<size_t>(write_chunk_size(text.data(), read.data.size()) - text.data()));
    text.append(read.data).append(kChunkEnd);
  }
  std::string last(last_chunk_bound(read.reader.trailers()), '\0');
  last.resize(
      static_cast<size_t>(write_last_chunk(last.data(), read.reader.trailers()) - last.data()));
  return text + last;
}

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger;
  using namespace outrigger::http;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.size() < 2) return 0;
  const size_t piece = 1 + data[0] % 32U;
  const Side side = (data[0] & 0x80U) != 0 ? Side::kResponse : Side::kRequest;
  bytes.remove_prefix(1);
  Arena arena({});
  const Read whole = read_in_pieces(side, bytes, bytes.size(), arena);
  const Read split = read_in_pieces(side, bytes, piece, arena);
  CHECK_THAT(whole.last == split.last && whole.data == split.data);
  CHECK_THAT(whole.reader.complete_at_eof() == (whole.last == BodyReader::Kind::kEnd));
  if (whole.last != BodyReader::Kind::kEnd) return 0;
  CHECK_THAT(whole.rest == split.rest);
  check_fields(whole.reader.trailers());
  check_same(whole.reader.trailers(), split.reader.trailers());
  const std::string text = written_again(whole);
  const Read again = read_in_pieces(side, text, text.size(), arena);
  CHECK_THAT(again.last == BodyReader::Kind::kEnd && again.rest.empty());
  CHECK_THAT(again.data == whole.data);
  check_same(again.reader.trailers(), whole.reader.trailers());
  return 0;
}
