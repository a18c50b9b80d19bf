// What the two head targets share: nothing that passes may hold a control character, and what is
// written again must read as the same message, with exactly one framing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/framing.hpp"
#include "proxy/http/h1_head.hpp"
#include "proxy/http/h1_write.hpp"
#include "proxy/http/hop.hpp"
#include "proxy/http/text.hpp"
#include "tests/fuzz/check.hpp"

namespace outrigger::http {

// A copy with nothing behind its last byte, so that a sanitizer sees every read too far.
class Exact {
 public:
  explicit Exact(std::string_view bytes) : x_bytes(bytes.begin(), bytes.end()) {}
  std::string_view view() const { return {x_bytes.data(), x_bytes.size()}; }

 private:
  std::vector<char> x_bytes;
};

inline void check_text(std::string_view text) { CHECK_THAT(all_of_class(text, kValueChar)); }

inline void check_fields(const Fields& fields) {
  for (const Field& field : fields) {
    CHECK_THAT(is_token(field.name));
    CHECK_THAT(trim(field.value) == field.value);
    CHECK_THAT(field.id == intern(field.name));
    CHECK_THAT(!is_hop_field(field.id));
    CHECK_THAT(field.id != Name::kHost && field.id != Name::kContentLength &&
               field.id != Name::kTransferEncoding);
    check_text(field.value);
  }
}

inline void check_same(const Fields& a, const Fields& b) {
  CHECK_THAT(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    CHECK_THAT(a.begin()[i].name == b.begin()[i].name);
    CHECK_THAT(a.begin()[i].value == b.begin()[i].value);
  }
}

// Lines of `head` whose name is one of the framing fields, read as the most lenient server would;
// no client takes '_' for '-'.
inline int framings_in(Side side, std::string_view head) {
  int count = 0;
  while (!head.empty()) {
    const size_t end = std::min(head.find('\n'), head.size() - 1);
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 1);
    std::string name;
    for (const char c : line.substr(0, line.find(':'))) {
      if (c != ' ' && c != '\t' && c != '\r') {
        name += c == '_' && side == Side::kRequest ? '-' : to_lower(c);
      }
    }
    if (name == "content-length" || name == "transfer-encoding") ++count;
  }
  return count;
}

// The end must be found at the same place when the bytes come in two pieces.
inline HeadEnd::Look look_in_pieces(Side side, std::string_view bytes) {
  const HeadLimits limits;
  const HeadEnd::Look whole = HeadEnd(side).look(bytes, limits);
  for (size_t split = 1; split < bytes.size(); split += 1 + bytes.size() / 16) {
    HeadEnd end(side);
    HeadEnd::Look look = end.look(bytes.substr(0, split), limits);
    if (look.state == HeadEnd::State::kMore) look = end.look(bytes, limits);
    CHECK_THAT(look.state == whole.state && look.begin == whole.begin && look.end == whole.end);
  }
  return whole;
}

}  // namespace outrigger::http
