// Any bytes as a request head.
#include <cstdint>

#include "proxy/http/authority.hpp"
#include "tests/fuzz/heads.hpp"

namespace outrigger::http {
namespace {

void check_request(const RequestHead& head) {
  CHECK_THAT(is_token(head.method_text));
  CHECK_THAT(head.target == "*" || head.target.starts_with('/'));
  CHECK_THAT(target_prefix(head.target) == head.target.size());
  CHECK_THAT(head.authority.empty() || is_authority(head.authority));
  CHECK_THAT(head.framing == Framing::kLength || head.content_length == 0);
  CHECK_THAT(head.framing != Framing::kUntilClose);
  check_text(head.upgrade);
  check_fields(head.fields);
}

void check_round_trip(RequestHead head, Arena& arena) {
  if (head.authority.empty()) head.authority = "upstream";  // HTTP/1.0; the forwarder names it
  std::string text(request_head_bound(head, {}), '\0');
  text.resize(static_cast<size_t>(write_request_head(text.data(), head, {}) - text.data()));
  CHECK_THAT(framings_in(Side::kRequest, text) == (head.framing == Framing::kNone ? 0 : 1));
  HeadLimits wide;
  wide.head_bytes *= 2;  // Host and Connection may be spelled longer than they came
  wide.fields += 4;
  const HeadEnd::Look look = HeadEnd(Side::kRequest).look(text, wide);
  CHECK_THAT(look.state == HeadEnd::State::kFound && look.begin == 0 && look.end == text.size());
  const auto again = parse_request_head(arena.copy(text), arena, wide);
  CHECK_THAT(again);
  CHECK_THAT(again->method_text == head.method_text && again->target == head.target);
  CHECK_THAT(again->authority == head.authority && again->upgrade == head.upgrade);
  CHECK_THAT(again->framing == head.framing && again->content_length == head.content_length);
  CHECK_THAT(again->te_trailers == head.te_trailers);
  CHECK_THAT(again->expects_continue == head.expects_continue);
  check_same(again->fields, head.fields);
}

}  // namespace
}  // namespace outrigger::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace outrigger;
  using namespace outrigger::http;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  Arena arena({});
  const HeadLimits limits;
  // The parser must stand any bytes, even those that the search for the end would not let pass.
  const Exact exact(bytes);
  const auto any = parse_request_head(exact.view(), arena, limits);
  if (any) check_request(*any);
  const HeadEnd::Look look = look_in_pieces(Side::kRequest, bytes);
  if (look.state != HeadEnd::State::kFound) return 0;
  const std::string_view head = bytes.substr(look.begin, look.end - look.begin);
  const Exact copy(head);
  const auto result = parse_request_head(copy.view(), arena, limits);
  if (!result) return 0;
  check_request(*result);
  check_round_trip(*result, arena);
  return 0;
}
