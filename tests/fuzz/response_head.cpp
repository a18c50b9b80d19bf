// Any bytes as a response head, the first one choosing what was asked.
#include <cstdint>

#include "tests/fuzz/heads.hpp"

namespace outrigger::http {
namespace {

void check_round_trip(const ResponseHead& head, const Asked& asked, Arena& arena) {
  ResponseWriting writing;
  writing.method = asked.method;
  std::string text(response_head_bound(head, writing), '\0');
  text.resize(static_cast<size_t>(write_response_head(text.data(), head, writing) - text.data()));
  const bool none = is_bodiless(head.status, asked.method) && head.content_length < 0;
  CHECK_THAT(framings_in(Side::kResponse, text) == (none ? 0 : 1));
  HeadLimits wide;
  wide.head_bytes *= 2;
  wide.fields += 4;
  const HeadEnd::Look look = HeadEnd(Side::kResponse).look(text, wide);
  CHECK_THAT(look.state == HeadEnd::State::kFound && look.end == text.size());
  const auto again = parse_response_head(arena.copy(text), asked, arena, wide);
  CHECK_THAT(again);
  CHECK_THAT(again->status == head.status && again->upgrade == head.upgrade);
  CHECK_THAT(again->framing == framing_towards(Version::kHttp11, head));
  CHECK_THAT(again->content_length == head.content_length);
  check_same(again->fields, head.fields);
}

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger;
  using namespace outrigger::http;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const Asked asked{(data[0] & 1U) != 0 ? Method::kHead : Method::kGet,
                    (data[0] & 2U) != 0 ? "websocket" : ""};
  bytes.remove_prefix(1);
  Arena arena({});
  const Exact exact(bytes);
  const auto any = parse_response_head(exact.view(), asked, arena, {});
  if (any) check_fields(any->fields);
  const HeadEnd::Look look = look_in_pieces(Side::kResponse, bytes);
  if (look.state != HeadEnd::State::kFound) return 0;
  const std::string_view head = bytes.substr(look.begin, look.end - look.begin);
  const Exact copy(head);
  const auto result = parse_response_head(copy.view(), asked, arena, {});
  if (!result) return 0;
  check_fields(result->fields);
  check_text(result->reason);
  check_round_trip(*result, asked, arena);
  return 0;
}
