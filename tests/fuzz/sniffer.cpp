// Any bytes as the first ones of a connection: the verdict does not depend on how they came, once
// it is given it stays, and it always comes.
#include "proxy/downstream/sniffer.hpp"

#include <algorithm>
#include <cstdint>
#include <string>

#include "tests/fuzz/heads.hpp"

namespace outrigger::downstream {
namespace {

Speech look_in_pieces(std::string_view bytes, size_t piece, Sniffer::Expected expected) {
  Sniffer sniffer(expected);
  for (size_t size = std::min(piece, bytes.size());; size = std::min(size + piece, bytes.size())) {
    const http::Exact so_far(bytes.substr(0, size));
    const Speech speech = sniffer.look(so_far.view());
    if (speech != Speech::kUnclear || size == bytes.size()) return speech;
  }
}

void check(std::string_view bytes, Sniffer::Expected expected) {
  Sniffer sniffer(expected);
  const Speech whole = sniffer.look(bytes);
  CHECK_THAT(whole != Speech::kUnclear || bytes.size() < Sniffer::kBytesMax);
  CHECK_THAT(expected == Sniffer::Expected::kAnything || whole != Speech::kOpaque);
  CHECK_THAT(look_in_pieces(bytes, 1 + bytes.size() / 5, expected) == whole);
  if (bytes.size() < 400) CHECK_THAT(look_in_pieces(bytes, 1, expected) == whole);
}

}  // namespace
}  // namespace outrigger::downstream

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using outrigger::downstream::Sniffer;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  outrigger::downstream::check(bytes, Sniffer::Expected::kAnything);
  outrigger::downstream::check(bytes, Sniffer::Expected::kHttpOrTls);
  return 0;
}
